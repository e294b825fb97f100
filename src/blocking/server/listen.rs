//! Listeners: TCP and Unix sockets, in one shape.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
#[cfg(unix)]
use std::os::unix::net::{self as unix, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::handshake::server::Place;

use super::super::Deadline;

/// How long a connection to ourselves may take.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener that a [`Server`](super::Server) can be made of. It is implemented for those of the
/// standard library, and for no others.
pub trait Listen: sealed::Listener<Self::Stream, Self::Address> {
    /// What a client is.
    type Stream: Read + Write + Deadline;
    /// Where it comes from.
    type Address: fmt::Debug;
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    type Address = SocketAddr;
}

#[cfg(unix)]
impl Listen for UnixListener {
    type Stream = UnixStream;
    type Address = unix::SocketAddr;
}

mod sealed {
    use super::{Duration, Instant, Place, io};

    /// What a server does with its listener.
    pub trait Listener<Stream, Address> {
        /// Lets it wait for ever, whatever it was told before.
        fn prepare(&self) -> io::Result<()>;

        fn address(&self) -> io::Result<Address>;

        /// Waits for a client until the deadline or a little less, `pause` being how to let time pass;
        /// it tells whether it was cut short. The client's stream waits for ever.
        fn accept_until(
            &self,
            deadline: Option<Instant>,
            pause: &dyn Fn(Duration) -> bool,
        ) -> io::Result<(Stream, Address)>;

        /// Makes a call that waits return.
        fn wake(&self);

        fn place(stream: &Stream) -> Place;

        /// Ends our direction and reads until the peer has ended its own, lest a reset overtake what was
        /// said last.
        fn linger(stream: Stream, deadline: Instant);
    }
}

impl sealed::Listener<TcpStream, SocketAddr> for TcpListener {
    fn prepare(&self) -> io::Result<()> {
        self.set_nonblocking(false)
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    fn accept_until(
        &self,
        deadline: Option<Instant>,
        pause: &dyn Fn(Duration) -> bool,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let (mut stream, address) = match deadline {
            None => self.accept()?,
            Some(deadline) => within(self.try_clone()?, deadline, pause, || self.accept())?,
        };
        // Limits of the listener are inherited, on some systems.
        stream.set_deadline(None)?;
        // A client that has gone refuses; that shows when it is read from.
        let _gone = stream.set_nodelay(true);
        Ok((stream, address))
    }

    fn wake(&self) {
        let Ok(mut address) = self.local_addr() else {
            return;
        };
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        // Where the backlog is full nobody waits.
        let _woken = TcpStream::connect_timeout(&address, WAKE_TIMEOUT);
    }

    fn place(stream: &TcpStream) -> Place {
        Place {
            is_secure: false,
            is_loopback: stream
                .local_addr()
                .is_ok_and(|address| address.ip().to_canonical().is_loopback()),
        }
    }

    fn linger(stream: TcpStream, deadline: Instant) {
        let _ended = stream.shutdown(Shutdown::Write);
        read_to_end(stream, deadline);
    }
}

#[cfg(unix)]
impl sealed::Listener<UnixStream, unix::SocketAddr> for UnixListener {
    fn prepare(&self) -> io::Result<()> {
        self.set_nonblocking(false)
    }

    fn address(&self) -> io::Result<unix::SocketAddr> {
        self.local_addr()
    }

    fn accept_until(
        &self,
        deadline: Option<Instant>,
        pause: &dyn Fn(Duration) -> bool,
    ) -> io::Result<(UnixStream, unix::SocketAddr)> {
        let (mut stream, address) = match deadline {
            None => self.accept()?,
            Some(deadline) => within(self.try_clone()?, deadline, pause, || self.accept())?,
        };
        stream.set_deadline(None)?;
        Ok((stream, address))
    }

    fn wake(&self) {
        if let Ok(address) = self.local_addr() {
            let _woken = UnixStream::connect_addr(&address);
        }
    }

    fn place(_: &UnixStream) -> Place {
        Place::default()
    }

    fn linger(stream: UnixStream, deadline: Instant) {
        let _ended = stream.shutdown(Shutdown::Write);
        read_to_end(stream, deadline);
    }
}

fn read_to_end<S: Read + Deadline>(mut stream: S, deadline: Instant) {
    let mut bytes = [0; 4096];
    while Instant::now() < deadline
        && stream.set_deadline(Some(deadline)).is_ok()
        && stream.read(&mut bytes).is_ok_and(|len| len > 0)
    {}
}

/// Accepts by the deadline. `listener` is a duplicate: what is set on one is set on the other.
///
/// A listener's read timeout is that of accept(2) here (socket(7)), and only a stream has the method for
/// it; the kernel does not ask which it is.
#[cfg(target_os = "linux")]
fn within<T>(
    listener: impl Into<OwnedFd>,
    deadline: Instant,
    _pause: &dyn Fn(Duration) -> bool,
    accept: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    let socket = TcpStream::from(listener.into());
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        socket.set_nonblocking(true)?;
        let accepted = accept();
        socket.set_nonblocking(false)?;
        return accepted;
    }
    socket.set_read_timeout(Some(left))?;
    let accepted = accept();
    socket.set_read_timeout(None)?;
    accepted
}

/// Accepts by the deadline, trying again and again: the standard library has no other way that every
/// system knows.
#[cfg(not(target_os = "linux"))]
fn within<T>(
    listener: impl NonBlocking,
    deadline: Instant,
    pause: &dyn Fn(Duration) -> bool,
    accept: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    const GRAIN: Duration = Duration::from_millis(10);

    listener.set_nonblocking(true)?;
    let accepted = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !left.is_zero() => {
                // Woken early only by a stop, which the server looks for.
                if pause(left.min(GRAIN)) {
                    break Err(error);
                }
            }
            outcome => break outcome,
        }
    };
    listener.set_nonblocking(false)?;
    accepted
}

#[cfg(not(target_os = "linux"))]
trait NonBlocking {
    fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()>;
}

#[cfg(not(target_os = "linux"))]
impl NonBlocking for TcpListener {
    fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        Self::set_nonblocking(self, is_nonblocking)
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
impl NonBlocking for UnixListener {
    fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        Self::set_nonblocking(self, is_nonblocking)
    }
}
