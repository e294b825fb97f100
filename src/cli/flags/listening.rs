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
        long: "unix",
        aliases: &[Alias {
            name: "--unixsocket",
            means: Means::Same,
        }],
        takes: Takes::File("PATH"),
        section: Section::Listening,
        help: "listen on a Unix socket, alone without -a or -p",
        set: |options, value| store(&mut options.unix, value::path(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "unix-mode",
        takes: Takes::Value("MODE"),
        default: Preset::Value("0660"),
        section: Section::Listening,
        help: "its permissions: who may write may connect",
        set: |options, value| store(&mut options.unix_mode, value::mode(value)),
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
    Flag {
        long: "proxy-protocol",
        section: Section::Listening,
        help: "a proxy says first whom it connects us with",
        set: |options, value| store(&mut options.proxy_protocol, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "trust-proxy",
        takes: Takes::Value("CIDR,..."),
        is_repeatable: true,
        section: Section::Listening,
        help: "proxies that say who the client is",
        set: |options, value| value::proxies(value, &mut options.trust_proxy),
        ..FLAG
    },
    Flag {
        long: "backlog",
        takes: Takes::Value("N"),
        default: Preset::Value("1024"),
        section: Section::Listening,
        help: "connections that may wait to be accepted",
        set: |options, value| store(&mut options.backlog, value::backlog(value)),
        ..FLAG
    },
    Flag {
        long: "reuse-port",
        section: Section::Listening,
        help: "let others listen on the same port, too",
        set: |options, value| store(&mut options.reuse_port, value::boolean(value)),
        ..FLAG
    },
];
