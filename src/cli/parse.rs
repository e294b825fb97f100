//! The first stage: arguments to the options of a program. lexopt splits, the table knows.

use std::ffi::{OsStr, OsString};

use lexopt::{Arg, Parser};

use super::Failure;
use super::flags::{Flag, Means, Table, Takes};
use super::said::{self, Spoken};
use super::value;

/// Reads options up to PROGRAM or one that asks for a text; what follows PROGRAM is its own.
pub(super) fn read<O, I>(table: &Table<O>, args: I) -> Result<O, Failure>
where
    O: Spoken,
    I: IntoIterator<Item = OsString>,
{
    let mut options = said::nothing(table)?;
    let mut parser = Parser::from_args(args);
    while options.words().text.is_none() {
        refuse_single_dash(table, &mut parser)?;
        let spelled = match parser.next().map_err(|error| wrong_form(&error))? {
            None => break,
            Some(Arg::Short(letter)) => format!("-{letter}"),
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Value(word)) if options.words().operands.len() < table.operands => {
                options.words_mut().operands.push(word);
                continue;
            }
            Some(Arg::Value(program)) => {
                let command = &mut options.words_mut().command;
                // Behind a first `--` that stood before the operands, a second is a word like any other.
                if table.operands == 0 || program != "--" {
                    command.push(program);
                }
                command.extend(parser.raw_args().map_err(|error| wrong_form(&error))?);
                break;
            }
        };
        let (flag, means) = table
            .find(&spelled)
            .ok_or_else(|| unknown(table, &spelled))?;
        let typed = typed_value(&mut parser, flag.takes, means, &spelled)?;
        let value = in_own_terms(flag, means, typed.as_deref(), &spelled)?;
        said::say(&mut options, flag, &spelled, value, typed.as_deref())?;
    }
    Ok(options)
}

/// The value that goes with an option: behind a boolean only `--name=value` is one.
fn typed_value(
    parser: &mut Parser,
    takes: Takes,
    means: Means,
    spelled: &str,
) -> Result<Option<OsString>, Failure> {
    let name = match (means, takes.name()) {
        (Means::Fixed { .. }, _) | (_, None) => {
            let is_long = spelled.starts_with("--");
            return Ok(is_long.then(|| parser.optional_value()).flatten());
        }
        (_, Some(name)) => name,
    };
    let missing = |_| {
        Failure::usage(format_args!(
            "{spelled}: its value is missing: {spelled} {name}"
        ))
    };
    parser.value().map(Some).map_err(missing)
}

/// What was typed, as the table's `set` wants it.
fn in_own_terms<O>(
    flag: &Flag<O>,
    means: Means,
    typed: Option<&OsStr>,
    spelled: &str,
) -> Result<OsString, Failure> {
    let typed = typed.unwrap_or(OsStr::new("true"));
    match means {
        Means::Same => Ok(typed.to_owned()),
        Means::Converted(convert) => Ok(typed
            .to_str()
            .map_or_else(|| typed.to_owned(), |typed| convert(typed).into())),
        Means::Fixed { yes, no } => match value::boolean(typed) {
            Ok(true) => Ok(yes.into()),
            Ok(false) => Ok(no.into()),
            Err(right) => Err(Failure::usage(format_args!(
                "{spelled} {}: {right}, or use --{}",
                value::quoted(typed),
                flag.long
            ))),
        },
    }
}

/// `-port 80` would be read as `-p ort`, and its message would puzzle who is used to one dash.
fn refuse_single_dash<O>(table: &Table<O>, parser: &mut Parser) -> Result<(), Failure> {
    let next = parser.try_raw_args();
    let next = next.and_then(|args| Some(args.peek()?.to_string_lossy().into_owned()));
    let name = next.as_deref().and_then(|arg| arg.split('=').next());
    let Some(name) = name.filter(|name| name.len() > 2 && name.starts_with('-')) else {
        return Ok(());
    };
    let long = format!("-{name}");
    if table.find(&long).is_some() {
        return Err(Failure::usage(format_args!(
            "{name}: long options have two dashes: {long}"
        )));
    }
    Ok(())
}

fn unknown<O>(table: &Table<O>, spelled: &str) -> Failure {
    let spelled_safely = value::quoted(OsStr::new(spelled));
    match nearest(table, spelled) {
        Some(name) => Failure::usage(format_args!(
            "unknown option {spelled_safely} (did you mean {name}?)"
        )),
        None => Failure::usage(format_args!("unknown option {spelled_safely}")),
    }
}

fn wrong_form(error: &lexopt::Error) -> Failure {
    if let lexopt::Error::UnexpectedValue { option, value } = error {
        return Failure::usage(format_args!(
            "{option}: takes no value, but {} follows it",
            value::quoted(value)
        ));
    }
    Failure::usage(error)
}

/// The long name that was most likely meant: one that begins so, or differs by a letter in four.
fn nearest<O>(table: &Table<O>, spelled: &str) -> Option<String> {
    if spelled.len() < 4 {
        return None;
    }
    table
        .names()
        .filter(|name| name.starts_with("--"))
        .map(|name| {
            let distance = if name.starts_with(spelled) {
                0
            } else {
                distance(&name, spelled)
            };
            (distance, name)
        })
        .filter(|(distance, _)| distance * 4 <= spelled.len())
        .min()
        .map(|(_, name)| name)
}

/// How many letters to insert, drop or replace to make one word of the other (Levenshtein). Costs the
/// product of their lengths.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.bytes().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, other_letter) in row.iter_mut().skip(1).zip(other.bytes()) {
            let replaced = diagonal + usize::from(letter != other_letter);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
