//! The opening handshake: RFC 6455 section 4, without I/O.
//!
//! Floor 1.

pub mod server;
