//! What every program of ours has.

use std::ffi::OsStr;

use super::{Alias, Flag, Means, Preset, Takes};
use crate::cli::{Spoken, help, value};

impl<O> Flag<O> {
    /// How messages look to the other side; which heading it stands under, and where its value goes, is
    /// the program's.
    pub(super) const RECORD: Self = Self {
        long: "record",
        aliases: &[
            Alias {
                name: "-0",
                means: Means::Fixed {
                    yes: "nul",
                    no: "line",
                },
            },
            Alias {
                name: "-b",
                means: RAW,
            },
            Alias {
                name: "--binary",
                means: RAW,
            },
        ],
        takes: Takes::OneOf("HOW", &["line", "nul", "typed", "raw"]),
        default: Preset::Value("line"),
        help: "line, nul (-0), typed or raw (-b)",
        ..Self::BLANK
    };
}

const RAW: Means = Means::Fixed {
    yes: "raw",
    no: "line",
};

/// What is answered instead of doing anything else.
impl<O: Spoken> Flag<O> {
    pub(super) const HELP: Self = Self {
        long: "help",
        short: Some('h'),
        help: "print this and leave",
        set: |options, value| ask_for(options, value, || help::help(O::table())),
        ..Self::BLANK
    };

    pub(super) const VERSION: Self = Self {
        long: "version",
        short: Some('V'),
        help: "print the version and leave",
        set: |options, value| ask_for(options, value, || help::version(O::table())),
        ..Self::BLANK
    };

    pub(super) const LICENSE: Self = Self {
        long: "license",
        help: "print the license and leave",
        set: |options, value| ask_for(options, value, help::license),
        ..Self::BLANK
    };
}

fn ask_for<O: Spoken>(options: &mut O, value: &OsStr, text: fn() -> String) -> Result<(), String> {
    options.words_mut().text = value::boolean(value)?.then_some(text);
    Ok(())
}
