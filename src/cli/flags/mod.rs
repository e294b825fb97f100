//! The tables, one for each program: every option once. What is not here does not exist; what is here
//! is in the help, the manual, the README and the completions, by test.
//!
//! To add an option: one entry in the file of its section, one field in the program's options, its
//! paragraph in the manual.

use std::ffi::OsStr;

use super::Options;

mod clients;
#[cfg(feature = "client")]
mod dial;
mod general;
mod limits;
mod listening;
mod privileges;
mod process;
mod service;
mod shared;
mod table;
mod tls;

#[cfg(feature = "client")]
pub use dial::DIAL;
pub use table::Table;

/// One option of a program whose options are an `O`.
#[derive(Debug)]
pub struct Flag<O = Options> {
    /// Its name, hyphenated words.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// What else it is called, and what is meant by that.
    pub aliases: &'static [Alias],
    /// What follows it.
    pub takes: Takes,
    /// What holds without it.
    pub default: Preset,
    /// Whether it may be given more than once, each time adding to what was said before.
    pub is_repeatable: bool,
    /// Where the help lists it.
    pub section: Section,
    /// One line, with the default at most as long as the help's right column.
    pub help: &'static str,
    /// Reads a value into the options.
    ///
    /// # Errors
    ///
    /// The value is none of the option's: the end of the sentence, saying what would be right.
    pub set: fn(&mut O, &OsStr) -> Result<(), String>,
}

/// Another name of an option.
#[derive(Debug)]
pub struct Alias {
    /// With its dashes.
    pub name: &'static str,
    /// What its value, if it has one, is in the option's own terms.
    pub means: Means,
}

/// What an alias's value is in the option's own terms.
#[derive(Clone, Copy, Debug)]
pub enum Means {
    /// The same.
    Same,
    /// The alias is a boolean that stands for one of the option's values.
    Fixed {
        /// Given, or given as true.
        yes: &'static str,
        /// Given as false.
        no: &'static str,
    },
    /// What this makes of it, such as a number with its unit.
    Converted(fn(&str) -> String),
}

/// What follows an option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Takes {
    /// Nothing: it is a boolean, and `--name=false` is as good as nothing said.
    Nothing,
    /// A value, called this in the help.
    Value(&'static str),
    /// One of these words, called this in the help.
    OneOf(&'static str, &'static [&'static str]),
    /// A directory, called this in the help.
    Directory(&'static str),
    /// A file, called this in the help.
    File(&'static str),
}

impl Takes {
    /// What the value is called.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Value(name) | Self::OneOf(name, _) | Self::Directory(name) | Self::File(name) => {
                Some(name)
            }
        }
    }
}

/// What holds when an option is not given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preset {
    /// Nothing to be told.
    Nothing,
    /// This value, as it could be typed. It is read like one.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
}

impl Preset {
    /// As the help and the manual show it.
    pub fn printed(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Value(text) | Self::Words(text) => Some(text),
        }
    }
}

/// The help's headings, in its order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the headings are the documentation")]
pub enum Section {
    Listening,
    Connecting,
    Encryption,
    Messages,
    Records,
    Ending,
    Service,
    Clients,
    Http,
    Limits,
    Privileges,
    Process,
    Log,
    Other,
}

impl Section {
    /// As it is printed.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Listening => "Where connections come from",
            Self::Connecting => "How to connect",
            Self::Encryption => "Encryption",
            Self::Records => "How messages look",
            Self::Ending => "How it ends",
            Self::Messages => "How messages look to the service",
            Self::Service => "The service",
            Self::Clients => "Who may connect",
            Self::Http => "HTTP",
            Self::Limits => "Limits",
            Self::Privileges => "Privileges",
            Self::Process => "The process",
            Self::Log => "Log",
            Self::Other => "Other",
        }
    }
}

/// The options of `websockd`.
pub static SERVE: Table<Options> = Table {
    program: "websockd",
    introduction: "\
Usage: websockd [OPTION]... [--] PROGRAM [ARG]...
       websockd [OPTION]... --dir DIR | --static-dir DIR | --cgi-dir DIR
Starts PROGRAM for each WebSocket client: messages are records on its standard
input, records on its standard output are messages.
",
    closing: "
D reads 500ms, 10s, 2m; SIZE reads 4096, 64K, 16M. Example: websockd -p 8080 cat
",
    operands: 0,
    sections: &[
        listening::FLAGS,
        tls::FLAGS,
        service::FLAGS,
        clients::FLAGS,
        limits::FLAGS,
        privileges::FLAGS,
        process::FLAGS,
        general::FLAGS,
    ],
};

/// Where an entry of `websockd` says nothing.
const FLAG: Flag = Flag::BLANK;

impl<O> Flag<O> {
    /// Where an entry says nothing.
    const BLANK: Self = Self {
        long: "",
        short: None,
        aliases: &[],
        takes: Takes::Nothing,
        default: Preset::Nothing,
        is_repeatable: false,
        section: Section::Other,
        help: "",
        set: |_, _| Ok(()),
    };

    fn is_spelled(&self, spelled: &str) -> bool {
        match spelled.strip_prefix("--") {
            Some(long) => long == self.long,
            None => spelled
                .strip_prefix('-')
                .is_some_and(|letter| self.short.is_some_and(|short| letter.chars().eq([short]))),
        }
    }
}

fn store<T>(slot: &mut T, read: Result<T, String>) -> Result<(), String> {
    *slot = read?;
    Ok(())
}

fn append<T>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) -> Result<(), String> {
    list.extend(more);
    Ok(())
}

/// websocketd's `--pingms`: a bare number is milliseconds.
fn milliseconds(value: &str) -> String {
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        format!("{value}ms")
    } else {
        value.to_owned()
    }
}
