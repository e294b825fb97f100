//! What a request that asks for no upgrade gets.
//!
//! Floor 3; knows no transport: an answer is bytes appended to the caller's buffer.

pub mod console;
