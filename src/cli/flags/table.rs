//! All options of one program, and how its help begins and ends.

use super::{Flag, Means};

/// The options of a program whose options are an `O`.
#[derive(Debug)]
pub struct Table<O: 'static> {
    /// The program's name.
    pub program: &'static str,
    /// The help's first lines: how the program is used, and what for.
    pub introduction: &'static str,
    /// The help's last lines.
    pub closing: &'static str,
    /// How many words stand before PROGRAM; options may stand among them.
    pub operands: usize,
    /// The options, in the order of help and manual.
    pub(super) sections: &'static [&'static [Flag<O>]],
}

impl<O> Table<O> {
    /// Every option, in the order of help and manual.
    pub fn all(&self) -> impl Iterator<Item = &'static Flag<O>> + use<O> {
        self.sections.iter().copied().flatten()
    }

    /// Finds an option by any of its names, dashes included.
    pub fn find(&self, spelled: &str) -> Option<(&'static Flag<O>, Means)> {
        self.all().find_map(|flag| {
            let alias = flag.aliases.iter().find(|alias| alias.name == spelled);
            let means = if flag.is_spelled(spelled) {
                Some(Means::Same)
            } else {
                alias.map(|alias| alias.means)
            };
            means.map(|means| (flag, means))
        })
    }

    /// All names there are, dashes included.
    pub fn names(&self) -> impl Iterator<Item = String> + use<O> {
        self.all().flat_map(|flag| {
            let short = flag.short.map(|short| format!("-{short}"));
            let aliases = flag.aliases.iter().map(|alias| alias.name.to_owned());
            short
                .into_iter()
                .chain([format!("--{}", flag.long)])
                .chain(aliases)
        })
    }
}
