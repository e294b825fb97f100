//! A request, read once and strictly: what two programs could read differently is refused.
//!
//! Floor 1. RFC 9112 2 to 6, RFC 6455 4.2.1.

use super::head::{HeadError, HeadScanner};
use super::headers::Headers;
use super::host::Authority;
use super::reject::Reject;
use super::target::Target;

/// A request head whose every line is right; whether it may be upgraded is another question, which
/// [`judge`](super::server::judge) answers.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: &'a str,
    raw_target: &'a str,
    target: Target<'a>,
    is_http_1_0: bool,
    host: Option<Authority<'a>>,
    headers: Headers<'a>,
}

impl<'a> Request<'a> {
    /// Reads a head. `head` begins with its first byte and holds all of it, as long as
    /// [`HeadScanner::scan`] says; what follows the empty line is not looked at.
    ///
    /// Refused is what could hide a second request or name a second host: bare CR or LF, folded lines,
    /// white space before a colon, control bytes, several or differing lengths of a body, several Host
    /// lines or none. O(length).
    ///
    /// # Errors
    ///
    /// A [`Reject`] of status 400, 405 (CONNECT and `OPTIONS *`), 414, 431 or 505. Answer with it and
    /// close: what follows the head cannot be trusted to be a request.
    pub fn parse(head: &'a [u8]) -> Result<Self, Reject> {
        let len = HeadScanner::new()
            .scan(head)?
            .ok_or(HeadError::Incomplete)?;
        let head = head.get(..len).unwrap_or_default();
        let mut lines = Headers::room_for(head);
        let mut parsed = httparse::Request::new(&mut lines);
        let outcome = parsed.parse(head).map_err(|error| reject(error, head))?;
        let (httparse::Status::Complete(_), Some(method), Some(raw_target), Some(minor)) =
            (outcome, parsed.method, parsed.path, parsed.version)
        else {
            return Err(HeadError::Incomplete.into());
        };
        let count = parsed.headers.len();
        let mut headers = Headers::new(lines, count);
        let is_http_1_0 = minor == 0;
        check_body(&headers, is_http_1_0)?;
        let target = Target::parse(method, raw_target)?;
        let host = find_host(&mut headers, &target, is_http_1_0)?;
        Ok(Self {
            method,
            raw_target,
            target,
            is_http_1_0,
            host,
            headers,
        })
    }

    /// The method, whose case matters.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The target as it stands in the request line.
    pub fn target(&self) -> &'a str {
        self.raw_target
    }

    /// The target's path: begins with a slash, percent-encoding and dot segments left as they are.
    pub fn path(&self) -> &'a str {
        self.target.path
    }

    /// What follows the target's question mark, as it is; `None` without one.
    pub fn query(&self) -> Option<&'a str> {
        self.target.query
    }

    /// `HTTP/1.1` or `HTTP/1.0`.
    pub fn version(&self) -> &'static str {
        if self.is_http_1_0 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        }
    }

    /// The host that is asked for: of an absolute target, else of the Host header. `None` only in
    /// HTTP/1.0.
    pub fn host(&self) -> Option<Authority<'a>> {
        self.host
    }

    /// The value of the first line of this name, in either case; bytes, as they need not be UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.first(name)
    }

    /// Name and value of each header line, in order. Host is the one of an absolute target
    /// (RFC 9112 3.2.2).
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.headers.iter()
    }

    /// Whether this is meant for a WebSocket server: Upgrade lists `websocket`, or there is a
    /// Sec-WebSocket-Key. The second is what is left when a proxy has dropped the first; such a request
    /// deserves the judgement that tells so, not a page.
    pub fn wants_upgrade(&self) -> bool {
        self.headers.list("Upgrade", "websocket") || self.header("Sec-WebSocket-Key").is_some()
    }

    pub(super) fn is_http_1_0(&self) -> bool {
        self.is_http_1_0
    }

    /// Whether the client expects to send another request on this connection (RFC 9112 9.3).
    pub fn is_persistent(&self) -> bool {
        !self.is_http_1_0 && !self.headers.list("Connection", "close")
    }

    /// Whether a body follows the head.
    pub fn has_body(&self) -> bool {
        self.header("Transfer-Encoding").is_some()
            || self
                .header("Content-Length")
                .is_some_and(|len| len.iter().any(|digit| *digit != b'0'))
    }

    /// The lines that the handshake looks at.
    pub(super) fn lines(&self) -> &Headers<'a> {
        &self.headers
    }
}

/// What the parser's error means; a request line that is right but for its version is told apart.
fn reject(error: httparse::Error, head: &[u8]) -> Reject {
    if error == httparse::Error::Version && has_http_version(head) {
        Reject::HttpVersion
    } else {
        HeadError::from(error).into()
    }
}

/// RFC 9112 2.3 and 3: `method SP request-target SP "HTTP/" DIGIT "." DIGIT`.
fn has_http_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\r').next();
    let mut parts = line.unwrap_or_default().split(|byte| *byte == b' ');
    let version = parts.nth(2).and_then(|part| part.strip_prefix(b"HTTP/"));
    let is_last = parts.next().is_none();
    is_last
        && matches!(version, Some([major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// RFC 9112 6.3: what says two things of a body's length, or one that cannot be read, is refused.
fn check_body(headers: &Headers<'_>, is_http_1_0: bool) -> Result<(), Reject> {
    let has_coding = headers.first("Transfer-Encoding").is_some();
    let mut lengths = headers.all("Content-Length").map(parse_len);
    let Some(first) = lengths.next() else {
        // RFC 9112 6.1: a Transfer-Encoding in HTTP/1.0 is faulty framing.
        return if has_coding && is_http_1_0 {
            Err(Reject::BodyLength)
        } else {
            Ok(())
        };
    };
    if has_coding || first.is_none() || lengths.any(|len| len != first) {
        return Err(Reject::BodyLength);
    }
    Ok(())
}

fn parse_len(value: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// RFC 9112 3.2: exactly one Host in HTTP/1.1, and a right one; an absolute target's host takes its
/// place, for us and for whoever reads the headers after us.
fn find_host<'a>(
    headers: &mut Headers<'a>,
    target: &Target<'a>,
    is_http_1_0: bool,
) -> Result<Option<Authority<'a>>, Reject> {
    let host = match headers.only("Host", Reject::HostRepeated)? {
        Some(host) => Some(Authority::parse(host).ok_or(Reject::HostMalformed)?),
        None if is_http_1_0 => None,
        None => return Err(Reject::HostMissing),
    };
    let Some(text) = target.authority.map(str::as_bytes) else {
        return Ok(host);
    };
    headers.replace("Host", text);
    Authority::parse(text).map(Some).ok_or(Reject::Target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gives_its_parts() {
        let request = Request::parse(
            b"GET /chat?room=1 HTTP/1.1\r\nHost: Example.com:8080\r\nX-A:\r\nx-a:  \xe9 \r\n\r\n\x81",
        )
        .unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(request.target(), "/chat?room=1");
        assert_eq!(request.path(), "/chat");
        assert_eq!(request.query(), Some("room=1"));
        assert_eq!(request.version(), "HTTP/1.1");
        let host = Authority {
            host: "Example.com",
            port: Some(8080),
        };
        assert_eq!(request.host(), Some(host));
        assert_eq!(request.header("x-A"), Some(&b""[..]));
        let expected = [
            ("Host", &b"Example.com:8080"[..]),
            ("X-A", b""),
            ("x-a", b"\xe9"),
        ];
        assert!(request.headers().eq(expected));
        assert!(!request.wants_upgrade());
        assert!(!request.has_body());
    }

    #[test]
    fn an_absolute_target_takes_the_place_of_host() {
        let head = b"GET http://a.example:1/b?c HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        let request = Request::parse(head).unwrap();
        assert_eq!((request.path(), request.query()), ("/b", Some("c")));
        assert_eq!(request.host().map(|host| host.host), Some("a.example"));
        assert_eq!(request.header("Host"), Some(&b"a.example:1"[..]));
    }

    #[test]
    fn a_wish_for_websocket_shows_in_upgrade_or_in_the_key() {
        let wants = |line: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
            Request::parse(head.as_bytes()).unwrap().wants_upgrade()
        };
        assert!(wants("Upgrade: h2c, WebSocket"));
        assert!(wants("Sec-WebSocket-Key: a"));
        assert!(!wants("Upgrade: h2c"));
        assert!(!wants("Upgrade: websocket2"));
        assert!(!wants("Connection: Upgrade"));
    }

    #[test]
    fn a_body_shows_in_its_length_or_coding() {
        let has_body = |line: &str| {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
            Request::parse(head.as_bytes()).unwrap().has_body()
        };
        assert!(has_body("Content-Length: 1"));
        assert!(has_body("Content-Length: 010"));
        assert!(has_body("Transfer-Encoding: chunked"));
        assert!(!has_body("Content-Length: 0"));
        assert!(!has_body("Content-Length: 00"));
    }
}
