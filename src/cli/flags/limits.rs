//! Limits, finite by default.

use super::{Alias, FLAG, Flag, Means, Preset, Section, Takes, milliseconds, store};
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "max-clients",
        aliases: &[Alias {
            name: "--maxforks",
            means: Means::Converted(maxforks),
        }],
        takes: Takes::Value("N"),
        default: Preset::Value("1024"),
        section: Section::Limits,
        help: "clients at a time, 0: any number",
        set: |options, value| store(&mut options.max_clients, value::count_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "max-clients-per-address",
        takes: Takes::Value("N"),
        default: Preset::Value("0"),
        section: Section::Limits,
        help: "the same for one address, a /64 of IPv6",
        set: |options, value| {
            let max = &mut options.max_clients_per_address;
            store(max, value::count_or_none(value))
        },
        ..FLAG
    },
    Flag {
        long: "max-message",
        aliases: &[Alias {
            name: "--maxframesize",
            means: Means::Same,
        }],
        takes: Takes::Value("SIZE"),
        default: Preset::Value("16M"),
        section: Section::Limits,
        help: "size of a client's message, 0: any",
        set: |options, value| store(&mut options.max_message, value::size_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "handshake-timeout",
        takes: Takes::Value("D"),
        default: Preset::Value("10s"),
        section: Section::Limits,
        help: "from connecting to the whole request",
        set: |options, value| store(&mut options.handshake_timeout, value::duration(value)),
        ..FLAG
    },
    Flag {
        long: "idle-timeout",
        takes: Takes::Value("D"),
        default: Preset::Value("0"),
        section: Section::Limits,
        help: "without a message either way, 0: none",
        set: |options, value| store(&mut options.idle_timeout, value::duration_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "write-timeout",
        takes: Takes::Value("D"),
        default: Preset::Value("60s"),
        section: Section::Limits,
        help: "of a client that does not read, 0: none",
        set: |options, value| store(&mut options.write_timeout, value::duration_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "ping",
        aliases: &[Alias {
            name: "--pingms",
            means: Means::Converted(milliseconds),
        }],
        takes: Takes::Value("D"),
        default: Preset::Value("30s"),
        section: Section::Limits,
        help: "ping idle clients, drop after two; 0: off",
        set: |options, value| store(&mut options.ping, value::duration_or_none(value)),
        ..FLAG
    },
];

/// websocketd's `--maxforks`: a negative number is as good as 0.
fn maxforks(value: &str) -> String {
    match value.parse::<i64>() {
        Ok(..=0) => "0".to_owned(),
        _ => value.to_owned(),
    }
}
