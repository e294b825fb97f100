//! The opening handshake: RFC 6455 section 4, without I/O.
//!
//! Floor 1. No clock, no randomness (the client's nonce is an argument), nothing that can panic on what
//! a peer sends.
//!
//! A server collects bytes until [`HeadScanner`](head::HeadScanner) has found the end of the head,
//! reads it as a [`Request`], lets [`judge`](server::judge) decide, and writes what comes of it: an
//! [`Upgrade`](server::Upgrade)'s 101 or a [`Reject`]'s refusal. What is left of the bytes behind the
//! head are the client's first frames.
//!
//! ```
//! use websockd::handshake::head::HeadScanner;
//! use websockd::handshake::server::{Place, Policy, Upgrade, judge};
//! use websockd::handshake::{Reject, Request};
//!
//! fn answer<'p>(head: &[u8], policy: &'p Policy, place: &Place) -> Result<Upgrade<'p>, Reject> {
//!     judge(&Request::parse(head)?, policy, place)
//! }
//!
//! let received = b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
//!     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80\0\0\0\0";
//! let policy = Policy::default();
//! let place = Place { is_secure: false, is_loopback: true };
//!
//! let mut out = Vec::new();
//! if let Some(len) = HeadScanner::new().scan(received)? {
//!     let (head, frames) = received.split_at(len);
//!     match answer(head, &policy, &place) {
//!         Ok(upgrade) => upgrade.write_response(&[], &mut out),
//!         Err(reject) => reject.write_response(&[], &mut out),
//!     }
//!     assert_eq!(frames, b"\x81\x80\0\0\0\0");
//! }
//! assert!(out.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! # Ok::<(), websockd::handshake::head::HeadError>(())
//! ```
//!
//! A client writes a [`ClientRequest`](client::ClientRequest) and lets it judge the
//! [`Response`](client::Response).

pub mod client;
pub mod head;
pub mod key;
pub mod offer;
pub mod server;

mod fuzz;
mod headers;
mod host;
mod origin;
mod policy;
mod reject;
mod request;
mod response;
mod target;
mod token;

#[doc(hidden)]
pub use fuzz::{fuzz_head, fuzz_offer};
pub use headers::{Header, HeaderError};
pub use host::Authority;
pub use reject::Reject;
pub use request::Request;
pub use token::is_token;
