//! Streams whose waiting can be limited.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A stream that can be told until when it may wait.
///
/// It is implemented for sockets. Implement it for a stream of your own, or wrap one of another crate in
/// [`WithDeadline`].
pub trait Deadline {
    /// From now on, no read, write or flush waits longer than until `deadline`: it then fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut), nothing read
    /// or written. After an instant that has passed, each takes what is there without waiting. `None`:
    /// they may wait for ever.
    ///
    /// A [`WebSocket`](super::WebSocket) calls this before each read and write of a call with a
    /// deadline, and once with `None` after it.
    ///
    /// # Errors
    ///
    /// Whatever the system says of the stream.
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()>;
}

/// How a socket waits.
enum Waiting {
    ForEver,
    For(Duration),
    NotAtAll,
}

impl Waiting {
    fn until(deadline: Option<Instant>) -> Self {
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => Self::ForEver,
            Some(Duration::ZERO) => Self::NotAtAll,
            Some(left) => Self::For(left),
        }
    }
}

/// The two kinds of sockets have the same three methods, but no trait in common.
macro_rules! impl_for_socket {
    ($($socket:ty),+) => {$(
        impl Deadline for $socket {
            fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
                let timeout = match Waiting::until(deadline) {
                    Waiting::NotAtAll => return self.set_nonblocking(true),
                    Waiting::For(left) => Some(left),
                    Waiting::ForEver => None,
                };
                self.set_nonblocking(false)?;
                self.set_read_timeout(timeout)?;
                self.set_write_timeout(timeout)
            }
        }
    )+};
}

// A socket's timeouts and mode are the kernel's: they hold for its duplicates too.
impl_for_socket!(TcpStream, &TcpStream);
#[cfg(unix)]
impl_for_socket!(UnixStream, &UnixStream);

impl<S: Deadline + ?Sized> Deadline for &mut S {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }
}

impl<S: Deadline + ?Sized> Deadline for Box<S> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }
}

/// A stream of another crate together with the way to limit its waiting, as [`Deadline`] asks; for TLS,
/// that of the socket below.
///
/// ```
/// use std::io::{BufReader, Read, Write};
/// use std::net::TcpStream;
///
/// use websockd::blocking::{Deadline, WithDeadline};
/// # struct TlsStream { sock: TcpStream }
/// # impl Read for TlsStream {
/// #     fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> { self.sock.read(into) }
/// # }
/// # impl Write for TlsStream {
/// #     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> { self.sock.write(bytes) }
/// #     fn flush(&mut self) -> std::io::Result<()> { self.sock.flush() }
/// # }
///
/// fn with_deadline(stream: TlsStream) -> impl Read + Write + Deadline {
///     WithDeadline::new(stream, |tls: &mut TlsStream, deadline| tls.sock.set_deadline(deadline))
/// }
/// ```
pub struct WithDeadline<S, F> {
    stream: S,
    set: F,
}

impl<S, F: FnMut(&mut S, Option<Instant>) -> io::Result<()>> WithDeadline<S, F> {
    /// `set` does what [`Deadline::set_deadline`] says.
    pub fn new(stream: S, set: F) -> Self {
        Self { stream, set }
    }
}

impl<S, F> WithDeadline<S, F> {
    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream alone.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S, F: FnMut(&mut S, Option<Instant>) -> io::Result<()>> Deadline for WithDeadline<S, F> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (self.set)(&mut self.stream, deadline)
    }
}

impl<S: Read, F> Read for WithDeadline<S, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }

    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.stream.read_vectored(into)
    }
}

impl<S: Write, F> Write for WithDeadline<S, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for WithDeadline<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithDeadline").field(&self.stream).finish()
    }
}
