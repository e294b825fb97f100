//! What runs for a client, and how messages look to it.

use std::path::PathBuf;

use super::{Alias, FLAG, Flag, Means, Preset, Section, Takes, append, milliseconds, store};
use crate::cli::value;
use crate::daemon::ServiceStderr;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        section: Section::Messages,
        set: |options, value| store(&mut options.record, value::record(value)),
        ..Flag::RECORD
    },
    Flag {
        long: "invalid-utf8",
        takes: Takes::OneOf("HOW", &["replace", "close"]),
        default: Preset::Value("replace"),
        section: Section::Messages,
        help: "output not UTF-8: replace or close",
        set: |options, value| store(&mut options.invalid_utf8, value::invalid_utf8(value)),
        ..FLAG
    },
    Flag {
        long: "protocol",
        takes: Takes::Value("NAME,..."),
        is_repeatable: true,
        section: Section::Messages,
        help: "subprotocols spoken, the preferred one first",
        set: |options, value| append(&mut options.protocols, value::protocols(value)?),
        ..FLAG
    },
    Flag {
        long: "dir",
        takes: Takes::Directory("DIR"),
        section: Section::Service,
        help: "PROGRAM is the file in DIR that the path names",
        set: |options, value| store(&mut options.dir, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
    Flag {
        long: "stderr",
        aliases: &[Alias {
            name: "--passstderr",
            means: Means::Fixed {
                yes: "tagged",
                no: "log",
            },
        }],
        takes: Takes::OneOf("WHERE", &["log", "inherit", "null", "tagged"]),
        default: Preset::Value("log"),
        section: Section::Service,
        help: "its errors: log, inherit, null or tagged",
        set: |options, value| {
            options.stderr = match value::text(value)? {
                "inherit" => ServiceStderr::Inherit,
                "null" => ServiceStderr::Null,
                "tagged" => ServiceStderr::Tagged,
                _ => ServiceStderr::Log,
            };
            Ok(())
        },
        ..FLAG
    },
    Flag {
        long: "env",
        takes: Takes::Value("N=V"),
        is_repeatable: true,
        section: Section::Service,
        help: "set a variable; repeatable",
        set: |options, value| value::variable(value, &mut options.env),
        ..FLAG
    },
    Flag {
        long: "pass-env",
        aliases: &[Alias {
            name: "--passenv",
            means: Means::Same,
        }],
        takes: Takes::Value("N,..."),
        default: Preset::Words("all"),
        is_repeatable: true,
        section: Section::Service,
        help: "inherited variables it keeps",
        set: |options, value| {
            let names = value::variable_names(value)?;
            append(options.pass_env.get_or_insert_default(), names)
        },
        ..FLAG
    },
    Flag {
        long: "reverse-lookup",
        aliases: &[Alias {
            name: "--reverselookup",
            means: Means::Same,
        }],
        section: Section::Service,
        help: "tell it the client's name, by DNS",
        set: |options, value| store(&mut options.reverse_lookup, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "chdir",
        takes: Takes::Directory("DIR"),
        section: Section::Service,
        help: "run it in DIR",
        set: |options, value| store(&mut options.chdir, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
    Flag {
        long: "grace",
        aliases: &[Alias {
            name: "--closems",
            means: Means::Converted(closems),
        }],
        takes: Takes::Value("D"),
        default: Preset::Value("500ms"),
        section: Section::Service,
        help: "from EOF to SIGTERM and on to SIGKILL",
        set: |options, value| {
            let grace = value::duration_or_none(value).map(Option::unwrap_or_default);
            store(&mut options.grace, grace)
        },
        ..FLAG
    },
];

/// websocketd's `--closems`: milliseconds, and 0 is its default, which waits half a second.
fn closems(value: &str) -> String {
    match value {
        "0" => "500ms".to_owned(),
        _ => milliseconds(value),
    }
}
