//! The command line of `websock`: what was said, and what it means.

use std::path::PathBuf;
use std::time::Duration;

use super::flags::{DIAL, Table};
use super::root::Root;
use super::said::{Spoken, Words};
use super::value::quoted;
use super::{Failure, program};
use crate::daemon::InvalidUtf8;
use crate::dial::{Choice, Config, Trust, Url, UrlError, Voice};
use crate::handshake::Header;
use crate::record::Record;

/// The options as given, the table's defaults where they were not. One field an option.
#[derive(Debug, Default)]
#[expect(
    missing_docs,
    reason = "each is the option of its name, described in the table"
)]
pub struct DialOptions {
    pub unix: Option<PathBuf>,
    pub proxy: Choice,
    pub protocols: Vec<String>,
    pub headers: Vec<Header>,
    pub origin: Option<String>,
    pub user: Option<String>,
    pub timeout: Duration,
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub insecure: bool,
    pub record: Record,
    pub invalid_utf8: InvalidUtf8,
    pub max_message: Option<u64>,
    pub ready: bool,
    pub close_on_eof: bool,
    pub ping: Option<Duration>,
    pub reconnect: bool,
    pub quiet: bool,
    pub verbose: bool,
    pub words: Words,
}

impl Spoken for DialOptions {
    fn table() -> &'static Table<Self> {
        &DIAL
    }

    fn words(&self) -> &Words {
        &self.words
    }

    fn words_mut(&mut self) -> &mut Words {
        &mut self.words
    }
}

/// Builds the configuration.
///
/// # Errors
///
/// A URL that is none, options that exclude each other, a PROGRAM that cannot be run.
pub(super) fn config(options: DialOptions) -> Result<Config, Failure> {
    let mut url = url(&options)?;
    for (one, other) in [("unix", "proxy"), ("quiet", "verbose"), ("insecure", "ca")] {
        if let (Some(one), Some(other)) = (options.said(one), options.said(other)) {
            return Err(Failure::exclude(one, other));
        }
    }
    check_user(&options, &url)?;
    let identity = match (options.cert, options.key) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        (Some(_), None) => return Err(Failure::usage("--cert: give its key, too, as --key F")),
        (None, Some(_)) => {
            return Err(Failure::usage(
                "--key: give the certificate that it belongs to, too, as --cert F",
            ));
        }
    };
    let command = options.words.command;
    let program = match command.is_empty() {
        true => None,
        false => Some(program::find(&command, &Root::Ours)?),
    };
    Ok(Config {
        user: options.user.or(url.user.take()),
        url,
        program,
        unix: options.unix,
        proxy: options.proxy,
        trust: Trust {
            authorities: options.ca,
            identity,
            is_insecure: options.insecure,
        },
        record: options.record,
        invalid_utf8: options.invalid_utf8,
        protocols: options.protocols,
        headers: options.headers,
        origin: options.origin,
        timeout: options.timeout,
        ping: options.ping,
        max_message: options.max_message,
        close_on_eof: options.close_on_eof,
        reconnect: options.reconnect,
        ready: options.ready,
        voice: match (options.quiet, options.verbose) {
            (true, _) => Voice::Quiet,
            (false, true) => Voice::Verbose,
            (false, false) => Voice::Normal,
        },
    })
}

/// Who we are is said in one header line, which has one value (RFC 9110 11.6.2).
fn check_user(options: &DialOptions, url: &Url) -> Result<(), Failure> {
    let in_url = url.user.as_ref().map(|_| "the user in URL");
    let is_said = |header: &Header| header.name().eq_ignore_ascii_case("Authorization");
    match options.said("user").or(in_url) {
        Some(user) if options.headers.iter().any(is_said) => {
            Err(Failure::exclude(user, "--header Authorization"))
        }
        _ => Ok(()),
    }
}

fn url(options: &DialOptions) -> Result<Url, Failure> {
    let Some(text) = options.words.operands.first() else {
        return Err(Failure::usage(
            "no URL: say where to connect to, such as websock ws://localhost:8080/",
        ));
    };
    let url = text.to_str().ok_or(UrlError::Host).and_then(Url::parse);
    match url {
        Ok(url) if url.is_secure && cfg!(not(feature = "tls")) => {
            Err(Failure::usage(format_args!(
                "URL {}: this websock was built without TLS (feature \"tls\")",
                quoted(text)
            )))
        }
        Ok(url) => Ok(url),
        // Not even in a message would it be in its place.
        Err(UrlError::Password) => Err(Failure::usage(format_args!("URL: {}", UrlError::Password))),
        Err(error) => Err(Failure::usage(format_args!(
            "URL {}: {error}",
            quoted(text)
        ))),
    }
}
