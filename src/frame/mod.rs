//! Frames: the words of RFC 6455 section 5.
//!
//! Floor 0. No I/O, no clock, no randomness, nothing that can panic on what a peer sends.

mod run;

pub use run::{Kind, Run};
