//! Where connections come from.

use super::{Alias, FLAG, Flag, Means, Preset, Section, Takes, append, store};
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "port",
        short: Some('p'),
        takes: Takes::Value("N"),
        default: Preset::Value("8080"),
        section: Section::Listening,
        help: "TCP port; 0: one the kernel chooses",
        set: |options, value| store(&mut options.port, value::port(value)),
        ..FLAG
    },
    Flag {
        long: "address",
        short: Some('a'),
        takes: Takes::Value("A"),
        default: Preset::Words("127.0.0.1 and ::1"),
        is_repeatable: true,
        section: Section::Listening,
        help: "listen on A; repeatable; *: all",
        set: |options, value| append(&mut options.addresses, [value::address(value)?]),
        ..FLAG
    },
    Flag {
        long: "redirect-port",
        aliases: &[Alias {
            name: "--redirport",
            means: Means::Same,
        }],
        takes: Takes::Value("N"),
        section: Section::Listening,
        help: "plain HTTP here is sent to the port above",
        set: |options, value| store(&mut options.redirect_port, value::fixed_port(value)),
        ..FLAG
    },
    Flag {
        long: "inetd",
        section: Section::Listening,
        help: "descriptor 0 is the client",
        set: |options, value| store(&mut options.inetd, value::boolean(value)),
        ..FLAG
    },
];
