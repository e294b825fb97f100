//! WebSockets over blocking streams: a small API for one thread a connection, with deadlines.
//!
//! Floor 2: here are the clock, the randomness and the waiting that the floors below do without. No
//! thread is started and no crate is needed that they do not need.
//!
//! A [`WebSocket`] joins any stream that is [`Read`] and [`Write`]: TCP, Unix, TLS, a pipe in memory.
//! A [`Client`] or an [`Acceptor`] says how, [`WebSocket::without_handshake`] is for a handshake that
//! somebody else has done. A [`Server`] listens.
//!
//! ```
//! use std::net::TcpStream;
//! use std::thread;
//!
//! use websockd::blocking::{Client, Server};
//! use websockd::frame::CloseCode;
//!
//! let server = Server::bind("127.0.0.1:0")?;
//! let address = server.local_addr()?;
//! let echo = thread::spawn(move || {
//!     let mut client = server.accept()?;
//!     while let Some(message) = client.recv()? {
//!         client.send(&message)?;
//!     }
//!     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//! });
//!
//! let stream = TcpStream::connect(address)?;
//! let mut socket = Client::new(&address.to_string(), "/").attach(stream)?;
//! socket.send("hello")?;
//! assert_eq!(socket.recv()?.as_deref(), Some(&b"hello"[..]));
//! socket.close(CloseCode::NORMAL, "bye")?;
//! # echo.join().unwrap().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Deadlines
//!
//! Each call that may wait has a second form, `…_until`, with an [`Instant`] or `None`: for ever. A
//! past instant means now: what can be done without waiting is done. It needs a stream that is
//! [`Deadline`]; [`WithDeadline`] makes one of a stream of another crate.
//!
//! [`Error::TimedOut`] is the one error after which everything is as before: half a frame that has come
//! or half a request that has left is kept, and the next call goes on with it. How a message is sent
//! under a deadline is told at [`send_until`](WebSocket::send_until).
//!
//! # Randomness
//!
//! A client masks each frame with a key that nobody can foresee (RFC 6455 10.3). By default keys come
//! from the system, which is read as `/dev/urandom`; where there is none, as on Windows, a source is
//! given to [`Options::random`], and without one the first call says [`Error::Random`]. Nothing weaker
//! takes its place. Servers need no randomness.
//!
//! [`Read`]: std::io::Read
//! [`Write`]: std::io::Write
//! [`Instant`]: std::time::Instant

mod acceptor;
mod client;
mod closing;
mod deadline;
mod detached;
mod error;
mod handshake;
mod inbound;
mod link;
mod options;
mod outbound;
mod random;
mod server;
mod until;
mod wait;
mod websocket;

pub use acceptor::Acceptor;
pub use client::Client;
pub use deadline::{Deadline, WithDeadline};
pub use detached::{DetachError, Detached};
pub use error::{Blame, Error, Misuse, Refusal};
pub use inbound::{Frame, Message};
pub use options::Options;
pub use server::{AcceptError, Arrival, Listen, Server};
pub use websocket::{State, WebSocket};
