//! A listener whose clients are WebSockets.

mod listen;
mod turn;

use std::fmt;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::{Error, is_timeout};
use super::{Acceptor, WebSocket};
pub use listen::Listen;
use turn::Turn;

/// Between two attempts when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client that is turned down may take to read why.
const LINGER: Duration = Duration::from_secs(2);

/// A listener whose clients are WebSockets: on TCP, or on a Unix socket.
///
/// No thread is started here. [`accept`](Self::accept) does one handshake after the other, so that a
/// slow client keeps the next one waiting; to have that not happen, take an
/// [`Arrival`](Self::next_arrival) and do its handshake on a thread of its own. All methods take
/// `&self`: share the server between threads to [`stop`](Self::stop) it.
///
/// ```
/// use std::sync::Arc;
/// use std::thread;
///
/// use websockd::blocking::{Client, Server};
///
/// let server = Arc::new(Server::bind("127.0.0.1:0")?);
/// let address = server.local_addr()?;
/// let echo = {
///     let server = Arc::clone(&server);
///     thread::spawn(move || server.run_echo(|client| drop(thread::spawn(|| client.echo()))))
/// };
///
/// let stream = std::net::TcpStream::connect(address)?;
/// let mut socket = Client::new("localhost", "/").attach(stream)?;
/// socket.send("hello")?;
/// assert_eq!(socket.recv()?.as_deref(), Some(&b"hello"[..]));
///
/// server.stop();
/// echo.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server<L: Listen = TcpListener> {
    listener: L,
    acceptor: Acceptor,
    handshake_timeout: Option<Duration>,
    turn: Turn,
    is_stopped: AtomicBool,
}

/// A client that has connected and said nothing yet.
#[derive(Debug)]
pub struct Arrival<L: Listen = TcpListener> {
    stream: L::Stream,
    peer: L::Address,
    acceptor: Acceptor,
    deadline: Option<Instant>,
}

/// Why there is no client.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// One has come and did not do its part of the handshake; it has been told. The next call gets the
    /// next client.
    Client(Error),
    /// The system gives none: it may have no descriptor left. The next call may be luckier.
    Listener(io::Error),
    /// The server was stopped.
    Stopped,
    /// The deadline came.
    TimedOut,
}

impl Server {
    /// Listens on the first of these addresses that can be; port 0: one the system chooses.
    ///
    /// # Errors
    ///
    /// Whatever the system says: the address is in use, or not ours.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::new(TcpListener::bind(address)?)
    }
}

#[cfg(unix)]
impl Server<UnixListener> {
    /// Listens on a Unix socket, a new file that stays when the server goes.
    ///
    /// # Errors
    ///
    /// Whatever the system says: there is such a file, or no such directory.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(UnixListener::bind(path)?)
    }
}

impl<L: Listen> Server<L> {
    /// A server on a listener that exists already. Clients have 10 s for their handshake.
    ///
    /// # Errors
    ///
    /// Whatever the system says when it is made to wait for clients.
    pub fn new(listener: L) -> io::Result<Self> {
        listener.prepare()?;
        Ok(Self {
            listener,
            acceptor: Acceptor::new(),
            handshake_timeout: Some(Duration::from_secs(10)),
            turn: Turn::default(),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// What clients are granted.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// From connecting to the whole request, 10 s; `None`: any time.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = timeout.into();
        self
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn local_addr(&self) -> io::Result<L::Address> {
        self.listener.address()
    }

    /// Waits for a client and does its handshake.
    ///
    /// # Errors
    ///
    /// [`AcceptError`]; after [`Client`](AcceptError::Client), go on.
    pub fn accept(&self) -> Result<WebSocket<L::Stream>, AcceptError> {
        self.accept_until(None)
    }

    /// [`accept`](Self::accept), where a client must have come by the deadline. Its handshake has its
    /// own.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), and [`AcceptError::TimedOut`].
    pub fn accept_until(
        &self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<WebSocket<L::Stream>, AcceptError> {
        let arrival = self.next_arrival_until(deadline)?;
        arrival.handshake().map_err(AcceptError::Client)
    }

    /// Waits for a client. Its handshake is the caller's to do, on a thread of its choice.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Listener`], [`AcceptError::Stopped`].
    pub fn next_arrival(&self) -> Result<Arrival<L>, AcceptError> {
        self.next_arrival_until(None)
    }

    /// [`next_arrival`](Self::next_arrival) until a deadline.
    ///
    /// # Errors
    ///
    /// As its namesake, and [`AcceptError::TimedOut`].
    pub fn next_arrival_until(
        &self,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<Arrival<L>, AcceptError> {
        let deadline = deadline.into();
        let _taken = self.turn.take(deadline).ok_or(AcceptError::TimedOut)?;
        let pause = |time| self.turn.pause(time);
        loop {
            if self.is_stopped() {
                return Err(AcceptError::Stopped);
            }
            let accepted = self.listener.accept_until(deadline, &pause);
            if self.is_stopped() {
                return Err(AcceptError::Stopped);
            }
            match accepted {
                Ok((stream, peer)) => return Ok(self.arrival(stream, peer)),
                Err(error) if is_gone(&error) => {}
                Err(error) if is_timeout(&error) => {
                    if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                        continue;
                    }
                    return Err(AcceptError::TimedOut);
                }
                Err(error) => return Err(AcceptError::Listener(error)),
            }
        }
    }

    /// Makes every call that waits for a client return [`AcceptError::Stopped`], now and from now on.
    /// Clients that are there stay; the listener is closed when the server is dropped.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        if self.turn.wake() {
            self.listener.wake();
        }
    }

    /// Gives each client to `start`, until the server is stopped: to be served there by
    /// [`Arrival::echo`], or on a thread of its own. Clients do not end it, nor does a system that has no
    /// room for another one.
    ///
    /// # Errors
    ///
    /// Whatever the system says of the listener itself.
    pub fn run_echo(&self, mut start: impl FnMut(Arrival<L>)) -> io::Result<()> {
        loop {
            match self.next_arrival() {
                Ok(arrival) => start(arrival),
                Err(AcceptError::Listener(error)) if is_fatal(&error) => return Err(error),
                Err(AcceptError::Listener(_)) => {
                    self.turn.pause(PAUSE);
                }
                Err(AcceptError::Client(_) | AcceptError::TimedOut) => {}
                Err(AcceptError::Stopped) => return Ok(()),
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    fn arrival(&self, stream: L::Stream, peer: L::Address) -> Arrival<L> {
        let place = L::place(&stream);
        Arrival {
            stream,
            peer,
            acceptor: self.acceptor.clone().place(place),
            deadline: self
                .handshake_timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }
}

impl<L: Listen> Arrival<L> {
    /// Its address.
    pub fn peer_addr(&self) -> &L::Address {
        &self.peer
    }

    /// The connection, before anything was said.
    pub fn into_stream(self) -> L::Stream {
        self.stream
    }

    /// Does the handshake, within the server's timeout.
    ///
    /// # Errors
    ///
    /// As [`Acceptor::attach_until`].
    pub fn handshake(self) -> Result<WebSocket<L::Stream>, Error> {
        let mut socket = self.acceptor.start(self.stream, &[]);
        match socket.handshake_until(self.deadline) {
            Ok(()) => Ok(socket),
            Err(error) => {
                if matches!(error, Error::Rejected(_)) {
                    L::linger(socket.force_close(), Instant::now() + LINGER);
                }
                Err(error)
            }
        }
    }

    /// Does the handshake and sends every message back, in its kind, until the client has closed.
    ///
    /// # Errors
    ///
    /// As [`handshake`](Self::handshake), [`WebSocket::recv`] and [`WebSocket::send`].
    pub fn echo(self) -> Result<(), Error> {
        let mut socket = self.handshake()?;
        while let Some(message) = socket.recv_message()? {
            socket.send_message(message.kind, &message.payload)?;
        }
        Ok(())
    }
}

/// Whether this is one client's fate, not the listener's: it has left before it was accepted, or a
/// signal came.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Whether the listener is of no use any more; what else goes wrong is a lack that may pass.
fn is_fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected
    )
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Listener(error) => write!(f, "cannot accept: {error}"),
            Self::Stopped => f.write_str("the server was stopped"),
            Self::TimedOut => f.write_str("no client has come by the deadline"),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            Self::Listener(error) => Some(error),
            Self::Stopped | Self::TimedOut => None,
        }
    }
}
