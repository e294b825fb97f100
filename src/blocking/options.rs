//! What both ends may choose.

use std::io;

use crate::frame::Kind;

use super::random;

/// The settings of a [`WebSocket`](super::WebSocket) that have nothing to do with its handshake.
///
/// ```
/// use websockd::blocking::Options;
/// use websockd::frame::Kind;
///
/// let options = Options::new().kind(Kind::Binary).max_message_len(None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    kind: Kind,
    max_message_len: Option<u64>,
    random: fn(&mut [u8]) -> io::Result<()>,
}

impl Options {
    /// Text, messages of up to 16 MiB, randomness from the system.
    pub fn new() -> Self {
        Self {
            kind: Kind::Text,
            max_message_len: Some(16 * 1024 * 1024),
            random: random::system,
        }
    }

    /// The kind of messages that [`send`](super::WebSocket::send) sends and
    /// [`recv`](super::WebSocket::recv) takes: text.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Bytes a message of the peer may have, 16 MiB; `None`: any number. They are held in memory, as
    /// they come; a longer message closes the connection with 1009.
    pub fn max_message_len(mut self, len: impl Into<Option<u64>>) -> Self {
        self.max_message_len = len.into();
        self
    }

    /// Where a client's nonce and masking keys come from, instead of the system: a function that fills
    /// its argument with bytes that nobody can foresee (RFC 6455 10.3), such as `getrandom::fill`.
    pub fn random(mut self, fill: fn(&mut [u8]) -> io::Result<()>) -> Self {
        self.random = fill;
        self
    }

    pub(super) fn own_kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn limit(&self) -> Option<u64> {
        self.max_message_len
    }

    /// Random bytes.
    pub(super) fn draw<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        (self.random)(&mut bytes)?;
        Ok(bytes)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
