//! The options of `websock`.

use super::{Flag, Preset, Section, Table, Takes, append, store};
use crate::cli::{DialOptions, value};

/// The options of `websock`.
pub static DIAL: Table<DialOptions> = Table {
    program: "websock",
    introduction: "\
Usage: websock [OPTION]... URL [[--] PROGRAM [ARG]...]
Joins standard input and output, or PROGRAM, to a WebSocket server: records that
are read are messages sent, messages received are records written.
",
    closing: "
D reads 500ms, 10s, 2m; SIZE reads 4096, 64K, 16M.
Example: echo 1+1 | websock -e ws://localhost:8080/
",
    operands: 1,
    sections: &[CONNECTING, ENCRYPTION, RECORDS, ENDING, GENERAL],
};

/// Where an entry of `websock` says nothing.
const FLAG: Flag<DialOptions> = Flag::BLANK;

const CONNECTING: &[Flag<DialOptions>] = &[
    Flag {
        long: "unix",
        takes: Takes::File("PATH"),
        section: Section::Connecting,
        help: "the server is at this Unix socket",
        set: |options, value| store(&mut options.unix, value::path(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "proxy",
        takes: Takes::Value("URL"),
        default: Preset::Words("from the environment"),
        section: Section::Connecting,
        help: "by way of it, or none",
        set: |options, value| store(&mut options.proxy, value::proxy(value)),
        ..FLAG
    },
    Flag {
        long: "protocol",
        takes: Takes::Value("NAME,..."),
        is_repeatable: true,
        section: Section::Connecting,
        help: "subprotocols, the preferred one first",
        set: |options, value| append(&mut options.protocols, value::protocols(value)?),
        ..FLAG
    },
    Flag {
        long: "header",
        takes: Takes::Value("LINE"),
        is_repeatable: true,
        section: Section::Connecting,
        help: "add \"Name: value\" to the request",
        set: |options, value| append(&mut options.headers, [value::header(value)?]),
        ..FLAG
    },
    Flag {
        long: "origin",
        takes: Takes::Value("O"),
        section: Section::Connecting,
        help: "as if from a page of this origin",
        set: |options, value| store(&mut options.origin, value::own_origin(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "user",
        takes: Takes::Value("NAME"),
        section: Section::Connecting,
        help: "with a password: asked for, or WEBSOCK_PASSWORD",
        set: |options, value| store(&mut options.user, value::user_name(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "timeout",
        takes: Takes::Value("D"),
        default: Preset::Value("30s"),
        section: Section::Connecting,
        help: "for connecting, and for the Close",
        set: |options, value| store(&mut options.timeout, value::duration(value)),
        ..FLAG
    },
];

const ENCRYPTION: &[Flag<DialOptions>] = &[
    Flag {
        long: "ca",
        takes: Takes::File("F"),
        default: Preset::Words("the system's"),
        section: Section::Encryption,
        help: "trust these authorities",
        set: |options, value| store(&mut options.ca, value::path(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "cert",
        takes: Takes::File("F"),
        section: Section::Encryption,
        help: "show this certificate and its chain",
        set: |options, value| store(&mut options.cert, value::path(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "key",
        takes: Takes::File("F"),
        section: Section::Encryption,
        help: "the key to it",
        set: |options, value| store(&mut options.key, value::path(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "insecure",
        short: Some('k'),
        section: Section::Encryption,
        help: "believe any server",
        set: |options, value| store(&mut options.insecure, value::boolean(value)),
        ..FLAG
    },
];

const RECORDS: &[Flag<DialOptions>] = &[
    Flag {
        section: Section::Records,
        set: |options, value| store(&mut options.record, value::record(value)),
        ..Flag::RECORD
    },
    Flag {
        long: "invalid-utf8",
        takes: Takes::OneOf("HOW", &["replace", "close"]),
        default: Preset::Value("replace"),
        section: Section::Records,
        help: "input not UTF-8: replace or close",
        set: |options, value| store(&mut options.invalid_utf8, value::invalid_utf8(value)),
        ..FLAG
    },
    Flag {
        long: "max-message",
        takes: Takes::Value("SIZE"),
        default: Preset::Value("0"),
        section: Section::Records,
        help: "size of a server's message, 0: any",
        set: |options, value| store(&mut options.max_message, value::size_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "ready",
        section: Section::Records,
        help: "write the line \"websocket ready\" first",
        set: |options, value| store(&mut options.ready, value::boolean(value)),
        ..FLAG
    },
];

const ENDING: &[Flag<DialOptions>] = &[
    Flag {
        long: "close-on-eof",
        short: Some('e'),
        section: Section::Ending,
        help: "close at the end of standard input",
        set: |options, value| store(&mut options.close_on_eof, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "ping",
        takes: Takes::Value("D"),
        default: Preset::Value("30s"),
        section: Section::Ending,
        help: "ping it if silent, give up after two; 0: off",
        set: |options, value| store(&mut options.ping, value::duration_or_none(value)),
        ..FLAG
    },
    Flag {
        long: "reconnect",
        section: Section::Ending,
        help: "connect again when the connection is lost",
        set: |options, value| store(&mut options.reconnect, value::boolean(value)),
        ..FLAG
    },
];

const GENERAL: &[Flag<DialOptions>] = &[
    Flag {
        long: "quiet",
        short: Some('q'),
        help: "say nothing: the exit status tells",
        set: |options, value| store(&mut options.quiet, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        help: "say each step on standard error",
        set: |options, value| store(&mut options.verbose, value::boolean(value)),
        ..FLAG
    },
    Flag::HELP,
    Flag::VERSION,
    Flag::LICENSE,
];
