//! What the log's lines say of a session where each of them says it: see [`log::has_scope`].

use std::ffi::CStr;

use nix::unistd::Pid;

use crate::handshake::Request;
use crate::log;

use super::peer::Peer;

/// Says it of the request that is answered from here on.
pub(super) fn begin(peer: &Peer, request: &Request<'_>) {
    if !log::has_scope() {
        return;
    }
    let scheme = if peer.place().is_secure {
        "https"
    } else {
        "http"
    };
    let host = request.header("host").unwrap_or_default();
    let query = request
        .query()
        .map_or_else(String::new, |it| format!("?{it}"));
    let url = [
        format!("{scheme}://").as_bytes(),
        host,
        request.path().as_bytes(),
        query.as_bytes(),
    ]
    .concat();
    let remote = match peer.name() {
        Some(name) => name.to_owned(),
        None => peer.remote_ip(),
    };
    log::begin_scope(&[("url", &url), ("remote", remote.as_bytes())]);
    if let Some(origin) = request.header("origin") {
        log::associate("origin", origin);
    }
}

/// Which program is to answer it.
pub(super) fn note_command(path: &CStr) {
    log::associate("command", path.to_bytes());
}

/// Which process does.
pub(super) fn note_service(pid: Pid) {
    if log::has_scope() {
        log::associate("pid", pid.to_string().as_bytes());
    }
}
