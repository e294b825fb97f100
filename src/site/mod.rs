//! What a request that asks for no upgrade gets, and how a request's path is read.
//!
//! Floor 3; knows no transport: an answer is bytes appended to the caller's buffer.

#[cfg(feature = "site")]
pub mod console;
pub(crate) mod path;
