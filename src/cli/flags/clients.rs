//! Who may connect, and what a request gets that is no WebSocket's.

use std::path::PathBuf;

use super::{Alias, FLAG, Flag, Means, Preset, Section, Takes, append, store};
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "origin",
        takes: Takes::Value("O,..."),
        is_repeatable: true,
        section: Section::Clients,
        help: "from pages of these: [scheme://]host[:port]",
        set: |options, value| append(&mut options.origins, value::origins(value)?),
        ..FLAG
    },
    Flag {
        long: "same-origin",
        aliases: &[Alias {
            name: "--sameorigin",
            means: Means::Same,
        }],
        default: Preset::Words("the default"),
        section: Section::Clients,
        help: "from pages of this server only",
        set: |options, value| store(&mut options.same_origin, value::boolean(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "any-origin",
        section: Section::Clients,
        help: "from any page on the web",
        set: |options, value| store(&mut options.any_origin, value::boolean(value).map(Some)),
        ..FLAG
    },
    Flag {
        long: "require-origin",
        section: Section::Clients,
        help: "from pages only: a request has to name one",
        set: |options, value| store(&mut options.require_origin, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "host",
        takes: Takes::Value("NAME,..."),
        default: Preset::Words("local ones on loopback"),
        is_repeatable: true,
        section: Section::Clients,
        help: "names answered, *: any",
        set: |options, value| append(&mut options.hosts, value::hosts(value)?),
        ..FLAG
    },
    Flag {
        long: "static-dir",
        aliases: &[Alias {
            name: "--staticdir",
            means: Means::Same,
        }],
        takes: Takes::Directory("DIR"),
        section: Section::Http,
        help: "answer GET with the files in DIR",
        set: |options, value| store(&mut options.static_dir, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
    Flag {
        long: "list",
        section: Section::Http,
        help: "list directories there that have no index.html",
        set: |options, value| store(&mut options.list, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "cgi-dir",
        aliases: &[Alias {
            name: "--cgidir",
            means: Means::Same,
        }],
        takes: Takes::Directory("DIR"),
        section: Section::Http,
        help: "run the CGI scripts in DIR",
        set: |options, value| store(&mut options.cgi_dir, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
    Flag {
        long: "console",
        aliases: &[Alias {
            name: "--devconsole",
            means: Means::Same,
        }],
        section: Section::Http,
        help: "answer GET with a page to try the service on",
        set: |options, value| store(&mut options.console, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "header",
        takes: Takes::Value("LINE"),
        is_repeatable: true,
        section: Section::Http,
        help: "add \"Name: value\" to every response",
        set: |options, value| append(&mut options.headers, [value::header(value)?]),
        ..FLAG
    },
    Flag {
        long: "header-ws",
        takes: Takes::Value("LINE"),
        is_repeatable: true,
        section: Section::Http,
        help: "to those that begin a WebSocket",
        set: |options, value| append(&mut options.headers_ws, [value::header(value)?]),
        ..FLAG
    },
    Flag {
        long: "header-http",
        takes: Takes::Value("LINE"),
        is_repeatable: true,
        section: Section::Http,
        help: "to all others",
        set: |options, value| append(&mut options.headers_http, [value::header(value)?]),
        ..FLAG
    },
];
