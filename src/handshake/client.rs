//! The client's side: its request, and its judgement of the answer. RFC 6455 4.1.
//!
//! Floor 1.

use std::fmt;

use super::head::HeadError;
use super::headers::{Header, write_line};
use super::host::Authority;
use super::key::{accept_key, request_key};
use super::offer::is_unique;
use super::target::Target;
use super::token::is_token;

pub use super::response::Response;

/// A request for WebSocket: nothing in it can end its line or add another.
///
/// ```
/// use websockd::handshake::client::{ClientRequest, Response};
///
/// let nonce = *b"the sample nonce"; // 16 random bytes, new ones for each connection
/// let request = ClientRequest::new("example.com:8080", "/chat?room=1", nonce)?;
/// let mut bytes = Vec::new();
/// request.write(&mut bytes);
/// assert!(bytes.starts_with(b"GET /chat?room=1 HTTP/1.1\r\nHost: example.com:8080\r\n"));
///
/// let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// let response = Response::parse(head)?;
/// assert_eq!(request.judge(&response)?.protocol, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientRequest {
    host: String,
    resource: String,
    key: String,
    origin: Option<String>,
    protocols: Vec<String>,
    headers: Vec<Header>,
}

/// What the server has granted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Granted<'r> {
    /// The subprotocol, one of those asked for. `None` although some were asked for means that the
    /// server speaks none of them; RFC 6455 4.1 leaves it to the caller whether to go on.
    pub protocol: Option<&'r str>,
}

impl ClientRequest {
    /// A request to `host`, a name or address with its port unless that is the scheme's own, for
    /// `resource`, an absolute path with its query, percent-encoded. `nonce` is chosen at random for
    /// each connection.
    ///
    /// # Errors
    ///
    /// [`RequestError::Host`], [`RequestError::Resource`].
    pub fn new(host: &str, resource: &str, nonce: [u8; 16]) -> Result<Self, RequestError> {
        Authority::parse(host.as_bytes()).ok_or(RequestError::Host)?;
        if !resource.starts_with('/') || Target::parse("GET", resource).is_err() {
            return Err(RequestError::Resource);
        }
        Ok(Self {
            host: host.to_owned(),
            resource: resource.to_owned(),
            key: request_key(nonce),
            origin: None,
            protocols: Vec::new(),
            headers: Vec::new(),
        })
    }

    /// The same as if from a page of this origin, which browsers say and other clients need not.
    ///
    /// # Errors
    ///
    /// [`RequestError::Origin`] if it is empty or has white space or control bytes.
    pub fn with_origin(mut self, origin: &str) -> Result<Self, RequestError> {
        if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RequestError::Origin);
        }
        self.origin = Some(origin.to_owned());
        Ok(self)
    }

    /// The same with these subprotocols, in order of preference.
    ///
    /// # Errors
    ///
    /// [`RequestError::Protocols`] if one is no token or is there twice.
    pub fn with_protocols(mut self, protocols: Vec<String>) -> Result<Self, RequestError> {
        if !protocols.iter().all(|name| is_token(name.as_bytes())) || !is_unique(&protocols) {
            return Err(RequestError::Protocols);
        }
        self.protocols = protocols;
        Ok(self)
    }

    /// The same with these header lines behind the handshake's own.
    pub fn with_headers(mut self, headers: Vec<Header>) -> Self {
        self.headers = headers;
        self
    }

    /// Appends the request. Frames may follow only once the answer has been judged.
    pub fn write(&self, out: &mut Vec<u8>) {
        for part in ["GET ", &self.resource, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        write_line("Host", &self.host, out);
        write_line("Upgrade", "websocket", out);
        write_line("Connection", "Upgrade", out);
        write_line("Sec-WebSocket-Key", &self.key, out);
        write_line("Sec-WebSocket-Version", "13", out);
        if let Some(origin) = &self.origin {
            write_line("Origin", origin, out);
        }
        if !self.protocols.is_empty() {
            write_line("Sec-WebSocket-Protocol", &self.protocols.join(", "), out);
        }
        for header in &self.headers {
            header.write(out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Judges the answer to this request.
    ///
    /// # Errors
    ///
    /// [`ResponseError`]. With [`Status`](ResponseError::Status) the response itself says what to do
    /// next: read on if it is interim, follow its Location, give credentials. With any other the
    /// connection is to be closed.
    pub fn judge(&self, response: &Response<'_>) -> Result<Granted<'_>, ResponseError> {
        if response.status() != 101 {
            return Err(ResponseError::Status(response.status()));
        }
        if response.is_http_1_0() {
            return Err(ResponseError::OldHttp);
        }
        check_upgrade(response)?;
        let accept = response
            .lines()
            .only("Sec-WebSocket-Accept", ResponseError::Accept)?;
        if accept != Some(accept_key(self.key.as_bytes()).as_bytes()) {
            return Err(ResponseError::Accept);
        }
        // RFC 6455 4.1 item 5: an extension that was not asked for; none ever is.
        if response
            .header("Sec-WebSocket-Extensions")
            .is_some_and(|line| !line.is_empty())
        {
            return Err(ResponseError::Extension);
        }
        self.find_protocol(response)
            .map(|protocol| Granted { protocol })
    }

    /// RFC 6455 4.1 item 6: a subprotocol that was not asked for; 11.3.4: not more than one.
    fn find_protocol(&self, response: &Response<'_>) -> Result<Option<&str>, ResponseError> {
        let protocol = response
            .lines()
            .only("Sec-WebSocket-Protocol", ResponseError::Protocol)?;
        let Some(protocol) = protocol else {
            return Ok(None);
        };
        self.protocols
            .iter()
            .map(String::as_str)
            .find(|asked| asked.as_bytes() == protocol)
            .map(Some)
            .ok_or(ResponseError::Protocol)
    }
}

/// RFC 6455 4.1 items 2 and 3: Upgrade is `websocket`, Connection lists `Upgrade`, both in either case.
fn check_upgrade(response: &Response<'_>) -> Result<(), ResponseError> {
    let upgrade = response.lines().only("Upgrade", ResponseError::Upgrade)?;
    if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
        return Err(ResponseError::Upgrade);
    }
    if !response.lines().list("Connection", "upgrade") {
        return Err(ResponseError::Connection);
    }
    Ok(())
}

/// Why a request cannot be written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The host is no name or address with or without a port.
    Host,
    /// The origin is empty or has white space or control bytes.
    Origin,
    /// A subprotocol is no token, or is there twice.
    Protocols,
    /// The resource does not start with a slash, is not percent-encoded, or has a fragment.
    Resource,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host must be a name or an address, with or without a port",
            Self::Origin => "an origin must be written without spaces, as scheme://host:port",
            Self::Protocols => "subprotocols must be different names without spaces",
            Self::Resource => {
                "the path must start with a slash and be percent-encoded, without a fragment"
            }
        })
    }
}

impl std::error::Error for RequestError {}

/// Why a response does not grant WebSocket; a variant a rule of RFC 6455 4.1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes are no response head.
    Head(HeadError),
    /// The status code is not 101 but this.
    Status(u16),
    /// A 101 in HTTP/1.0.
    OldHttp,
    /// Upgrade is not `websocket`.
    Upgrade,
    /// Connection does not list `upgrade`.
    Connection,
    /// Sec-WebSocket-Accept is missing, repeated or made from another key.
    Accept,
    /// An extension was accepted that was not offered.
    Extension,
    /// A subprotocol was chosen that was not offered, or several were.
    Protocol,
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(error) => return error.fmt(f),
            Self::Status(status) => return write!(f, "the server answered with status {status}"),
            Self::OldHttp => "the server answered in HTTP/1.0, which has no WebSocket",
            Self::Upgrade => "the server's Upgrade header is not websocket",
            Self::Connection => "the server's Connection header does not list upgrade",
            Self::Accept => "the server's Sec-WebSocket-Accept does not match the key: it may not speak WebSocket",
            Self::Extension => "the server uses an extension that was not offered",
            Self::Protocol => "the server chose a subprotocol that was not offered",
        })
    }
}

impl std::error::Error for ResponseError {}

#[cfg(test)]
mod tests;
