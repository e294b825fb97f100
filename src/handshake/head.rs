//! Where a head ends, found while it arrives, and what makes a head no head at all.
//!
//! Apart from parsing, so that a head is parsed once, when it is there as a whole. Requests and
//! responses have the same frame: a first line, header lines, an empty line. RFC 9112 2.
//!
//! Floor 1.
//!
//! ```text
//! state                 CR                    LF             other bytes
//! ExpectFirstByte       ExpectFirstLineFeed   LineEnd        ExpectFirstLine, if a token's   2.2
//! ExpectFirstLineFeed   LineEnd               ExpectFirstByte      LineEnd                   2.2
//! ExpectFirstLine       ExpectLineFeed        LineEnd        stays                           3
//! ExpectLineFeed        LineEnd               ExpectLine     LineEnd                         2.2
//! ExpectLine            ExpectLastLineFeed    LineEnd        ExpectLineRest; space: Folded   5.2
//! ExpectLineRest        ExpectLineFeed        LineEnd        stays                           5
//! ExpectLastLineFeed    LineEnd               Done           LineEnd                         2.1
//! ```

use std::fmt;

use super::token::{is_token_byte, is_value_byte};

/// Bytes a head may have, the empty line at its end included.
pub const MAX_HEAD_LEN: usize = 16 * 1024;

/// Bytes the first line may have, its line end included; RFC 9112 3 asks for 8000 at least.
pub const MAX_FIRST_LINE_LEN: usize = 8 * 1024;

/// Header lines a head may have.
pub const MAX_HEADERS: usize = 100;

/// Finds the end of a head in what has been received so far, looking at each byte once however it
/// arrives: a head sent byte by byte costs no more than one sent at once.
///
/// ```
/// use websockd::handshake::head::HeadScanner;
///
/// let mut scanner = HeadScanner::new();
/// let mut received = b"GET / HTTP/1.1\r\nHost: local".to_vec();
/// assert_eq!(scanner.scan(&received), Ok(None));
/// received.extend_from_slice(b"host\r\n\r\n\x81\x80");
/// assert_eq!(scanner.scan(&received), Ok(Some(received.len() - 2)));
/// ```
#[derive(Debug, Default)]
pub struct HeadScanner {
    state: State,
    /// How many bytes have been looked at; the head's length once the state is `Done`.
    scanned: usize,
}

/// What the next byte is part of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    ExpectFirstByte,
    ExpectFirstLineFeed,
    ExpectFirstLine,
    ExpectLineFeed,
    ExpectLine,
    ExpectLineRest,
    ExpectLastLineFeed,
    Done,
}

impl HeadScanner {
    /// A scanner that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the bytes that are new since the last call.
    ///
    /// `received` is everything received on the connection so far, that is the bytes of the last call
    /// and those that came since. The answer is the head's length in bytes, with its empty line; what
    /// follows it (the first frames, as a client may send them) is not looked at. `None`: receive more
    /// and call again. An outcome stands: asking again gives it again. O(new bytes).
    ///
    /// # Errors
    ///
    /// [`HeadError`], as soon as no further byte can make this a head; only those of its variants
    /// that one byte or the length shows.
    pub fn scan(&mut self, received: &[u8]) -> Result<Option<usize>, HeadError> {
        loop {
            if self.state == State::Done {
                return Ok(Some(self.scanned));
            }
            let (end, too_long) = self.state.limit();
            if self.scanned >= end {
                return Err(too_long);
            }
            let unseen = received.get(self.scanned..received.len().min(end));
            let unseen = unseen.unwrap_or_default();
            let Some(byte) = unseen.first() else {
                return Ok(None);
            };
            let staying = self.state.staying(unseen);
            if staying == 0 {
                self.state = self.state.after(*byte)?;
            }
            self.scanned += staying.max(1);
        }
    }
}

impl State {
    /// Where in the head it must have been left, and what is wrong otherwise.
    fn limit(self) -> (usize, HeadError) {
        match self {
            Self::ExpectFirstByte | Self::ExpectFirstLineFeed | Self::ExpectFirstLine => {
                (MAX_FIRST_LINE_LEN, HeadError::FirstLineTooLong)
            }
            Self::ExpectLineFeed
            | Self::ExpectLine
            | Self::ExpectLineRest
            | Self::ExpectLastLineFeed
            | Self::Done => (MAX_HEAD_LEN, HeadError::TooLong),
        }
    }

    /// How many of the first bytes change nothing: within a line, which is most of a head, they are taken
    /// together.
    fn staying(self, bytes: &[u8]) -> usize {
        let is_within_line = matches!(self, Self::ExpectFirstLine | Self::ExpectLineRest);
        let staying = bytes.iter().take_while(|byte| is_value_byte(**byte));
        if is_within_line { staying.count() } else { 0 }
    }

    fn after(self, byte: u8) -> Result<Self, HeadError> {
        match (self, byte) {
            // RFC 9112 2.2: a server should ignore an empty line before the request.
            (Self::ExpectFirstByte, b'\r') => Ok(Self::ExpectFirstLineFeed),
            (Self::ExpectFirstLineFeed, b'\n') => Ok(Self::ExpectFirstByte),
            (Self::ExpectFirstLine | Self::ExpectLineRest, b'\r') => Ok(Self::ExpectLineFeed),
            (Self::ExpectLineFeed, b'\n') => Ok(Self::ExpectLine),
            (Self::ExpectLine, b'\r') => Ok(Self::ExpectLastLineFeed),
            (Self::ExpectLastLineFeed, b'\n') => Ok(Self::Done),
            // RFC 9112 2.2: a bare CR is invalid. A bare LF may be taken for a line end; two programs
            // that disagree on it see two different requests, so it is not.
            (_, b'\r' | b'\n')
            | (Self::ExpectFirstLineFeed | Self::ExpectLineFeed | Self::ExpectLastLineFeed, _) => {
                Err(HeadError::LineEnd)
            }
            (Self::ExpectFirstByte, byte) => Self::after_first_byte(byte),
            // RFC 9112 5.2: a server must reject a folded line or unfold it.
            (Self::ExpectLine, b' ' | b'\t') => Err(HeadError::Folded),
            (Self::ExpectFirstLine, byte) if is_value_byte(byte) => Ok(Self::ExpectFirstLine),
            (Self::ExpectFirstLine, _) => Err(HeadError::FirstLine),
            (_, byte) if is_value_byte(byte) => Ok(Self::ExpectLineRest),
            (_, _) => Err(HeadError::ControlByte),
        }
    }

    fn after_first_byte(byte: u8) -> Result<Self, HeadError> {
        match byte {
            // The content types of a TLS record: alert and handshake (RFC 8446 5.1).
            0x15 | 0x16 => Err(HeadError::Tls),
            byte if is_token_byte(byte) => Ok(Self::ExpectFirstLine),
            _ => Err(HeadError::FirstLine),
        }
    }
}

/// Why bytes are no head: the same for requests, where it becomes a
/// [`Reject`](super::Reject), and responses, where it becomes a
/// [`ResponseError`](super::client::ResponseError).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HeadError {
    /// A control byte in a header line.
    ControlByte,
    /// The first line is no request line and no status line.
    FirstLine,
    /// The first line is longer than [`MAX_FIRST_LINE_LEN`].
    FirstLineTooLong,
    /// A header line begins with white space.
    Folded,
    /// A header line without a name, or without a colon right after it.
    HeaderName,
    /// The empty line at the end is missing. Only parsing says this; the scanner asks for more.
    Incomplete,
    /// A CR without LF or a LF without CR.
    LineEnd,
    /// TLS where plain HTTP is spoken.
    Tls,
    /// The head is longer than [`MAX_HEAD_LEN`].
    TooLong,
    /// The head has more than [`MAX_HEADERS`] header lines.
    TooManyHeaders,
}

impl From<httparse::Error> for HeadError {
    /// The scanner has already seen to line ends and control bytes; what is left is the first line's
    /// shape and the header names.
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::HeaderName,
            httparse::Error::HeaderValue => Self::ControlByte,
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            httparse::Error::NewLine
            | httparse::Error::Status
            | httparse::Error::Token
            | httparse::Error::Version => Self::FirstLine,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlByte => "header lines must be free of control bytes",
            Self::FirstLine => {
                "the first line must be one of HTTP/1.1, with single spaces between its parts"
            }
            Self::FirstLineTooLong => {
                return write!(f, "the first line must not exceed {MAX_FIRST_LINE_LEN} bytes");
            }
            Self::Folded => "a header must stay on one line",
            Self::HeaderName => "a header line must be a name, a colon right after it, and a value",
            Self::Incomplete => "the head must end with an empty line",
            Self::LineEnd => "lines must end with CR LF, and neither may stand alone",
            Self::Tls => {
                "one end speaks TLS and the other does not: use wss:// where TLS is spoken, else ws://"
            }
            Self::TooLong => return write!(f, "the head must not exceed {MAX_HEAD_LEN} bytes"),
            Self::TooManyHeaders => {
                return write!(f, "the head must not exceed {MAX_HEADERS} header lines");
            }
        })
    }
}

impl std::error::Error for HeadError {}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn scan(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
        HeadScanner::new().scan(bytes)
    }

    #[test]
    fn a_head_sent_byte_by_byte_is_looked_at_once() {
        let mut scanner = HeadScanner::new();
        for len in 0..HEAD.len() {
            assert_eq!(scanner.scan(&HEAD[..len]), Ok(None));
            assert_eq!(scanner.scanned, len);
        }
        assert_eq!(scanner.scan(HEAD), Ok(Some(HEAD.len())));
    }

    #[test]
    fn what_follows_the_head_is_left_alone() {
        let received = [HEAD, b"\x81\x85\0\0\0\0hello"].concat();
        assert_eq!(scan(&received), Ok(Some(HEAD.len())));
    }

    #[test]
    fn an_outcome_stands_when_asked_again() {
        let mut scanner = HeadScanner::new();
        assert_eq!(scanner.scan(b"G\0"), Err(HeadError::FirstLine));
        assert_eq!(scanner.scan(b"G\0"), Err(HeadError::FirstLine));
        let mut scanner = HeadScanner::new();
        assert_eq!(scanner.scan(HEAD), Ok(Some(HEAD.len())));
        assert_eq!(scanner.scan(HEAD), Ok(Some(HEAD.len())));
    }

    #[test]
    fn empty_lines_before_the_request_are_part_of_the_head() {
        let received = [b"\r\n\r\n", HEAD].concat();
        assert_eq!(scan(&received), Ok(Some(received.len())));
    }

    #[test]
    fn what_can_become_no_head_is_refused_with_its_first_wrong_byte() {
        for (bytes, expected) in [
            (&b"\x16\x03"[..], HeadError::Tls),
            (b"\x15\x03", HeadError::Tls),
            (b" ", HeadError::FirstLine),
            (b"\x80", HeadError::FirstLine),
            (b"GET /\0", HeadError::FirstLine),
            (b"GET /\x1b", HeadError::FirstLine),
            (b"\n", HeadError::LineEnd),
            (b"\rG", HeadError::LineEnd),
            (b"GET / HTTP/1.1\n", HeadError::LineEnd),
            (b"GET / HTTP/1.1\rH", HeadError::LineEnd),
            (b"GET / HTTP/1.1\r\r", HeadError::LineEnd),
            (b"GET / HTTP/1.1\r\n\n", HeadError::LineEnd),
            (b"GET / HTTP/1.1\r\nA: b\n", HeadError::LineEnd),
            (b"GET / HTTP/1.1\r\nA: b\r\n\rC", HeadError::LineEnd),
            (b"GET / HTTP/1.1\r\n ", HeadError::Folded),
            (b"GET / HTTP/1.1\r\nA: b\r\n\t", HeadError::Folded),
            (b"GET / HTTP/1.1\r\nA: \0", HeadError::ControlByte),
            (b"GET / HTTP/1.1\r\nA: \x7f", HeadError::ControlByte),
        ] {
            assert_eq!(scan(bytes), Err(expected), "{}", bytes.escape_ascii());
            let before = &bytes[..bytes.len() - 1];
            if expected != HeadError::Tls {
                assert_eq!(scan(before), Ok(None), "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
        let long = |len: usize| {
            let mut head = b"GET / HTTP/1.1\r\nA: ".to_vec();
            head.resize(len - 4, b'a');
            head.extend_from_slice(b"\r\n\r\n");
            head
        };
        assert_eq!(scan(&long(MAX_HEAD_LEN)), Ok(Some(MAX_HEAD_LEN)));
        assert_eq!(scan(&long(MAX_HEAD_LEN + 1)), Err(HeadError::TooLong));
        let endless = long(2 * MAX_HEAD_LEN);
        assert_eq!(scan(&endless[..MAX_HEAD_LEN - 1]), Ok(None));
        assert_eq!(scan(&endless[..MAX_HEAD_LEN]), Err(HeadError::TooLong));
    }

    #[test]
    fn a_first_line_may_be_as_long_as_its_limit_and_no_longer() {
        let long = |len: usize| {
            let mut head = b"GET /".to_vec();
            head.resize(len - 11, b'a');
            head.extend_from_slice(b" HTTP/1.1\r\n\r\n");
            head
        };
        let longest = long(MAX_FIRST_LINE_LEN);
        assert_eq!(scan(&longest), Ok(Some(longest.len())));
        // Its CR stands where the limit is, so that only the LF is beyond.
        assert_eq!(
            scan(&long(MAX_FIRST_LINE_LEN + 2)),
            Err(HeadError::FirstLineTooLong)
        );
    }
}
