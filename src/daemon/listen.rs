//! From the addresses that were asked for to the sockets that listen on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::sys::{Error, fd, socket};

use super::config::Source;

/// Connections the kernel completes for us before they are accepted.
const BACKLOG: i32 = 1024;

/// How often a port of the kernel's choice is tried that has to be free on several addresses.
const MAX_TRIES: usize = 16;

/// Listens where `source` says; never nowhere. Behind those, at `redirect_port` of the same addresses.
pub(super) fn bind(source: &Source, redirect_port: Option<u16>) -> Result<Vec<OwnedFd>, Error> {
    let mut sockets = bind_main(source)?;
    if let Some(port) = redirect_port {
        let ips = sockets
            .iter()
            .filter_map(|socket| Some(fd::local_address(socket).ok()??.ip()));
        sockets.extend(bind_all(&ips.collect::<Vec<_>>(), port, |_| false)?);
    }
    Ok(sockets)
}

fn bind_main(source: &Source) -> Result<Vec<OwnedFd>, Error> {
    match source {
        Source::Listen { addresses, port } => {
            let mut ips = Vec::new();
            for address in addresses {
                ips.extend(resolve(address)?);
            }
            bind_all(&ips, *port, |_| false)
        }
        Source::Auto { port } => bind_default(*port),
        Source::Inetd => bind_default(0),
    }
}

/// Both loopback addresses, of which a machine may lack one.
fn bind_default(port: u16) -> Result<Vec<OwnedFd>, Error> {
    let ips = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    bind_all(&ips, port, |errno| {
        matches!(errno, Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT)
    })
}

/// Listens on all of `ips`, with one port for all; `may_lack` are the errors for which one is left out
/// as long as another is there.
fn bind_all(
    ips: &[IpAddr],
    port: u16,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_once(ips, port, &may_lack) {
            // The kernel chose a port that is free on one address and not on another.
            Err(error) if port == 0 && error.source == Errno::EADDRINUSE && tries < MAX_TRIES => {}
            outcome => return outcome,
        }
    }
}

fn bind_once(
    ips: &[IpAddr],
    mut port: u16,
    may_lack: impl Fn(Errno) -> bool,
) -> Result<Vec<OwnedFd>, Error> {
    let mut sockets = Vec::new();
    let mut lacking = None;
    for ip in ips {
        let address = SocketAddr::new(*ip, port);
        match socket::listen(address, BACKLOG) {
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
