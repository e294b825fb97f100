//! Frames: the words of RFC 6455 section 5.
//!
//! Floor 0. No I/O, no clock, no randomness, nothing that can panic on what a peer sends.

mod close;
mod decoder;
mod encoder;
mod fuzz;
mod header;
pub mod mask;
mod run;
mod utf8;
mod violation;

pub use close::{Close, CloseCode};
pub use decoder::{Decoder, Part};
pub use encoder::{ControlFrame, HeaderBytes, encode_header};
#[doc(hidden)]
pub use fuzz::{fuzz_close, fuzz_decoder};
pub use header::{Header, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode, Role};
pub use run::{Kind, Run};
pub use utf8::{Invalid, Replacer, Utf8};
pub use violation::Violation;
