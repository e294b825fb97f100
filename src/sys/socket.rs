//! Sockets that listen, and sockets that connect.
#![expect(unsafe_code, reason = "listen(2) with any backlog, ioctl(2)")]

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, UnixAddr, bind, connect,
    setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};

/// How a socket listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Listening {
    /// Connections that the kernel completes before they are accepted; it has a bound of its own.
    pub(crate) backlog: i32,
    /// Other sockets of the same user may listen there, too, and share the connections.
    pub(crate) reuse_port: bool,
}

/// Listens on one address, non-blocking. An IPv6 address stands for IPv6 alone, so that `::` and
/// `0.0.0.0` can be had side by side.
pub(crate) fn listen(address: SocketAddr, listening: Listening) -> nix::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let fd = stream(family)?;
    // A restart must not wait for the connections of the last run to be forgotten.
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if listening.reuse_port {
        setsockopt(&fd, sockopt::ReusePort, &true)?;
    }
    match address {
        SocketAddr::V4(v4) => bind(fd.as_raw_fd(), &SockaddrIn::from(v4))?,
        SocketAddr::V6(v6) => {
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
            bind(fd.as_raw_fd(), &SockaddrIn6::from(v6))?;
        }
    }
    begin_listening(&fd, listening.backlog)?;
    Ok(fd)
}

/// Listens on a path, non-blocking; the file that is made there has these permissions from the first.
pub(crate) fn listen_unix(path: &Path, mode: u32, backlog: i32) -> nix::Result<OwnedFd> {
    let address = UnixAddr::new(path)?;
    let fd = stream(AddressFamily::Unix)?;
    let ours = umask(Mode::from_bits_truncate(!mode & 0o777));
    let bound = bind(fd.as_raw_fd(), &address);
    umask(ours);
    bound?;
    begin_listening(&fd, backlog)?;
    Ok(fd)
}

/// Whether somebody listens on a path.
pub(crate) fn is_alive(path: &Path) -> nix::Result<bool> {
    let fd = stream(AddressFamily::Unix)?;
    match connect(fd.as_raw_fd(), &UnixAddr::new(path)?) {
        Err(Errno::ECONNREFUSED) => Ok(false),
        // There is a queue of others.
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Begins to connect, without waiting: [`outcome`] tells how it went when there is room to write.
#[cfg(feature = "client")]
pub(crate) fn begin(to: SocketAddr) -> nix::Result<OwnedFd> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let fd = stream(family)?;
    match connect(fd.as_raw_fd(), &nix::sys::socket::SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
        Err(errno) => Err(errno),
    }
}

/// How the attempt to connect has ended.
#[cfg(feature = "client")]
pub(crate) fn outcome(fd: &OwnedFd) -> nix::Result<()> {
    match nix::sys::socket::getsockopt(fd, sockopt::SocketError)? {
        0 => Ok(()),
        number => Err(Errno::from_raw(number)),
    }
}

/// Connects to the Unix socket at a path, without waiting: `EAGAIN` if its queue is full.
#[cfg(feature = "client")]
pub(crate) fn connect_unix(path: &Path) -> nix::Result<OwnedFd> {
    let fd = stream(AddressFamily::Unix)?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(fd)
}

/// Bytes written to a socket that its peer has not acknowledged yet: not been read, if it is a Unix socket.
/// 0 where the kernel does not tell.
pub(crate) fn unacknowledged(socket: impl AsFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the kernel writes a number to `count`. What Linux calls SIOCOUTQ has a terminal's name here.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    Errno::result(done).map_or(0, |_| usize::try_from(count).unwrap_or(0))
}

fn stream(family: AddressFamily) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(family, SockType::Stream, flags, None)
}

fn begin_listening(fd: &OwnedFd, backlog: i32) -> nix::Result<()> {
    // SAFETY: listen(2) looks at nothing but the numbers.
    Errno::result(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}
