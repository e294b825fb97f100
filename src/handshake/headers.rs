//! Header lines: those of a received head, and those that a caller adds to ours.
//!
//! Floor 1. RFC 9110 5.

use std::fmt;

use super::head::MAX_HEADERS;
use super::token::{elements, is_token, is_value_byte};

/// The header lines of a head, in order.
#[derive(Clone, Debug)]
pub(super) struct Headers<'a>(Vec<httparse::Header<'a>>);

impl<'a> Headers<'a> {
    /// Room for the lines of a head, or for as many as it may have.
    pub(super) fn room_for(head: &[u8]) -> Vec<httparse::Header<'a>> {
        let count = memchr::memchr_iter(b'\n', head).count();
        vec![httparse::EMPTY_HEADER; count.min(MAX_HEADERS)]
    }

    /// Takes the first `count` of `lines`: those that the parser has filled.
    pub(super) fn new(mut lines: Vec<httparse::Header<'a>>, count: usize) -> Self {
        lines.truncate(count);
        Self(lines)
    }

    /// Name and value of each line, white space around the value cut off.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.0.iter().map(|line| (line.name, line.value))
    }

    /// The values of all lines of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first line of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The value of the only line of this name, `None` if there is none; where there are several,
    /// `repeated` is the error.
    pub(super) fn only<E>(&self, name: &str, repeated: E) -> Result<Option<&'a [u8]>, E> {
        let mut lines = self.all(name);
        let first = lines.next();
        if lines.next().is_some() {
            return Err(repeated);
        }
        Ok(first)
    }

    /// Whether the lists in all lines of this name hold `element`, in either case.
    pub(super) fn list(&self, name: &str, element: &str) -> bool {
        elements(self.all(name)).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Puts another value in all lines of this name.
    pub(super) fn replace(&mut self, name: &str, value: &'a [u8]) {
        for line in &mut self.0 {
            if line.name.eq_ignore_ascii_case(name) {
                line.value = value;
            }
        }
    }
}

/// A header line that a caller adds to a request or response of ours: checked when it is made, so that
/// it can neither end the line nor contradict what the handshake itself says.
///
/// ```
/// use websockd::handshake::{Header, HeaderError};
///
/// assert!(Header::parse("Server: websockd").is_ok());
/// assert_eq!(Header::new("X-A", "b\r\nX-C: d"), Err(HeaderError::Value));
/// assert_eq!(Header::new("Upgrade", "h2c"), Err(HeaderError::Reserved));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    name: String,
    value: String,
}

impl Header {
    /// A line of this name and value; white space around the value is cut off.
    ///
    /// # Errors
    ///
    /// [`HeaderError`]: the name is no token or one of the handshake's own, the value has control
    /// bytes.
    pub fn new(name: &str, value: &str) -> Result<Self, HeaderError> {
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name.as_bytes()) {
            Err(HeaderError::Name)
        } else if is_reserved(name) {
            Err(HeaderError::Reserved)
        } else if !value.bytes().all(is_value_byte) {
            Err(HeaderError::Value)
        } else {
            Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            })
        }
    }

    /// Reads `Name: value`, as a command line has it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); a line without colon has no name.
    pub fn parse(line: &str) -> Result<Self, HeaderError> {
        let (name, value) = line.split_once(':').ok_or(HeaderError::Name)?;
        Self::new(name, value)
    }

    /// The name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Appends the line, with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_line(&self.name, &self.value, out);
    }
}

/// Appends one header line. Only for what cannot hold a line end.
pub(super) fn write_line(name: &str, value: &str, out: &mut Vec<u8>) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Headers that the handshake writes itself, or that would say a body follows.
fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "origin",
        "transfer-encoding",
        "upgrade",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || name.starts_with("sec-websocket-")
}

/// Why a header line cannot be added.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is no token, or there is no colon.
    Name,
    /// The handshake writes this header itself.
    Reserved,
    /// The value has a control byte, such as a line end.
    Value,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a header is written `Name: value`, the name without spaces",
            Self::Reserved => "this header is the handshake's own and cannot be added",
            Self::Value => "a header's value must be free of control bytes",
        })
    }
}

impl std::error::Error for HeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_token_and_a_value_without_control_bytes() {
        let header = Header::parse("X-A:  b c\t").unwrap();
        assert_eq!((header.name(), header.value()), ("X-A", "b c"));
        assert!(Header::parse("X-A:").is_ok());
        for line in [
            "",
            "X-A",
            ": b",
            "X A: b",
            " X-A: b",
            "X-A : b",
            "X-\u{e9}: b",
        ] {
            assert_eq!(Header::parse(line), Err(HeaderError::Name), "{line}");
        }
        for line in ["X-A: b\r\nX-C: d", "X-A: b\n", "X-A: \0", "X-A: \u{7f}"] {
            assert_eq!(Header::parse(line), Err(HeaderError::Value), "{line}");
        }
    }

    #[test]
    fn the_handshakes_own_headers_cannot_be_added() {
        for name in [
            "Host",
            "UPGRADE",
            "connection",
            "Content-Length",
            "Content-Type",
            "Origin",
            "Transfer-Encoding",
            "Sec-WebSocket-Protocol",
            "sec-websocket-anything",
        ] {
            assert_eq!(Header::new(name, "a"), Err(HeaderError::Reserved), "{name}");
        }
        assert!(Header::new("Sec-Fetch-Mode", "websocket").is_ok());
    }
}
