//! What was said on a command line, word for word: options judge each other by it, and a message
//! repeats it.

use std::ffi::{OsStr, OsString};

use super::Failure;
use super::flags::{Flag, Preset, Table, Takes};
use super::value;

/// The words of a command line.
#[derive(Debug, Default)]
pub struct Words {
    /// What stands before PROGRAM and is no option.
    pub operands: Vec<OsString>,
    /// PROGRAM and its arguments.
    pub command: Vec<OsString>,
    /// What makes the text to print instead of doing anything else.
    pub text: Option<fn() -> String>,
    said: Vec<Said>,
}

/// One option on the command line.
#[derive(Debug)]
struct Said {
    /// The option's name in the table.
    long: &'static str,
    /// Its name as typed.
    spelled: String,
    /// Its value in the table's terms.
    value: OsString,
    /// As typed, for messages.
    typed: String,
}

/// The options of one program, which remember how they were given.
pub trait Spoken: Default + 'static {
    /// The table they are read by.
    fn table() -> &'static Table<Self>;

    /// How they were given.
    fn words(&self) -> &Words;

    /// How they were given, to be added to.
    fn words_mut(&mut self) -> &mut Words;

    /// How an option was given, if it was: `--port "80"`.
    fn said(&self, long: &str) -> Option<&str> {
        let mut said = self.words().said.iter();
        said.find(|said| said.long == long)
            .map(|said| said.typed.as_str())
    }
}

/// What holds when nothing was said.
///
/// # Errors
///
/// If a default in the table is not a value of its option, which a test excludes.
pub(super) fn nothing<O: Spoken>(table: &Table<O>) -> Result<O, Failure> {
    let mut options = O::default();
    for flag in table.all() {
        if let Preset::Value(preset) = flag.default {
            (flag.set)(&mut options, OsStr::new(preset)).map_err(|right| {
                Failure::usage(format_args!("--{} {preset}: {right}", flag.long))
            })?;
        }
    }
    Ok(options)
}

/// Takes one option in: `value` in the table's terms, `spelled` and `typed` as on the command line.
///
/// # Errors
///
/// If the value is not one of the option's, or another was given before under another name and only one
/// can hold. Under the same name the last one holds: who adds to a command line may have its way.
pub(super) fn say<O: Spoken>(
    options: &mut O,
    flag: &'static Flag<O>,
    spelled: &str,
    value: OsString,
    typed: Option<&OsStr>,
) -> Result<(), Failure> {
    let typed = typed.map_or_else(
        || spelled.to_owned(),
        |typed| format!("{spelled} {}", value::quoted(typed)),
    );
    if !flag.is_repeatable {
        let is_repeated = |said: &Said| said.long == flag.long && said.spelled == spelled;
        options.words_mut().said.retain(|said| !is_repeated(said));
    }
    let other = |said: &&Said| said.long == flag.long && said.value != value;
    let before = options.words().said.iter().find(other);
    if let Some(before) = before.filter(|_| !flag.is_repeatable) {
        return Err(Failure::exclude(&before.typed, &typed));
    }
    check_choice(flag.takes, &value)
        .and_then(|()| (flag.set)(options, &value))
        .map_err(|right| Failure::usage(format_args!("{typed}: {right}")))?;
    options.words_mut().said.push(Said {
        long: flag.long,
        spelled: spelled.to_owned(),
        value,
        typed,
    });
    Ok(())
}

fn check_choice(takes: Takes, value: &OsStr) -> Result<(), String> {
    let Takes::OneOf(_, choices) = takes else {
        return Ok(());
    };
    if choices.iter().any(|choice| value == *choice) {
        Ok(())
    } else {
        Err(format!("give one of {}", choices.join(", ")))
    }
}
