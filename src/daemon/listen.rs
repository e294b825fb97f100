//! From the addresses that were asked for to the sockets that listen on them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::errno::Errno;

use crate::sys::socket::{self, Listening};
use crate::sys::{Error, errno, fd};

use super::config::{Config, Source, UnixSocket};
use super::socket_file::SocketFile;

/// How often a port of the kernel's choice is tried that has to be free on several addresses.
const MAX_TRIES: usize = 16;

/// Sockets that listen, and the file that one of them is.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) file: Option<SocketFile>,
}

/// Listens where the operator said; never nowhere. Behind those, at the redirecting port of the same
/// addresses.
pub(super) fn bind(config: &Config) -> Result<Bound, Error> {
    let listening = Listening {
        backlog: config.backlog,
        reuse_port: config.reuse_port,
    };
    let mut sockets = bind_main(&config.source, listening)?;
    if let Some(port) = config.redirect_port {
        let ips = sockets
            .iter()
            .filter_map(|socket| Some(fd::local_address(socket).ok()??.ip()));
        let ips: Vec<_> = ips.collect();
        sockets.extend(bind_all(&ips, port, listening, |_| false)?);
    }
    let mut file = None;
    if let Some(unix) = config.source.unix() {
        sockets.push(bind_unix(unix, config.backlog)?);
        let made = SocketFile::made(&unix.path);
        file = Some(made.map_err(|errno| unix_error(unix, errno))?);
    }
    Ok(Bound { sockets, file })
}

fn bind_main(source: &Source, listening: Listening) -> Result<Vec<OwnedFd>, Error> {
    match source {
        Source::Listen {
            addresses, port, ..
        } => {
            let mut ips = Vec::new();
            for address in addresses {
                ips.extend(resolve(address)?);
            }
            // All there are: a machine may have no IPv6.
            let is_all = addresses == &["*"];
            bind_all(&ips, *port, listening, |errno| is_all && is_lack(errno))
        }
        Source::Auto { port } => bind_default(*port, listening),
        Source::Inetd => bind_default(0, listening),
    }
}

/// Listens on a path. What a server that is no more has left there is replaced.
fn bind_unix(unix: &UnixSocket, backlog: i32) -> Result<OwnedFd, Error> {
    let listen = || socket::listen_unix(&unix.path, unix.mode, backlog);
    let bound = match listen() {
        Err(Errno::EADDRINUSE) if is_left_over(&unix.path) => {
            fs::remove_file(&unix.path).map_err(|error| unix_error(unix, errno(error)))?;
            listen()
        }
        bound => bound,
    };
    bound.map_err(|errno| unix_error(unix, errno))
}

/// Whether a path is a socket that nobody listens on.
fn is_left_over(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    is_socket && socket::is_alive(path) == Ok(false)
}

fn unix_error(unix: &UnixSocket, errno: Errno) -> Error {
    Error::new("listen on", format!("{:?}", unix.path), errno)
}

/// Both loopback addresses, of which a machine may lack one.
fn bind_default(port: u16, listening: Listening) -> Result<Vec<OwnedFd>, Error> {
    let ips = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    bind_all(&ips, port, listening, is_lack)
}

/// Whether an error says that the machine has no such address.
fn is_lack(errno: Errno) -> bool {
    matches!(errno, Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT)
}

/// Listens on all of `ips`, with one port for all; `may_lack` are the errors for which one is left out
/// as long as another is there.
fn bind_all(
    ips: &[IpAddr],
    port: u16,
    listening: Listening,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_once(ips, port, listening, &may_lack) {
            // The kernel chose a port that is free on one address and not on another.
            Err(error) if port == 0 && error.source == Errno::EADDRINUSE && tries < MAX_TRIES => {}
            outcome => return outcome,
        }
    }
}

fn bind_once(
    ips: &[IpAddr],
    mut port: u16,
    listening: Listening,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut sockets = Vec::new();
    let mut lacking = None;
    for ip in ips {
        let address = SocketAddr::new(*ip, port);
        match socket::listen(address, listening) {
            Ok(listener) => {
                let chosen = fd::local_address(&listener).ok().flatten();
                port = chosen.map_or(port, |chosen| chosen.port());
                sockets.push(listener);
            }
            Err(errno) => {
                let error = Error::new("listen on", address.to_string(), errno);
                if !may_lack(errno) {
                    return Err(error);
                }
                lacking = Some(error);
            }
        }
    }
    match lacking {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// The addresses of a name or a literal; `*` is all there are.
fn resolve(address: &str) -> Result<Vec<IpAddr>, Error> {
    if address == "*" {
        return Ok(vec![
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv6Addr::UNSPECIFIED.into(),
        ]);
    }
    let literal = address.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse() {
        return Ok(vec![ip]);
    }
    let unknown = || Error::new("listen on", format!("{address:?}"), Errno::EADDRNOTAVAIL);
    let found = (address, 0).to_socket_addrs().map_err(|_| unknown())?;
    let mut ips: Vec<_> = found.map(|found| found.ip()).collect();
    ips.dedup();
    if ips.is_empty() {
        return Err(unknown());
    }
    Ok(ips)
}
