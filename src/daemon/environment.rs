//! The service's environment: RFC 3875, UCSPI, and what the operator adds.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;

use crate::handshake::{Reject, Request};
use crate::log;

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

/// Where programs are looked for if nobody said.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is the same for every service: the operator's own variables, and what we were started with and
/// pass on. Made once, before the first client.
#[derive(Debug)]
pub(super) struct Standing {
    list: Vec<CString>,
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
        Self {
            list: all.iter().filter_map(entry).collect(),
            names,
        }
    }

    pub(super) fn as_slice(&self) -> &[CString] {
        &self.list
    }

    /// What this request adds.
    pub(super) fn and_of(
        &self,
        peer: &Peer,
        request: &Request<'_>,
        place: &Place,
        protocol: Option<&str>,
    ) -> Vec<CString> {
        let mut all = of_request(peer, request, place, protocol);
        all.extend(headers(request));
        if let Some(file) = &place.file {
            all.retain(|(name, _)| !is_about_body(name));
            all.extend(about_body(request));
            all.push(("SCRIPT_FILENAME".into(), file.into()));
        }
        all.retain(|(name, _)| !self.names.contains(name));
        all.iter().filter_map(entry).collect()
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
fn about_body(request: &Request<'_>) -> impl Iterator<Item = (OsString, OsString)> {
    let names = [
        ("CONTENT_LENGTH", "Content-Length"),
        ("CONTENT_TYPE", "Content-Type"),
    ];
    let names = names.into_iter().filter(|_| request.has_body());
    names.filter_map(|(name, header)| {
        let value = request.header(header)?;
        Some((name.into(), OsStr::from_bytes(value).to_owned()))
    })
}

/// What speaks of a body, or of how it was framed.
fn is_about_body(name: &OsStr) -> bool {
    let names = [
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_TRANSFER_ENCODING",
    ];
    names.iter().any(|it| name == *it)
}

/// `NAME=value`, as exec(3) takes it; `None` for what cannot be a variable.
fn entry((name, value): &(OsString, OsString)) -> Option<CString> {
    let mut entry = Vec::with_capacity(name.len() + value.len() + 2);
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'=');
    entry.extend_from_slice(value.as_bytes());
    CString::new(entry).ok()
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

fn of_request(
    peer: &Peer,
    request: &Request<'_>,
    place: &Place,
    protocol: Option<&str>,
) -> Vec<(OsString, OsString)> {
    let host = request.host();
    let remote = peer.remote_ip();
    let uri = match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path().to_owned(),
    };
    let local_port = peer.local_port();
    // A host without a port is at the scheme's own, wherever a proxy has led the client.
    let scheme_port = if peer.place().is_secure { 443 } else { 80 };
    let server_port = match &host {
        Some(host) => host.port.unwrap_or(scheme_port).to_string(),
        None => local_port.clone(),
    };
    let server_name = host.map_or_else(|| peer.local_ip(), |host| host.host.to_owned());
    let text = |name: &str, value: &str| (name.into(), value.into());
    let id = unique_id();
    log::associate("id", id.as_bytes());
    let mut all = vec![
        text("AUTH_TYPE", ""),
        text("CONTENT_LENGTH", ""),
        text("CONTENT_TYPE", ""),
        text("GATEWAY_INTERFACE", "CGI/1.1"),
        ("PATH_INFO".into(), place.info.clone()),
        ("PATH_TRANSLATED".into(), place.translated.clone()),
        text("PROTO", peer.proto()),
        text("QUERY_STRING", request.query().unwrap_or_default()),
        text("REMOTE_ADDR", &remote),
        text("REMOTE_HOST", peer.name().unwrap_or(&remote)),
        text("REMOTE_IDENT", &peer.ident()),
        text("REMOTE_PORT", &peer.remote_port()),
        text("REMOTE_USER", ""),
        text("REQUEST_METHOD", request.method()),
        text("REQUEST_URI", &uri),
        ("SCRIPT_NAME".into(), place.script.clone()),
        text("SERVER_NAME", &server_name),
        text("SERVER_PORT", &server_port),
        text("SERVER_PROTOCOL", request.version()),
        text(
            "SERVER_SOFTWARE",
            concat!("websockd/", env!("CARGO_PKG_VERSION")),
        ),
        text("UNIQUE_ID", &id),
    ];
    all.extend(protocol.map(|protocol| text("WEBSOCKET_PROTOCOL", protocol)));
    all.extend(peer.is_secure().then(|| text("HTTPS", "on")));
    if let Some((subject, sha256)) = peer.certificate() {
        all.push(text("TLS_CLIENT_SHA256", sha256));
        all.push(text("TLS_CLIENT_SUBJECT", subject));
    }
    let ucspi = peer.ucspi().into_iter();
    all.extend(ucspi.map(|(name, value)| (name.into(), value)));
    all
}

/// The request's headers as `HTTP_NAME`. Lines of one name are one list (RFC 9110 5.3), cookies with
/// their own separator (RFC 6265 5.4). A name with an underscore could pose as another one's, and Proxy
/// would become a variable that programs take for the operator's.
fn headers(request: &Request<'_>) -> Vec<(OsString, OsString)> {
    let mut all: Vec<(OsString, OsString)> = Vec::new();
    for (name, value) in request.headers() {
        if name.contains('_') || name.eq_ignore_ascii_case("proxy") {
            continue;
        }
        let separator = match name.eq_ignore_ascii_case("cookie") {
            true => "; ",
            false => ", ",
        };
        let name = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let value = OsStr::from_bytes(value);
        match all.iter_mut().find(|(known, _)| *known == *name) {
            Some((_, list)) => {
                list.push(separator);
                list.push(value);
            }
            None => all.push((name.into(), value.to_owned())),
        }
    }
    all
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
