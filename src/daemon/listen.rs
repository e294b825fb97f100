//! From the addresses that were asked for to the sockets that listen on them.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::errno::Errno;

use crate::sys::socket::{self, Listening};
use crate::sys::{Error, errno, fd};

use super::config::{Config, UnixSocket};
use super::socket_file::SocketFile;

/// How often a port of the kernel's choice is tried that has to be free on several addresses.
const MAX_TRIES: usize = 16;

/// Sockets that listen, and the file that one of them is.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) file: Option<SocketFile>,
}

/// Listens at addresses of these names, or the default ones; never nowhere. Behind those, at the
/// redirecting port of the same addresses, and on a path.
///
/// # Errors
///
/// A sentence: a name is none, or the system refused.
pub(super) fn bind(
    config: &Config,
    names: Option<&[String]>,
    port: u16,
) -> Result<Bound, Box<dyn std::error::Error>> {
    let listening = Listening {
        backlog: config.backlog,
        reuse_port: config.reuse_port,
    };
    let addresses = match names {
        Some(names) => resolve_all(names)?,
        None => at_both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
    };
    // All there are, or both loopback ones: a machine may have no IPv6.
    let may_lack = names.is_none_or(|names| names == ["*"]);
    let mut sockets = bind_all(&addresses, port, listening, |errno| {
        may_lack && is_lack(errno)
    })?;
    if let Some(port) = config.redirect_port {
        let addresses = sockets.iter();
        let addresses = addresses.filter_map(|socket| fd::local_address(socket).ok()?);
        let addresses: Vec<_> = addresses.collect();
        sockets.extend(bind_all(&addresses, port, listening, |_| false)?);
    }
    let mut file = None;
    if let Some(unix) = config.source.unix() {
        sockets.push(bind_unix(unix, config.backlog)?);
        let made = SocketFile::made(&unix.path);
        file = Some(made.map_err(|errno| unix_error(unix, errno))?);
    }
    Ok(Bound { sockets, file })
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

/// Whether an error says that the machine has no such address.
fn is_lack(errno: Errno) -> bool {
    matches!(errno, Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT)
}

/// Listens on all of `addresses`, with one port for all; `may_lack` are the errors for which one is left out
/// as long as another is there.
fn bind_all(
    addresses: &[SocketAddr],
    port: u16,
    listening: Listening,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_once(addresses, port, listening, &may_lack) {
            // The kernel chose a port that is free on one address and not on another.
            Err(error) if port == 0 && error.source == Errno::EADDRINUSE && tries < MAX_TRIES => {}
            outcome => return outcome,
        }
    }
}

fn bind_once(
    addresses: &[SocketAddr],
    mut port: u16,
    listening: Listening,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut sockets = Vec::new();
    let mut lacking = None;
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
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

/// The addresses of several names, without those that another one includes.
fn resolve_all(names: &[String]) -> Result<Vec<SocketAddr>, String> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for name in names {
        for found in resolve(name)? {
            if !all.iter().any(|other| includes(other, &found)) {
                all.retain(|other| !includes(&found, other));
                all.push(found);
            }
        }
    }
    Ok(all)
}

/// Whether who listens at the one address listens at the other, too.
fn includes(one: &SocketAddr, other: &SocketAddr) -> bool {
    let is_all = one.ip().is_unspecified() && one.is_ipv4() == other.is_ipv4();
    is_all || one == other
}

/// The addresses of a name or a literal; `*` is all there are.
fn resolve(name: &str) -> Result<Vec<SocketAddr>, String> {
    if name == "*" {
        return Ok(at_both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED));
    }
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    let found = (literal, 0).to_socket_addrs();
    let found = found.map_err(|error| format!("cannot listen on {name:?}: {error}"))?;
    Ok(found.collect())
}

/// An address of each family, without a port yet.
fn at_both(v4: Ipv4Addr, v6: Ipv6Addr) -> Vec<SocketAddr> {
    vec![(v4, 0).into(), (v6, 0).into()]
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    fn resolved(names: &[&str]) -> Vec<String> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let addresses = resolve_all(&names).expect("addresses");
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_that_another_includes_is_not_listened_at_again() {
        assert_eq!(resolved(&["::1", "[::1]"]), ["[::1]:0"]);
        assert_eq!(
            resolved(&["127.0.0.1", "::1", "0.0.0.0", "127.0.0.2"]),
            ["[::1]:0", "0.0.0.0:0"]
        );
        assert_eq!(resolved(&["::1", "*"]), ["0.0.0.0:0", "[::]:0"]);
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let scope = nix::net::if_::if_nametoindex("lo").expect("an interface");
        let address = SocketAddrV6::new("fe80::1".parse().expect("an address"), 0, 0, scope);
        for name in ["fe80::1%lo", "[fe80::1%lo]"] {
            assert_eq!(resolve(name), Ok(vec![address.into()]));
        }
    }
}
