//! The log, and what does not serve.

use super::{Alias, FLAG, Flag, Means, Preset, Section, Takes, store};
use crate::cli::value;
use crate::log::{Format, Level};

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "log-level",
        aliases: &[Alias {
            name: "--loglevel",
            means: Means::Converted(loglevel),
        }],
        takes: Takes::OneOf("LEVEL", &["error", "warn", "info", "debug"]),
        default: Preset::Value("info"),
        section: Section::Log,
        help: "error, warn, info or debug",
        set: |options, value| {
            options.log_level = match value::text(value)? {
                "error" => Level::Error,
                "warn" => Level::Warn,
                "debug" => Level::Debug,
                _ => Level::Info,
            };
            Ok(())
        },
        ..FLAG
    },
    Flag {
        long: "log-format",
        takes: Takes::OneOf("FORMAT", &["text", "json", "websocketd"]),
        default: Preset::Value("text"),
        section: Section::Log,
        help: "text, json or websocketd",
        set: |options, value| {
            options.log_format = match value::text(value)? {
                "json" => Format::Json,
                "websocketd" => Format::Websocketd,
                _ => Format::Text,
            };
            Ok(())
        },
        ..FLAG
    },
    Flag {
        long: "syslog",
        section: Section::Log,
        help: "log to the system log",
        set: |options, value| store(&mut options.syslog, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "check",
        help: "look for mistakes and leave",
        set: |options, value| store(&mut options.check, value::boolean(value)),
        ..FLAG
    },
    Flag::HELP,
    Flag::VERSION,
    Flag::LICENSE,
];

/// websocketd's `--loglevel`: it has more words for the same.
fn loglevel(value: &str) -> String {
    match value {
        "trace" => "debug",
        "access" => "info",
        "fatal" => "error",
        _ => value,
    }
    .to_owned()
}
