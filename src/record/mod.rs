//! Records: what one message is on the service's pipe.
//!
//! Floor 0; knows [`frame`](crate::frame)'s words and [`queue`](crate::queue)'s batches, no I/O.

/// How messages look to the service.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Record {
    /// Payload and `\n`; from the service, up to `\n` is one text message.
    #[default]
    Line,
    /// Payload and NUL; from the service, up to NUL is one text message.
    Nul,
    /// A header of 22 bytes, then the payload; lossless.
    Typed,
    /// Payload bytes alone; from the service, each read is one binary message.
    Raw,
}
