//! An answer to a plain request: its head in words, and its body wherever that is.

use std::borrow::Cow;
use std::fmt::Display;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use crate::handshake::{Header, Reject};

/// A response that knows nothing of the connection yet.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    /// Status line and header lines, each with its line end.
    head: String,
    body: Body,
}

/// What follows the head.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing, and no word of a length: 304.
    None,
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// A part of a file.
    File {
        /// Open for reading.
        file: OwnedFd,
        /// Where it begins.
        from: u64,
        /// How long it is.
        len: u64,
    },
}

impl Response {
    /// One without a body. `phrase` are the words behind the status code.
    pub(crate) fn new(status: u16, phrase: &str) -> Self {
        let date = httpdate::fmt_http_date(SystemTime::now());
        Self {
            status,
            head: format!("HTTP/1.1 {status} {phrase}\r\nDate: {date}\r\n"),
            body: Body::None,
        }
    }

    /// The one that tells of a refusal, as [`Reject::write_response`] does, after which the connection
    /// may go on.
    pub(crate) fn refusal(reject: Reject) -> Self {
        let response = Self::new(reject.status(), reject.reason_phrase());
        let response = if reject == Reject::Method {
            response.field("Allow", "GET, HEAD")
        } else {
            response
        };
        response.text(format!("{reject}\n"))
    }

    /// With one more header line. Neither holds a line end.
    pub(crate) fn field(mut self, name: &str, value: impl Display) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// With a body of plain text.
    pub(crate) fn text(self, text: String) -> Self {
        self.field("Content-Type", "text/plain; charset=utf-8")
            .body(Body::Bytes(text.into_bytes().into()))
    }

    /// With this body.
    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Appends the head. `keeps`: whether another request may follow on this connection.
    pub(crate) fn write_head(&self, keeps: bool, extra: &[Header], out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        if let Some(len) = self.body_len() {
            out.extend_from_slice(format!("Content-Length: {len}\r\n").as_bytes());
        }
        if !keeps {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        for header in extra {
            header.write(out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Bytes of the body; `None` where there can be none.
    pub(crate) fn body_len(&self) -> Option<u64> {
        match &self.body {
            Body::None => None,
            Body::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Body::File { len, .. } => Some(*len),
        }
    }

    /// The body alone.
    pub(crate) fn into_body(self) -> Body {
        self.body
    }
}
