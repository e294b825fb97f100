//! The service's environment: RFC 3875, UCSPI, and what the operator adds.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;

use crate::handshake::{Reject, Request};
use crate::log;
use crate::sys::strings::Strings;

use super::config::Config;
use super::peer::Peer;

/// The variables every service finds, in the manual's order; beside them `HTTP_*` for the request's
/// headers. What we inherited under these names is not passed on.
pub const NAMES: [&str; 36] = [
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "GATEWAY_INTERFACE",
    "PATH_INFO",
    "PATH_TRANSLATED",
    "PROTO",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_HOST",
    "REMOTE_IDENT",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_FILENAME",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "TCPLOCALIP",
    "TCPLOCALPORT",
    "TCPREMOTEHOST",
    "TCPREMOTEIP",
    "TCPREMOTEPORT",
    "TLS_CLIENT_SHA256",
    "TLS_CLIENT_SUBJECT",
    "UNIQUE_ID",
    "UNIXLOCALPATH",
    "UNIXREMOTEEGID",
    "UNIXREMOTEEUID",
    "UNIXREMOTEPATH",
    "UNIXREMOTEPID",
    "WEBSOCKET_PROTOCOL",
    "HTTPS",
];

/// Variables for us alone: of the socket-activation protocol, which are about our descriptors, of our
/// service manager, and of a restart.
const NOT_PASSED_ON: [&str; 8] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    super::restart::VARIABLE,
];

/// What speaks of a request's body, or of how it was framed.
const ABOUT_BODY: [&str; 5] = [
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_TRANSFER_ENCODING",
];

/// How many variables a browser's request makes, and their bytes: for others there is more room.
const USUAL_COUNT: usize = 48;
const USUAL_LEN: usize = 2048;

/// Where programs are looked for if nobody said.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is the same for every service: the operator's own variables, and what we were started with and
/// pass on. Made once, before the first client.
#[derive(Debug)]
pub(super) struct Standing {
    strings: Strings,
    /// The operator's own, which win over what a request says.
    names: Vec<OsString>,
}

impl Standing {
    pub(super) fn new(config: &Config) -> Self {
        let mut all = config.env.clone();
        let names: Vec<_> = all.iter().map(|(name, _)| name.clone()).collect();
        all.extend(inherited(config).filter(|(name, _)| !names.contains(name)));
        if !all.iter().any(|(name, _)| name == "PATH") {
            all.push(("PATH".into(), DEFAULT_PATH.into()));
        }
        let mut strings = Strings::default();
        for (name, value) in &all {
            strings.add_variable(name, value);
        }
        Self { strings, names }
    }

    pub(super) fn strings(&self) -> &Strings {
        &self.strings
    }

    /// What this request adds. `protocol` is the session's, empty if none was agreed upon, and `None`
    /// where there is no session.
    pub(super) fn and_of(
        &self,
        peer: &Peer,
        request: &Request<'_>,
        place: &Place,
        protocol: Option<&str>,
    ) -> Strings {
        let mut all = Variables {
            strings: Strings::with_capacity(USUAL_COUNT, USUAL_LEN),
            taken: &self.names,
            barred: if place.file.is_some() {
                &ABOUT_BODY
            } else {
                &[]
            },
        };
        add_request(&mut all, peer, request, place, protocol);
        add_headers(&mut all, request);
        if let Some(file) = &place.file {
            all.barred = &[];
            add_body(&mut all, request);
            all.text("SCRIPT_FILENAME", file.as_os_str().as_bytes());
        }
        all.strings
    }
}

/// Variables under way.
struct Variables<'s> {
    strings: Strings,
    /// What the operator has set.
    taken: &'s [OsString],
    /// What is left out.
    barred: &'static [&'static str],
}

impl Variables<'_> {
    /// Adds one, whose name and value are what these append.
    fn put(
        &mut self,
        write_name: impl FnOnce(&mut Vec<u8>),
        write_value: impl FnOnce(&mut Vec<u8>),
    ) {
        self.strings.add(|out| {
            let start = out.len();
            write_name(out);
            let name = out.get(start..).unwrap_or_default();
            let is_taken = self.taken.iter().any(|it| it.as_bytes() == name);
            if is_taken || self.barred.iter().any(|it| it.as_bytes() == name) {
                return false;
            }
            out.push(b'=');
            write_value(out);
            true
        });
    }

    fn text(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.put(
            |out| out.extend_from_slice(name.as_bytes()),
            |out| out.extend_from_slice(value),
        );
    }
}

/// Which part of a request's path is the program's, decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// What leads to it.
    pub(super) script: OsString,
    /// What is left.
    pub(super) info: OsString,
    /// As websocketd has it: all of the path. For a CGI script what is left, as a file's.
    pub(super) translated: OsString,
    /// The file of a CGI script.
    pub(super) file: Option<PathBuf>,
}

impl Place {
    /// Of a program that has all paths.
    ///
    /// # Errors
    ///
    /// [`Reject::PathNul`] for a path that holds an encoded NUL.
    pub(super) fn of_all(path: &str) -> Result<Self, Reject> {
        let path: Vec<u8> = percent_decode_str(path).collect();
        if path.contains(&0) {
            return Err(Reject::PathNul);
        }
        let path = OsString::from_vec(path);
        Ok(Self {
            script: "/".into(),
            info: path.clone(),
            translated: path,
            file: None,
        })
    }
}

/// The variables of a script's body (RFC 3875 4.1.2 and 4.1.3), which are there only if it has one.
fn add_body(all: &mut Variables<'_>, request: &Request<'_>) {
    if !request.has_body() {
        return;
    }
    for (name, header) in [
        ("CONTENT_LENGTH", "Content-Length"),
        ("CONTENT_TYPE", "Content-Type"),
    ] {
        if let Some(value) = request.header(header) {
            all.text(name, value);
        }
    }
}

/// What we were started with and pass on.
fn inherited(config: &Config) -> impl Iterator<Item = (OsString, OsString)> + '_ {
    env::vars_os().filter(|(name, _)| {
        let is_wanted = config
            .pass_env
            .as_ref()
            .is_none_or(|names| names.contains(name));
        is_wanted && !is_ours(name)
    })
}

/// Whether a variable of this name speaks of the request, whoever set it. `HTTP_PROXY` never does: no
/// header becomes that.
fn is_ours(name: &OsStr) -> bool {
    let is_listed = |names: &[&str]| names.iter().any(|it| name == *it);
    let is_header = name.as_bytes().starts_with(b"HTTP_") && name != "HTTP_PROXY";
    is_listed(&NAMES) || is_listed(&NOT_PASSED_ON) || is_header
}

fn add_request(
    all: &mut Variables<'_>,
    peer: &Peer,
    request: &Request<'_>,
    place: &Place,
    protocol: Option<&str>,
) {
    let host = request.host();
    let remote = peer.remote_ip();
    let local_port = peer.local_port();
    // A host without a port is at the scheme's own, wherever a proxy has led the client.
    let scheme_port = if peer.place().is_secure { 443 } else { 80 };
    let server_port = match &host {
        Some(host) => host.port.unwrap_or(scheme_port).to_string(),
        None => local_port.clone(),
    };
    let server_name = host.map_or_else(|| peer.local_ip(), |host| host.host.to_owned());
    let id = unique_id();
    log::associate("id", id.as_bytes());
    all.text("AUTH_TYPE", "");
    all.text("CONTENT_LENGTH", "");
    all.text("CONTENT_TYPE", "");
    all.text("GATEWAY_INTERFACE", "CGI/1.1");
    all.text("PATH_INFO", place.info.as_bytes());
    all.text("PATH_TRANSLATED", place.translated.as_bytes());
    all.text("PROTO", peer.proto());
    all.text("QUERY_STRING", request.query().unwrap_or_default());
    all.text("REMOTE_ADDR", &remote);
    all.text("REMOTE_HOST", peer.name().unwrap_or(&remote));
    all.text("REMOTE_IDENT", peer.ident());
    all.text("REMOTE_PORT", peer.remote_port());
    all.text("REMOTE_USER", "");
    all.text("REQUEST_METHOD", request.method());
    all.put(
        |out| out.extend_from_slice(b"REQUEST_URI"),
        |out| {
            out.extend_from_slice(request.path().as_bytes());
            if let Some(query) = request.query() {
                out.push(b'?');
                out.extend_from_slice(query.as_bytes());
            }
        },
    );
    all.text("SCRIPT_NAME", place.script.as_bytes());
    all.text("SERVER_NAME", server_name);
    all.text("SERVER_PORT", server_port);
    all.text("SERVER_PROTOCOL", request.version());
    all.text(
        "SERVER_SOFTWARE",
        concat!("websockd/", env!("CARGO_PKG_VERSION")),
    );
    all.text("UNIQUE_ID", id);
    if let Some(protocol) = protocol {
        all.text("WEBSOCKET_PROTOCOL", protocol);
    }
    if peer.is_secure() {
        all.text("HTTPS", "on");
    }
    if let Some((subject, sha256)) = peer.certificate() {
        all.text("TLS_CLIENT_SHA256", sha256);
        all.text("TLS_CLIENT_SUBJECT", subject);
    }
    for (name, value) in peer.ucspi() {
        all.text(name, value.as_bytes());
    }
}

/// The request's headers as `HTTP_NAME`. Lines of one name are one list (RFC 9110 5.3), cookies with
/// their own separator (RFC 6265 5.4). A name with an underscore could pose as another one's, and Proxy
/// would become a variable that programs take for the operator's.
fn add_headers(all: &mut Variables<'_>, request: &Request<'_>) {
    for (at, (name, _)) in request.headers().enumerate() {
        let mut before = request.headers().take(at);
        let is_listed = before.any(|(it, _)| it.eq_ignore_ascii_case(name));
        if is_listed || name.contains('_') || name.eq_ignore_ascii_case("proxy") {
            continue;
        }
        all.put(
            |out| {
                out.extend_from_slice(b"HTTP_");
                let upper = name.bytes().map(|byte| byte.to_ascii_uppercase());
                out.extend(upper.map(|byte| if byte == b'-' { b'_' } else { byte }));
            },
            |out| write_list(name, request, out),
        );
    }
}

/// The values of all lines of this name.
fn write_list(name: &str, request: &Request<'_>, out: &mut Vec<u8>) {
    let separator: &[u8] = match name.eq_ignore_ascii_case("cookie") {
        true => b"; ",
        false => b", ",
    };
    let lines = request.headers();
    let lines = lines.filter(|(it, _)| it.eq_ignore_ascii_case(name));
    for (count, (_, value)) in lines.enumerate() {
        if count > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(value);
    }
}

/// A number no other request of this machine has: the time, and the process that serves it.
fn unique_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "{}{:010}",
        now.unwrap_or_default().as_nanos(),
        std::process::id()
    )
}
