//! A response, read once and as strictly as a request.
//!
//! Floor 1. RFC 9112 4, RFC 6455 4.1.

use super::client::ResponseError;
use super::head::{HeadError, HeadScanner};
use super::headers::Headers;

/// A response head whose every line is right; whether it grants what was asked for is another
/// question, which [`ClientRequest::judge`](super::client::ClientRequest::judge) answers.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    status: u16,
    is_http_1_0: bool,
    headers: Headers<'a>,
}

impl<'a> Response<'a> {
    /// Reads a head. `head` begins with its first byte and holds all of it, as long as
    /// [`HeadScanner::scan`] says; what follows the empty line, frames or a body, is not looked at.
    /// O(length).
    ///
    /// # Errors
    ///
    /// [`ResponseError::Head`].
    pub fn parse(head: &'a [u8]) -> Result<Self, ResponseError> {
        let len = HeadScanner::new()
            .scan(head)?
            .ok_or(HeadError::Incomplete)?;
        let head = head.get(..len).unwrap_or_default();
        let mut lines = Headers::room_for(head);
        let mut parsed = httparse::Response::new(&mut lines);
        let outcome = parsed.parse(head).map_err(HeadError::from)?;
        let (httparse::Status::Complete(_), Some(status), Some(minor)) =
            (outcome, parsed.code, parsed.version)
        else {
            return Err(HeadError::Incomplete.into());
        };
        let count = parsed.headers.len();
        Ok(Self {
            status,
            is_http_1_0: minor == 0,
            headers: Headers::new(lines, count),
        })
    }

    /// The status code, of three digits.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether another response follows that is the answer: then read on behind this one.
    /// RFC 9110 15.2.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// The value of the first line of this name, in either case; bytes, as they need not be UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.first(name)
    }

    /// Name and value of each header line, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.headers.iter()
    }

    pub(super) fn is_http_1_0(&self) -> bool {
        self.is_http_1_0
    }

    /// The lines that the handshake looks at.
    pub(super) fn lines(&self) -> &Headers<'a> {
        &self.headers
    }
}
