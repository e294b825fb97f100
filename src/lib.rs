//! WebSocket (RFC 6455), and the program made of it: `websockd`, inetd for the web, which turns any Unix
//! program into a WebSocket service.
//!
//! There are two ways to use it as a library:
//!
//! * [`blocking`] joins a WebSocket to any [`Read`](std::io::Read) and [`Write`](std::io::Write):
//!   messages in and out, with deadlines, one thread a connection, and a server.
//! * [`connection`] and its kin are the protocol as a state machine, for who owns the loop: bytes and
//!   masking keys go in, events and frames come out, and who reads and writes, with what clock and on
//!   which runtime, is the caller's affair. Payload is unmasked in the caller's buffer and lent from
//!   there, a run at a time; a message of any length needs no more memory than that buffer.
//!
//! ```no_run
//! use std::net::TcpStream;
//! use websockd::blocking::Client;
//! use websockd::frame::CloseCode;
//!
//! let stream = TcpStream::connect("localhost:8080")?;
//! let mut socket = Client::new("localhost:8080", "/chat").attach(stream)?;
//! socket.send("hello")?;
//! while let Some(message) = socket.recv()? {
//!     println!("{}", String::from_utf8_lossy(&message));
//!     socket.start_close(CloseCode::NORMAL, "that was all")?;
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Floors
//!
//! A module knows those below it and none above.
//!
//! | floor | modules | what they hold |
//! | --- | --- | --- |
//! | 0, the words | [`frame`], [`queue`], [`record`] | frames and their rules; bytes on their way out; messages as bytes on a pipe |
//! | 1, the conversation | [`handshake`], [`connection`] | the opening handshake; messages, control frames, closing, limits |
//! | 2, the machine | [`blocking`], `log`, and private ones | WebSockets over streams that wait; one line an event; processes, signals, descriptors |
//! | 3, the programs | `cli`, `daemon`, `dial`, `site` | the command line; listener, session, service, relay; the client; pages |
//!
//! Floors 0 and 1 have no I/O, no clock, no randomness and no `unsafe`, and no input makes them panic;
//! [`blocking`] adds the first three, starts no thread, and has no `unsafe` either.
//!
//! # Features
//!
//! * `full` (default): everything below;
//! * `client`: the program `websock`;
//! * `daemon`: the program `websockd`, what else is on floor 2, and floor 3, for Unix;
//! * `proxy`: who the client of a proxy is, by the PROXY protocol or what `Forwarded` says;
//! * `sandbox`: sessions confine themselves, on Linux;
//! * `site`: what `websockd` answers plain requests with: CGI, files, the console page;
//! * `tls`: encrypted connections, `websockd --tls-cert`.
//!
//! Without any of them the library is floors 0 and 1 and [`blocking`], for any system, and needs base64,
//! sha1, httparse, simdutf8 and memchr.
//!
//! # Versions
//!
//! Semantic versioning is for [`blocking`], [`connection`], [`frame`], [`handshake`], [`queue`] and
//! [`record`]. The other modules are public for the programs of this package, and change with them.
//!
//! # The loop
//!
//! `examples/tokio_echo.rs` is this loop under an asynchronous runtime, handshake included.
//!
//! The steps are numbered as in [`connection`], which says when each of them is due.
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use websockd::connection::{Connection, Event, Limits};
//! use websockd::frame::Role;
//! use websockd::queue::Batch;
//!
//! /// A server's end, after the handshake: sends every message back until the client closes.
//! fn echo(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
//!     let key = [0; 4]; // a client draws one at random for each frame, a server needs none
//!     let max_message_len = Some(1024 * 1024);
//!     let mut connection = Connection::new(Role::Server, Limits { max_message_len });
//!     let mut buffer = vec![0; 64 * 1024];
//!     let mut scratch = Vec::new();
//!     let (mut code, mut reason) = (None, String::new());
//!
//!     while connection.can_receive() {
//!         let len = from.read(&mut buffer)?; // 1
//!         if len == 0 {
//!             return Err(io::ErrorKind::UnexpectedEof.into());
//!         }
//!         let mut input = &mut buffer[..len];
//!         let mut batch = Batch::new(&mut scratch);
//!         loop {
//!             match connection.receive(input) { // 2
//!                 Ok((None, _)) => break,
//!                 Ok((Some(event), rest)) => {
//!                     if let Event::Data(run) = event {
//!                         connection.send(run, key, &mut batch); // 4, in the order of the messages
//!                     }
//!                     input = rest;
//!                 }
//!                 Err(fault) => {
//!                     (code, reason) = (Some(fault.close_code()), fault.to_string());
//!                     break;
//!                 }
//!             }
//!         }
//!         while let Some(frame) = connection.poll_control(key) {
//!             to.write_all(&frame)?; // 3, before the messages
//!         }
//!         for slice in batch.slices(0) {
//!             to.write_all(&slice)?;
//!         }
//!     }
//!     if let Some(close) = connection.peer_close() {
//!         code = close.code;
//!     }
//!     if let Some(frame) = connection.close(code, &reason, key) {
//!         to.write_all(&frame)?; // 5
//!     }
//!     assert!(connection.is_closed()); // 6
//!     Ok(())
//! }
//!
//! // A masked "Hello" and a masked Close, as a client sends them (RFC 6455 5.7).
//! let from = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x37\xfa\x21\x3d";
//! let mut to = Vec::new();
//! echo(&from[..], &mut to)?;
//! assert_eq!(to, b"\x81\x05Hello\x88\x00");
//!
//! // A text that is not UTF-8 is answered with 1007 and why.
//! let mut to = Vec::new();
//! echo(&b"\x81\x81\0\0\0\0\xff"[..], &mut to)?;
//! assert_eq!(to, b"\x88\x13\x03\xeftext is not UTF-8");
//! # Ok::<(), io::Error>(())
//! ```

#![deny(missing_docs)]

// -- floor 0: the words
pub mod frame;
pub mod queue;
pub mod record;

// -- floor 1: the conversation, still without I/O
pub mod connection;
pub mod handshake;

// -- floor 2: the machine
pub mod blocking;
#[cfg(feature = "daemon")]
pub mod log;
#[cfg(feature = "daemon")]
mod sys;
#[cfg(feature = "daemon")]
mod transport;

// -- floor 3: the programs
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "client")]
pub mod dial;
#[cfg(feature = "daemon")]
pub mod site;
