//! RFC 6455 without I/O, and the parts of `websockd`, inetd for the web.

// -- floor 0: the words
pub mod frame;
pub mod queue;
pub mod record;

// -- floor 1: the conversation, still without I/O
pub mod handshake;

// -- floor 2: the machine
#[cfg(feature = "daemon")]
pub mod log;

// -- floor 3: the programs
#[cfg(feature = "daemon")]
pub mod daemon;
