//! Whether connections are encrypted, and with what.

use std::path::PathBuf;

use super::{Alias, FLAG, Flag, Means, Section, Takes, append, store};
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "tls",
        aliases: &[Alias {
            name: "--ssl",
            means: Means::Same,
        }],
        section: Section::Encryption,
        help: "insist on it: an error without a certificate",
        set: |options, value| store(&mut options.tls, value::boolean(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "tls-cert",
        aliases: &[Alias {
            name: "--sslcert",
            means: Means::Same,
        }],
        takes: Takes::File("F"),
        is_repeatable: true,
        section: Section::Encryption,
        help: "our certificate and its chain; repeatable",
        set: |options, value| append(&mut options.tls_certs, [PathBuf::from(value)]),
        ..FLAG
    },
    Flag {
        long: "tls-key",
        aliases: &[Alias {
            name: "--sslkey",
            means: Means::Same,
        }],
        takes: Takes::File("F"),
        is_repeatable: true,
        section: Section::Encryption,
        help: "the key to it; one for each certificate",
        set: |options, value| append(&mut options.tls_keys, [PathBuf::from(value)]),
        ..FLAG
    },
    Flag {
        long: "tls-client-ca",
        aliases: &[Alias {
            name: "--sslca",
            means: Means::Same,
        }],
        takes: Takes::File("F"),
        section: Section::Encryption,
        help: "clients need a certificate of these",
        set: |options, value| store(&mut options.tls_client_ca, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
];
