//! What was said on the command line, typed but not yet judged.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use super::flags::{self, Flag, Preset, Takes};
use super::value;
use crate::daemon::{InvalidUtf8, Limit, ServiceStderr};
use crate::log::{Format, Level};
use crate::record::Record;

/// The options as given, the table's defaults where they were not. One field an option.
#[derive(Debug, Default)]
#[expect(
    missing_docs,
    reason = "each is the option of its name, described in the table"
)]
pub struct Options {
    pub addresses: Vec<String>,
    pub port: u16,
    pub redirect_port: Option<u16>,
    pub inetd: bool,
    pub tls: Option<bool>,
    pub tls_certs: Vec<PathBuf>,
    pub tls_keys: Vec<PathBuf>,
    pub tls_client_ca: Option<PathBuf>,
    pub record: Record,
    pub invalid_utf8: InvalidUtf8,
    pub protocols: Vec<String>,
    pub stderr: ServiceStderr,
    pub env: Vec<(OsString, OsString)>,
    pub pass_env: Option<Vec<OsString>>,
    pub chdir: Option<PathBuf>,
    pub grace: Duration,
    pub origins: Vec<String>,
    pub same_origin: Option<bool>,
    pub any_origin: Option<bool>,
    pub hosts: Vec<String>,
    pub console: bool,
    pub max_clients: Option<usize>,
    pub max_message: Option<u64>,
    pub handshake_timeout: Duration,
    pub idle_timeout: Option<Duration>,
    pub write_timeout: Option<Duration>,
    pub ping: Option<Duration>,
    pub user: Option<String>,
    pub chroot: Option<PathBuf>,
    pub limits: Vec<Limit>,
    pub no_sandbox: bool,
    pub log_level: Level,
    pub log_format: Format,
    pub syslog: bool,
    pub daemon: bool,
    pub pid_file: Option<PathBuf>,
    pub check: bool,
    /// What makes the text to print instead of serving.
    pub text: Option<fn() -> String>,
    /// PROGRAM and its arguments.
    pub command: Vec<OsString>,
    said: Vec<Said>,
}

/// One option on the command line.
#[derive(Debug)]
struct Said {
    /// The option's name in the table.
    long: &'static str,
    /// Its value in the table's terms.
    value: OsString,
    /// As typed, for messages.
    typed: String,
}

impl Options {
    /// What holds when nothing was said.
    ///
    /// # Errors
    ///
    /// If a default in the table is not a value of its option, which a test excludes.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut options = Self::default();
        for flag in flags::all() {
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
    /// If the value is not one of the option's, or another was given before and only one can hold.
    pub(super) fn say(
        &mut self,
        flag: &'static Flag,
        spelled: &str,
        value: OsString,
        typed: Option<&OsStr>,
    ) -> Result<(), Failure> {
        let typed = typed.map_or_else(
            || spelled.to_owned(),
            |typed| format!("{spelled} {}", value::quoted(typed)),
        );
        if let Some(before) = self.other_said(flag, &value) {
            return Err(Failure::usage(format_args!(
                "{} and {typed} exclude each other: give one of them",
                before.typed
            )));
        }
        check_choice(flag, &value)
            .and_then(|()| (flag.set)(self, &value))
            .map_err(|right| Failure::usage(format_args!("{typed}: {right}")))?;
        self.said.push(Said {
            long: flag.long,
            value,
            typed,
        });
        Ok(())
    }

    /// How an option was given, if it was: `--port "80"`.
    pub(super) fn said(&self, long: &str) -> Option<&str> {
        self.said
            .iter()
            .find(|said| said.long == long)
            .map(|said| said.typed.as_str())
    }

    fn other_said(&self, flag: &Flag, value: &OsStr) -> Option<&Said> {
        self.said
            .iter()
            .filter(|_| !flag.is_repeatable)
            .find(|said| said.long == flag.long && said.value != value)
    }
}

fn check_choice(flag: &Flag, value: &OsStr) -> Result<(), String> {
    let Takes::OneOf(_, choices) = flag.takes else {
        return Ok(());
    };
    if choices.iter().any(|choice| value == *choice) {
        Ok(())
    } else {
        Err(format!("give one of {}", choices.join(", ")))
    }
}
