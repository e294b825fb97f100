//! What can go wrong, and whose fault it is.

use std::fmt;
use std::io;

use crate::connection::Fault;
use crate::frame::Kind;
use crate::handshake::Reject;
use crate::handshake::client::{RequestError, ResponseError};

/// Why a call on a [`WebSocket`](super::WebSocket) did not do what it was called for.
///
/// [`blame`](Self::blame) says whose fault it is. Only after [`TimedOut`](Self::TimedOut),
/// [`OtherKind`](Self::OtherKind), [`BufferTooSmall`](Self::BufferTooSmall), [`Misuse`](Self::Misuse) and
/// [`Random`](Self::Random) is the connection as good as before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The message, of so many bytes, is longer than the buffer. It is kept for the next call.
    BufferTooSmall(usize),
    /// One of the ends has closed the connection in order: there is nothing more to be said.
    Closed,
    /// The peer broke a rule of RFC 6455 or asked for more than it may; it has been told with a Close.
    Fault(Fault),
    /// The stream failed.
    Io(io::Error),
    /// The stream ended without a Close: the peer has vanished (1006, RFC 6455 7.1.5).
    Lost,
    /// The call broke a rule; nothing was done.
    Misuse(Misuse),
    /// A message of this kind came where only those of the other one are taken. It has been dropped; the
    /// next call gets the next message.
    OtherKind(Kind),
    /// There is no randomness to mask a frame with; nothing was done.
    Random(io::Error),
    /// The server's answer grants no WebSocket.
    Refused(Box<Refusal>),
    /// The client's request could not be granted; it has been told why.
    Rejected(Reject),
    /// The request cannot be written.
    Request(RequestError),
    /// The deadline came, or the stream itself does not wait. Nothing is lost: call again.
    TimedOut,
}

/// Whose fault an [`Error`] is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Blame {
    /// The code that made the call.
    Caller,
    /// The system, or the way to the peer.
    Machine,
    /// Nobody's.
    Nobody,
    /// The other end.
    Peer,
}

/// A rule of the API that a call broke.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Misuse {
    /// A code that may not stand in a Close frame.
    CloseCode,
    /// The payload of a Close frame that is none.
    ClosePayload,
    /// A continuation where no message of ours is under way.
    ContinuationOfNothing,
    /// A control frame of more than 125 bytes.
    ControlFrameTooLong,
    /// A control frame without FIN.
    FragmentedControlFrame,
    /// A new message before the last frame of the one under way.
    InsideMessage,
    /// Text that is not UTF-8.
    NotUtf8,
}

/// An answer that grants no WebSocket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    error: ResponseError,
    head: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(error: ResponseError, head: Vec<u8>) -> Self {
        Self { error, head }
    }

    /// What is wrong with it; mostly its [`Status`](ResponseError::Status).
    pub fn error(&self) -> ResponseError {
        self.error
    }

    /// The head as it came, for [`Response::parse`](crate::handshake::client::Response::parse). Empty if
    /// what came is no head.
    pub fn head(&self) -> &[u8] {
        &self.head
    }
}

impl Error {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::BufferTooSmall(_) | Self::Misuse(_) | Self::Request(_) => Blame::Caller,
            Self::Io(_) | Self::Lost | Self::Random(_) => Blame::Machine,
            Self::Closed | Self::TimedOut => Blame::Nobody,
            Self::Fault(_) | Self::OtherKind(_) | Self::Refused(_) | Self::Rejected(_) => {
                Blame::Peer
            }
        }
    }

    /// Whether the deadline came and the same call can be made again.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Io(error) | Error::Random(error) => return error,
            Error::BufferTooSmall(_) | Error::Misuse(_) | Error::Request(_) => {
                io::ErrorKind::InvalidInput
            }
            Error::Closed => io::ErrorKind::NotConnected,
            Error::Lost => io::ErrorKind::UnexpectedEof,
            Error::Refused(_) => io::ErrorKind::ConnectionRefused,
            Error::Fault(_) | Error::OtherKind(_) | Error::Rejected(_) => {
                io::ErrorKind::InvalidData
            }
            Error::TimedOut => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// Whether a stream says that it would have to wait longer than it may.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall(len) => {
                write!(f, "the buffer is too small for a message of {len} bytes")
            }
            Self::Closed => f.write_str("the connection is closed"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Lost => f.write_str("the connection ended without a Close frame"),
            Self::Misuse(misuse) => misuse.fmt(f),
            Self::OtherKind(Kind::Binary) => f.write_str("a binary message where text is taken"),
            Self::OtherKind(Kind::Text) => {
                f.write_str("a text message where binary ones are taken")
            }
            Self::Random(error) => write!(f, "no randomness: {error}"),
            Self::Refused(refusal) => refusal.error.fmt(f),
            Self::Rejected(reject) => reject.fmt(f),
            Self::Request(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the deadline has passed"),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CloseCode => "this code may not stand in a Close frame",
            Self::ClosePayload => "a Close frame holds a code and a reason in UTF-8, or nothing",
            Self::ContinuationOfNothing => "there is no message to continue",
            Self::ControlFrameTooLong => "a control frame holds at most 125 bytes",
            Self::FragmentedControlFrame => "a control frame cannot be fragmented",
            Self::InsideMessage => "the message under way must end before another begins",
            Self::NotUtf8 => "text must be UTF-8",
        })
    }
}

impl std::error::Error for Misuse {}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fault(fault) => Some(fault),
            Self::Io(error) | Self::Random(error) => Some(error),
            Self::Misuse(misuse) => Some(misuse),
            Self::Refused(refusal) => Some(&refusal.error),
            Self::Rejected(reject) => Some(reject),
            Self::Request(error) => Some(error),
            Self::BufferTooSmall(_)
            | Self::Closed
            | Self::Lost
            | Self::OtherKind(_)
            | Self::TimedOut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Limit;

    fn all() -> Vec<(Error, Blame)> {
        let io = || io::Error::from(io::ErrorKind::BrokenPipe);
        let refusal = Refusal::new(ResponseError::Status(404), Vec::new());
        vec![
            (Error::BufferTooSmall(5), Blame::Caller),
            (Error::Closed, Blame::Nobody),
            (Error::Fault(Limit::MessageTooBig.into()), Blame::Peer),
            (Error::Io(io()), Blame::Machine),
            (Error::Lost, Blame::Machine),
            (Error::Misuse(Misuse::NotUtf8), Blame::Caller),
            (Error::OtherKind(Kind::Text), Blame::Peer),
            (Error::OtherKind(Kind::Binary), Blame::Peer),
            (Error::Random(io()), Blame::Machine),
            (Error::Refused(Box::new(refusal)), Blame::Peer),
            (Error::Rejected(Reject::Origin), Blame::Peer),
            (Error::Request(RequestError::Host), Blame::Caller),
            (Error::TimedOut, Blame::Nobody),
        ]
    }

    #[test]
    fn each_error_says_whose_fault_it_is() {
        for (error, blame) in all() {
            assert_eq!(error.blame(), blame, "{error}");
        }
    }

    #[test]
    fn each_has_a_sentence_of_its_own_that_survives_as_an_io_error() {
        let sentences: Vec<_> = all().iter().map(|(error, _)| error.to_string()).collect();
        for (i, (error, _)) in all().into_iter().enumerate() {
            let is_timeout = error.is_timeout();
            let io = io::Error::from(error);
            assert!(sentences[i].ends_with(&io.to_string()), "{io}");
            assert_eq!(io.kind() == io::ErrorKind::TimedOut, is_timeout, "{io}");
            assert!(!sentences[..i].contains(&sentences[i]), "{io}");
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Error>() <= 32);
        assert!(size_of::<Misuse>() <= 16);
    }
}
