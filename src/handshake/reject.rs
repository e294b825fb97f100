//! The ways in which a handshake is turned down, and the response that says so: RFC 6455 4.2.2 and
//! RFC 9110 15.
//!
//! Floor 1. All sentences that a client's user gets to read are in this file and in
//! [`head`](super::head).

use std::fmt;

use super::head::HeadError;
use super::headers::{Header, write_line};

/// Seconds after which a client that came when we were full may come again.
const RETRY_AFTER: &str = "5";

/// Why a request is not upgraded. `Display` is one sentence for the person at the other end, lower-case
/// and without full stop; it never repeats what the request said.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reject {
    /// 400, 414, 431: the bytes are no request head.
    Head(HeadError),

    /// 400: Content-Length is no number, differs from another, or comes with Transfer-Encoding.
    BodyLength,
    /// 400: a body follows the opening handshake.
    BodyOnUpgrade,
    /// 400: Upgrade lists `websocket`, but Connection does not list `upgrade`.
    ConnectionMissing,
    /// 400: Sec-WebSocket-Extensions is not as RFC 6455 9.1 has it.
    ExtensionsMalformed,
    /// 400: what the proxies say of the client is malformed, or contradicts itself.
    Forwarded,
    /// 400: Host is no host with or without port.
    HostMalformed,
    /// 400: HTTP/1.1 without Host.
    HostMissing,
    /// 400: several Host lines.
    HostRepeated,
    /// 400: Sec-WebSocket-Key is not 16 bytes in base64.
    KeyMalformed,
    /// 400: no Sec-WebSocket-Key.
    KeyMissing,
    /// 400: several Sec-WebSocket-Key lines.
    KeyRepeated,
    /// 400: the client speaks plain HTTP where TLS is spoken.
    NotTls,
    /// 400: several Origin lines.
    OriginRepeated,
    /// 400: the path has an encoded NUL, which no environment can hold.
    PathNul,
    /// 400: Sec-WebSocket-Protocol is not a list of different tokens.
    ProtocolsMalformed,
    /// 400: no header of the PROXY protocol, where one has to be first, or not a correct one.
    ProxyHeader,
    /// 400: a client that is no proxy, where all have to come through one.
    ProxyUntrusted,
    /// 400: the request target is neither a path nor an http address, or has a fragment.
    Target,
    /// 400: there is a Sec-WebSocket-Key, but Upgrade does not list `websocket`.
    UpgradeMissing,
    /// 400: several Sec-WebSocket-Version lines.
    VersionRepeated,
    /// 403: the page's origin may not connect.
    Origin,
    /// 403: the client does not say from which page it comes.
    OriginMissing,
    /// 403: the path has dot segments, an encoded slash or a hidden name, or leads out of its directory.
    PathForbidden,
    /// 404: there is nothing at the path.
    NotFound,
    /// 405: the method is not GET.
    Method,
    /// 408: the head was not there in time.
    Timeout,
    /// 413: the body is longer than a message may be.
    BodyTooLong,
    /// 421: the host is not answered here.
    Host,
    /// 426: a request for a page, where there is none.
    NotUpgrade,
    /// 426: an opening handshake in HTTP/1.0.
    OldHttp,
    /// 426: Sec-WebSocket-Version is missing or not 13.
    Version,
    /// 429: as many sessions as one address may have.
    TooManyFromAddress,
    /// 500: the program could not be started.
    SpawnFailed,
    /// 502: what a script has written is no answer.
    ScriptFailed,
    /// 503: as many sessions as there may be.
    TooManyClients,
    /// 504: a script has written nothing in time.
    ScriptTimeout,
    /// 505: neither HTTP/1.1 nor HTTP/1.0.
    HttpVersion,
}

impl Reject {
    /// The status code of the response.
    pub fn status(self) -> u16 {
        self.facts().0
    }

    /// The words behind the status code: RFC 9110 15, RFC 6585.
    pub fn reason_phrase(self) -> &'static str {
        match self.status() {
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            421 => "Misdirected Request",
            426 => "Upgrade Required",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        }
    }

    /// The option of `websockd` with which the operator can let such requests in; `None` where none
    /// does.
    pub fn remedy(self) -> Option<&'static str> {
        Some(self.facts().1).filter(|option| !option.is_empty())
    }

    /// Appends the response: head, and the sentence as its body. The connection is to be closed behind
    /// it.
    pub fn write_response(self, extra: &[Header], out: &mut Vec<u8>) {
        let body = format!("{self}\n");
        self.write_head(body.len(), extra, out);
        out.extend_from_slice(body.as_bytes());
    }

    /// Appends the same response without its body: a HEAD request gets no more (RFC 9110 9.3.2).
    pub fn write_response_to_head(self, extra: &[Header], out: &mut Vec<u8>) {
        self.write_head(format!("{self}\n").len(), extra, out);
    }

    fn write_head(self, body_len: usize, extra: &[Header], out: &mut Vec<u8>) {
        let status = self.status();
        let status_line = format!("HTTP/1.1 {status} {}\r\n", self.reason_phrase());
        out.extend_from_slice(status_line.as_bytes());
        write_line("Content-Type", "text/plain; charset=utf-8", out);
        write_line("Content-Length", &body_len.to_string(), out);
        match status {
            405 => write_line("Allow", "GET", out),
            // RFC 6455 4.2.2 step 4: the versions that are spoken; RFC 9110 15.5.22: the protocol.
            426 => {
                write_line("Upgrade", "websocket", out);
                write_line("Sec-WebSocket-Version", "13", out);
            }
            429 | 503 => write_line("Retry-After", RETRY_AFTER, out),
            _ => {}
        }
        // RFC 9110 7.8: who sends Upgrade names it in Connection.
        let connection = if status == 426 {
            "close, Upgrade"
        } else {
            "close"
        };
        write_line("Connection", connection, out);
        for header in extra {
            header.write(out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Status, remedy and sentence, a line each; the sentence of a head error is its own.
    #[rustfmt::skip] // a table
    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Head(HeadError::FirstLineTooLong) => (414, "", ""),
            Self::Head(HeadError::TooLong | HeadError::TooManyHeaders) => (431, "", ""),
            Self::Head(_) => (400, "", ""),
            Self::BodyLength => (400, "", "the length of the body must be given once, as a number or by Transfer-Encoding"),
            Self::BodyOnUpgrade => (400, "", "a request for WebSocket must not have a body"),
            Self::ConnectionMissing => (400, "", "the Connection header must list upgrade: a proxy in between has to pass it on"),
            Self::ExtensionsMalformed => (400, "", "Sec-WebSocket-Extensions must be a list of names, each with its parameters behind semicolons"),
            Self::Forwarded => (400, "", "Forwarded and X-Forwarded-For must be lists of addresses and agree on the client: a proxy in between has to set or remove both"),
            Self::HostMalformed => (400, "", "the Host header must be a name or an address, with or without a port"),
            Self::HostMissing => (400, "", "a request in HTTP/1.1 must have a Host header"),
            Self::HostRepeated => (400, "", "there must not be more than one Host header"),
            Self::KeyMalformed => (400, "", "Sec-WebSocket-Key must be 16 random bytes in base64"),
            Self::KeyMissing => (400, "", "a request for WebSocket must have a Sec-WebSocket-Key header"),
            Self::KeyRepeated => (400, "", "there must not be more than one Sec-WebSocket-Key header"),
            Self::NotTls => (400, "", "this port speaks TLS: connect to it by https:// or wss://"),
            Self::OriginRepeated => (400, "", "there must not be more than one Origin header"),
            Self::PathNul => (400, "", "the path must not contain %00"),
            Self::ProtocolsMalformed => (400, "", "Sec-WebSocket-Protocol must be a list of different names without spaces"),
            Self::ProxyHeader => (400, "", "a header of the PROXY protocol must come first: connect through the proxy, and have it send one"),
            Self::ProxyUntrusted => (400, "--trust-proxy", "this is for proxies: connect through one, or the operator can trust this address with --trust-proxy"),
            Self::Target => (400, "", "the request must be for a path that starts with a slash, or an http address, without a fragment"),
            Self::UpgradeMissing => (400, "", "the Upgrade header must list websocket: a proxy in between has to pass it on"),
            Self::VersionRepeated => (400, "", "there must not be more than one Sec-WebSocket-Version header"),
            Self::Origin => (403, "--origin", "pages of this origin may not connect here: the operator can allow them with --origin"),
            Self::OriginMissing => (403, "--require-origin=false", "an Origin header is required here: the operator can allow connections without one"),
            Self::PathForbidden => (403, "", "the path must lead to a place inside, without dot segments, encoded slashes and hidden names"),
            Self::NotFound => (404, "", "there is nothing at this path: check it"),
            Self::Method => (405, "", "send GET: no other method is answered here"),
            Self::Timeout => (408, "--handshake-timeout", "the request did not arrive in time: send all of it at once"),
            Self::BodyTooLong => (413, "--max-message", "the body is too long: the operator can allow more with --max-message"),
            Self::Host => (421, "--host", "this host name is not answered here: the operator can allow it with --host"),
            Self::NotUpgrade => (426, "--console", "this address speaks WebSocket: connect with a WebSocket client, or start websockd with --console for a page"),
            Self::OldHttp => (426, "", "WebSocket needs HTTP/1.1: a proxy in between has to speak it"),
            Self::Version => (426, "", "Sec-WebSocket-Version must be 13"),
            Self::TooManyFromAddress => (429, "--max-clients-per-address", "there are too many connections from this address: close one, or try again later"),
            Self::SpawnFailed => (500, "", "the program could not be started: the server's log says why"),
            Self::ScriptFailed => (502, "", "the program's answer is not one of CGI: the server's log says why"),
            Self::TooManyClients => (503, "--max-clients", "there are too many clients: try again later"),
            Self::ScriptTimeout => (504, "--idle-timeout", "the program did not answer in time"),
            Self::HttpVersion => (505, "", "send the request in HTTP/1.1: no other version is spoken here"),
        }
    }
}

impl From<HeadError> for Reject {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Head(error) = self {
            return error.fmt(f);
        }
        f.write_str(self.facts().2)
    }
}

impl std::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::super::client::Response;
    use super::*;

    const ALL: [Reject; 47] = [
        Reject::Head(HeadError::ControlByte),
        Reject::Head(HeadError::FirstLine),
        Reject::Head(HeadError::FirstLineTooLong),
        Reject::Head(HeadError::Folded),
        Reject::Head(HeadError::HeaderName),
        Reject::Head(HeadError::Incomplete),
        Reject::Head(HeadError::LineEnd),
        Reject::Head(HeadError::Tls),
        Reject::Head(HeadError::TooLong),
        Reject::Head(HeadError::TooManyHeaders),
        Reject::BodyLength,
        Reject::BodyOnUpgrade,
        Reject::ConnectionMissing,
        Reject::ExtensionsMalformed,
        Reject::Forwarded,
        Reject::HostMalformed,
        Reject::HostMissing,
        Reject::HostRepeated,
        Reject::KeyMalformed,
        Reject::KeyMissing,
        Reject::KeyRepeated,
        Reject::NotTls,
        Reject::OriginRepeated,
        Reject::PathNul,
        Reject::ProtocolsMalformed,
        Reject::ProxyHeader,
        Reject::ProxyUntrusted,
        Reject::Target,
        Reject::UpgradeMissing,
        Reject::VersionRepeated,
        Reject::Origin,
        Reject::OriginMissing,
        Reject::PathForbidden,
        Reject::NotFound,
        Reject::Method,
        Reject::Timeout,
        Reject::BodyTooLong,
        Reject::ScriptFailed,
        Reject::ScriptTimeout,
        Reject::Host,
        Reject::NotUpgrade,
        Reject::OldHttp,
        Reject::Version,
        Reject::TooManyFromAddress,
        Reject::SpawnFailed,
        Reject::TooManyClients,
        Reject::HttpVersion,
    ];

    fn written(reject: Reject) -> String {
        let mut out = Vec::new();
        reject.write_response(&[], &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reject_is_two_words_of_memory_at_most() {
        assert!(size_of::<Reject>() <= 16);
        assert!(size_of::<HeadError>() <= 16);
    }

    #[test]
    fn every_sentence_is_one_line_of_its_own() {
        let mut sentences: Vec<_> = ALL.iter().map(|reject| reject.to_string()).collect();
        for sentence in &sentences {
            assert!(sentence.len() > 15, "{sentence}");
            assert!(!sentence.ends_with(['.', '\n', ' ']), "{sentence}");
            assert!(
                sentence.bytes().all(|byte| matches!(byte, b' '..=0x7e)),
                "{sentence}"
            );
        }
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), ALL.len());
    }

    #[test]
    fn every_response_is_complete() {
        for reject in ALL {
            let text = written(reject);
            let response = Response::parse(text.as_bytes()).unwrap();
            assert_eq!(response.status(), reject.status());
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, format!("{reject}\n"));
            let len = response.header("Content-Length").unwrap();
            assert_eq!(len, body.len().to_string().as_bytes());
            assert!(response.header("Connection").unwrap().starts_with(b"close"));
            let is_bad_request = reject.reason_phrase() == "Bad Request";
            assert_eq!(is_bad_request, reject.status() == 400, "{reject:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_version_names_the_one_spoken() {
        assert_eq!(
            written(Reject::Version),
            "HTTP/1.1 426 Upgrade Required\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 33\r\n\
             Upgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Connection: close, Upgrade\r\n\
             \r\n\
             Sec-WebSocket-Version must be 13\n"
        );
    }

    #[test]
    fn some_statuses_say_more() {
        assert!(written(Reject::Method).contains("\r\nAllow: GET\r\n"));
        assert!(written(Reject::TooManyClients).contains("\r\nRetry-After: 5\r\n"));
        assert!(written(Reject::TooManyFromAddress).contains("\r\nRetry-After: 5\r\n"));
    }

    #[test]
    fn headers_are_added_and_a_head_request_gets_no_body() {
        let extra = [Header::new("Server", "websockd").unwrap()];
        let (mut full, mut head) = (Vec::new(), Vec::new());
        Reject::Method.write_response(&extra, &mut full);
        Reject::Method.write_response_to_head(&extra, &mut head);
        assert!(head.ends_with(b"\r\nServer: websockd\r\n\r\n"));
        assert!(full.starts_with(&head));
        assert_eq!(
            &full[head.len()..],
            format!("{}\n", Reject::Method).as_bytes()
        );
    }

    #[test]
    fn a_remedy_is_an_option() {
        for reject in ALL {
            assert!(
                reject
                    .remedy()
                    .is_none_or(|option| option.starts_with("--")),
                "{reject:?}"
            );
        }
        assert_eq!(Reject::Origin.remedy(), Some("--origin"));
        assert_eq!(Reject::Host.remedy(), Some("--host"));
        assert_eq!(Reject::KeyMissing.remedy(), None);
    }
}
