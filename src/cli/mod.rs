//! The command line: from arguments to a checked [`Config`], or to a sentence that says what is wrong.
//!
//! Floor 3. [`flags`] is the tables in which every option stands once; parser, help, completions and
//! the checks on manual and README read it. Two stages: *parse* splits and reads values into
//! [`Options`], *check* judges them together and looks at the file system.

mod check;
#[cfg(feature = "client")]
mod dial;
mod encryption;
pub mod flags;
mod fuzz;
pub mod help;
mod options;
mod parse;
mod personality;
mod program;
mod root;
mod said;
mod say;
mod value;

#[cfg(test)]
mod tests;

#[cfg(feature = "client")]
pub use dial::DialOptions;
pub use fuzz::fuzz_flags;
pub use options::Options;
pub use said::{Spoken, Words};
pub use say::{print, report};

use std::ffi::{OsStr, OsString};
use std::fmt;

use flags::SERVE;
use personality::Personality;

use crate::daemon::Config;
use crate::log::{Format, Level};

/// What a command line asks for.
#[derive(Debug)]
pub enum Outcome {
    /// To serve.
    Serve {
        /// All that the listener and its sessions need.
        config: Box<Config>,
        /// How much is logged.
        level: Level,
        /// What a line of the log looks like.
        format: Format,
    },
    /// To leave, since this could be served: what is wrong with it would have been found.
    Check(Box<Config>),
    /// To print this on stdout and leave: help, version, license.
    Print(String),
}

/// Why a command line cannot be served: what the person at the keyboard reads, and the exit status.
///
/// Its `Display` is one line without a line feed, beginning with the program's name.
#[derive(Debug, Eq, PartialEq)]
pub struct Failure {
    /// 100: wrong usage; 111: the system refused; 126: PROGRAM cannot be run; 127: it was not found.
    pub status: u8,
    /// Who says it.
    program: &'static str,
    /// The sentence: lower case, no full stop.
    message: String,
}

impl Failure {
    /// Wrong usage. The `message` names option and value and says what would be right.
    fn usage(message: impl fmt::Display) -> Self {
        Self::of_status(100, message)
    }

    /// Wrong usage: only one of the two can hold.
    fn exclude(one: &str, other: &str) -> Self {
        Self::usage(format_args!(
            "{one} and {other} exclude each other: give one of them"
        ))
    }

    /// Anything else, with its exit status.
    fn of_status(status: u8, message: impl fmt::Display) -> Self {
        Self {
            status,
            program: "",
            message: message.to_string(),
        }
    }

    /// Said by the program of that name.
    fn said_by(self, program: &'static str) -> Self {
        Self { program, ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program, message, ..
        } = self;
        match self.status {
            100 => write!(f, "{program}: {message}; see {program} --help"),
            _ => write!(f, "{program}: {message}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Reads a command line of `websockd`, without the program's own name.
///
/// Looks up PROGRAM and directories in the file system, and loads certificates and keys; changes
/// nothing.
///
/// # Errors
///
/// See [`Failure::status`].
pub fn parse<I>(args: I) -> Result<Outcome, Failure>
where
    I: IntoIterator<Item = OsString>,
{
    parse_called(OsStr::new(SERVE.program), args)
}

/// What a command line of `websock` asks for.
#[cfg(feature = "client")]
#[derive(Debug)]
pub enum DialOutcome {
    /// To connect.
    Dial(Box<crate::dial::Config>),
    /// To print this on stdout and leave: help, version, license.
    Print(String),
}

/// Reads a command line of `websock`, without the program's own name.
///
/// Looks up PROGRAM in the file system, and changes nothing.
///
/// # Errors
///
/// See [`Failure::status`].
#[cfg(feature = "client")]
pub fn parse_dial<I>(args: I) -> Result<DialOutcome, Failure>
where
    I: IntoIterator<Item = OsString>,
{
    let outcome = parse::read(&flags::DIAL, args).and_then(|options: DialOptions| {
        Ok(match options.words.text {
            Some(text) => DialOutcome::Print(text()),
            None => DialOutcome::Dial(Box::new(dial::config(options)?)),
        })
    });
    outcome.map_err(|failure| failure.said_by(flags::DIAL.program))
}

/// [`parse()`] for a program that is called `name`, which may stand for another one's manners.
///
/// # Errors
///
/// See [`Failure::status`].
pub fn parse_called<I>(name: &OsStr, args: I) -> Result<Outcome, Failure>
where
    I: IntoIterator<Item = OsString>,
{
    serve(name, args).map_err(|failure| failure.said_by(SERVE.program))
}

fn serve<I>(name: &OsStr, args: I) -> Result<Outcome, Failure>
where
    I: IntoIterator<Item = OsString>,
{
    let options = match Personality::of(name) {
        None => parse::read(&SERVE, args)?,
        Some(personality) => {
            let mut options = parse::read(&SERVE, personality::rewrite(&SERVE, args))?;
            personality.complete(&SERVE, &mut options)?;
            options
        }
    };
    if let Some(text) = options.words.text {
        return Ok(Outcome::Print(text()));
    }
    let (level, format) = (options.log_level, options.log_format);
    let is_check = options.check;
    let config = Box::new(check::config(options)?);
    if is_check {
        return Ok(Outcome::Check(config));
    }
    Ok(Outcome::Serve {
        config,
        level,
        format,
    })
}
