//! A connected socket: over TCP to the first of several addresses that answers, or to a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;

use crate::sys::patience::Patience;
use crate::sys::{fd, socket};

/// How long an address is waited for before the next is tried beside it (RFC 8305 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Between attempts at a Unix socket whose queue is full: nothing tells that there is room in it.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Connects to one of these addresses, tried in their order.
///
/// # Errors
///
/// The last address's, or as [`Patience::wait`].
pub(super) fn tcp(
    addresses: &[SocketAddr],
    patience: Patience<'_>,
) -> io::Result<(OwnedFd, SocketAddr)> {
    let mut left = addresses.iter();
    let mut pending: Vec<(OwnedFd, SocketAddr)> = Vec::new();
    let mut next_at = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if pending.is_empty() || Instant::now() >= next_at {
            match left
                .next()
                .map(|address| (address, socket::begin(*address)))
            {
                Some((address, Ok(socket))) => pending.push((socket, *address)),
                Some((_, Err(errno))) => {
                    last = errno.into();
                    continue;
                }
                None if pending.is_empty() => return Err(last),
                None => {}
            }
            next_at = Instant::now() + STAGGER;
        }
        let fds: Vec<BorrowedFd<'_>> = pending.iter().map(|(fd, _)| fd.as_fd()).collect();
        let at_most = (left.len() > 0).then(|| next_at.saturating_duration_since(Instant::now()));
        let ready = patience.wait_for_any(&fds, PollFlags::POLLOUT, at_most)?;
        for at in ready.into_iter().rev() {
            let (socket, address) = pending.swap_remove(at);
            match socket::outcome(&socket) {
                Ok(()) => {
                    let _as_it_is = fd::set_nodelay(&socket);
                    return Ok((socket, address));
                }
                Err(errno) => {
                    last = errno.into();
                    next_at = Instant::now();
                }
            }
        }
    }
}

/// Connects to the Unix socket at a path.
///
/// # Errors
///
/// The system's, or as [`Patience::wait`].
pub(super) fn unix(path: &Path, patience: Patience<'_>) -> io::Result<OwnedFd> {
    loop {
        match socket::connect_unix(path) {
            Err(Errno::EAGAIN) => {
                patience.wait_for_any(&[], PollFlags::empty(), Some(ASK_AGAIN))?;
            }
            outcome => return Ok(outcome?),
        }
    }
}
