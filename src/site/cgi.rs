//! What a script says before its document: RFC 3875 6.

use std::str::FromStr;

use crate::handshake::is_token;

use super::response::Response;

/// Bytes that may be said before the document.
pub(crate) const MAX_HEAD_LEN: usize = 16 * 1024;

/// What a script answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A document, or a word of where there is one.
    Document {
        /// All of its head that is the script's.
        response: Response,
        /// How long the document is, if the script says so.
        len: Option<u64>,
        /// Whether there can be one: not with 204 and 304.
        has_body: bool,
    },
    /// The answer to a request for this path and query of ours, instead (6.2.2).
    Local(String),
}

/// Where the document begins; `None` as long as its beginning has not come.
pub(crate) fn find_end(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            if matches!(bytes.get(line..at), Some(b"" | b"\r")) {
                return Some(at + 1);
            }
            line = at + 1;
        }
    }
    None
}

/// Fields that are the connection's and not the script's.
const NOT_THE_SCRIPTS: [&str; 8] = [
    "connection",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads what a script has said up to the empty line; `None` if that is no CGI response, as that of a
/// script which writes the head of its own response (nph) is none.
pub(crate) fn parse(head: &[u8]) -> Option<Answer> {
    let head = std::str::from_utf8(head).ok()?;
    let (mut status, mut location, mut len) = (None, None, None);
    let mut others = Vec::new();
    for line in head.lines().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        let is_text = value
            .bytes()
            .all(|byte| byte == b'\t' || !byte.is_ascii_control());
        if !is_token(name.as_bytes()) || !is_text {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "status" => status = Some(parse_status(value)?),
            "location" => location = Some(value),
            "content-length" => len = Some(parse_number(value)?),
            lower if NOT_THE_SCRIPTS.contains(&lower) => {}
            _ => others.push((name, value)),
        }
    }
    if let (Some(path), None, true) = (location, status, others.is_empty()) {
        if path.starts_with('/') {
            return Some(Answer::Local(path.to_owned()));
        }
    }
    let has_type = others
        .iter()
        .any(|it| it.0.eq_ignore_ascii_case("Content-Type"));
    let (code, phrase) = match (status, location) {
        (Some(status), _) => status,
        (None, Some(_)) => (302, "Found"),
        (None, None) if has_type => (200, "OK"),
        (None, None) => return None,
    };
    let mut response = Response::new(code, phrase);
    for (name, value) in location
        .map(|it| ("Location", it))
        .into_iter()
        .chain(others)
    {
        response = response.field(name, value);
    }
    Some(Answer::Document {
        response,
        len,
        has_body: !matches!(code, 204 | 304),
    })
}

/// `Status: 404 Not Found`; the words may be missing.
fn parse_status(value: &str) -> Option<(u16, &str)> {
    let (code, phrase) = value.split_once(' ').unwrap_or((value, "Status"));
    let code = parse_number(code)?;
    (200..600).contains(&code).then_some((code, phrase.trim()))
}

/// Digits alone: `parse` would take a sign.
fn parse_number<N: FromStr>(text: &str) -> Option<N> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status line and fields without the date, one a line.
    fn parsed(head: &str) -> Option<String> {
        match parse(head.as_bytes())? {
            Answer::Local(path) => Some(format!("local {path}")),
            Answer::Document {
                response,
                len,
                has_body,
            } => {
                let mut out = Vec::new();
                response.write_head(true, &[], &mut out);
                let text = String::from_utf8(out).unwrap();
                let lines = text.lines().filter(|line| !line.starts_with("Date:"));
                let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
                Some(format!("{} {len:?} {has_body}", lines.join("|")))
            }
        }
    }

    #[test]
    fn the_document_begins_behind_the_first_empty_line() {
        for (bytes, end) in [
            ("A: b\n\nc", Some(6)),
            ("A: b\r\n\r\nc", Some(8)),
            ("A: b\r\n\nc", Some(7)),
            ("\n", Some(1)),
            ("A: b\n", None),
            ("A: b\n\r", None),
            ("", None),
        ] {
            assert_eq!(find_end(bytes.as_bytes()), end, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_is_read_as_rfc_3875_has_it() {
        for (head, expected) in [
            (
                "Content-Type: text/plain\n\n",
                "HTTP/1.1 200 OK|Content-Type: text/plain None true",
            ),
            (
                "content-type:a/b\r\nX-Y: z\r\n\r\n",
                "HTTP/1.1 200 OK|content-type: a/b|X-Y: z None true",
            ),
            (
                "Status: 404 Not Here\nContent-Type: a/b\n\n",
                "HTTP/1.1 404 Not Here|Content-Type: a/b None true",
            ),
            ("Status: 204\n\n", "HTTP/1.1 204 Status None false"),
            (
                "Content-Length: 3\nContent-Type: a/b\n\n",
                "HTTP/1.1 200 OK|Content-Type: a/b Some(3) true",
            ),
            (
                "Location: http://a/b\n\n",
                "HTTP/1.1 302 Found|Location: http://a/b None true",
            ),
            (
                "Status: 301 Moved\nLocation: /b\n\n",
                "HTTP/1.1 301 Moved|Location: /b None true",
            ),
            ("Location: /b?c\n\n", "local /b?c"),
            (
                "Content-Type: a/b\nTransfer-Encoding: chunked\nConnection: x\nDate: y\n\n",
                "HTTP/1.1 200 OK|Content-Type: a/b None true",
            ),
        ] {
            assert_eq!(parsed(head).as_deref(), Some(expected), "{head:?}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for head in [
            "\n",
            "X-Y: z\n\n",
            "HTTP/1.1 200 OK\nContent-Type: a/b\n\n",
            "Content Type: a/b\n\n",
            "Status: 101 Switching\n\n",
            "Status: abc\n\n",
            "Content-Type: a\rb\n\n",
            "Content-Type: a/b\nContent-Length: x\n\n",
            "Content-Type: a/b\nContent-Length: +5\n\n",
            "Content-Type: a/b\nStatus: +404\n\n",
            "<html>\n\n",
        ] {
            assert_eq!(parsed(head), None, "{head:?}");
        }
    }
}
