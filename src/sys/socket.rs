//! Sockets that listen.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, listen as listen_on,
    setsockopt, socket, sockopt,
};

/// Listens on one address, non-blocking. An IPv6 address stands for IPv6 alone, so that `::` and
/// `0.0.0.0` can be had side by side.
pub(crate) fn listen(address: SocketAddr, backlog: i32) -> nix::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, None)?;
    // A restart must not wait for the connections of the last run to be forgotten.
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    match address {
        SocketAddr::V4(v4) => bind(fd.as_raw_fd(), &SockaddrIn::from(v4))?,
        SocketAddr::V6(v6) => {
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
            bind(fd.as_raw_fd(), &SockaddrIn6::from(v6))?;
        }
    }
    listen_on(&fd, Backlog::new(backlog).map_err(|_| Errno::EINVAL)?)?;
    Ok(fd)
}
