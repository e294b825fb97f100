//! Forwarded (RFC 7239) and the older X-Forwarded-For and X-Forwarded-Proto.
//!
//! Every proxy adds who came to it at the right end, so the list is believed from there as far as the
//! proxies are: the rightmost address that is none of theirs is the client's. What stands left of it
//! anybody may have written.

use std::net::{IpAddr, SocketAddr};
use std::str;

use crate::handshake::{Reject, Request, is_token};

use super::{Told, Trusted};

/// One element of a list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Hop {
    /// `None`: unknown, or hidden.
    address: Option<SocketAddr>,
    is_secure: Option<bool>,
}

/// What the request says of the client, who came to a proxy that is trusted. `None`: nothing.
///
/// # Errors
///
/// [`Reject::Forwarded`]: a line is malformed, or the old ones contradict the new one: a proxy writes
/// one kind and leaves the other to whoever sends it.
pub(in crate::daemon) fn find(
    request: &Request<'_>,
    trusted: &Trusted,
) -> Result<Option<Told>, Reject> {
    let lines = |wanted: &'static str| {
        let headers = request.headers();
        headers.filter_map(move |(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
    };
    let new = hops(lines("Forwarded"), forwarded).ok_or(Reject::Forwarded)?;
    let old = hops(lines("X-Forwarded-For"), x_forwarded_for).ok_or(Reject::Forwarded)?;
    let scheme = hops(lines("X-Forwarded-Proto"), x_forwarded_proto).ok_or(Reject::Forwarded)?;
    let (new, old) = (client(&new, trusted), client(&old, trusted));
    let scheme = scheme.last().and_then(|hop| hop.is_secure);
    let ip = |hop: Option<Hop>| hop.map(|hop| hop.address.map(|it| it.ip()));
    let is_contradiction = new.is_some() && old.is_some() && ip(new) != ip(old);
    let told_secure = new.and_then(|hop| hop.is_secure);
    if is_contradiction || matches!((told_secure, scheme), (Some(one), Some(other)) if one != other)
    {
        return Err(Reject::Forwarded);
    }
    let told = Told {
        remote: new.or(old).and_then(|hop| hop.address),
        local: None,
        is_secure: told_secure.or(scheme),
    };
    Ok((told != Told::default()).then_some(told))
}

/// The rightmost that is not trusted; if all are, the leftmost.
fn client(hops: &[Hop], trusted: &Trusted) -> Option<Hop> {
    let is_proxy = |hop: &&Hop| hop.address.is_some_and(|it| trusted.has(Some(it.ip())));
    let found = hops.iter().rev().find(|hop| !is_proxy(hop));
    found.or(hops.first()).copied()
}

/// All elements of the lines, from left to right. `None`: something is no element.
fn hops<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    read: fn(&str) -> Option<Hop>,
) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    for line in lines {
        for element in split(str::from_utf8(line).ok()?, ',')? {
            if !element.is_empty() {
                hops.push(read(element)?);
            }
        }
    }
    Some(hops)
}

/// The parts between separators that stand in no quoted string, white space around them cut off.
/// `None`: a quoted string does not end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, char) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && char == '\\' {
            is_escaped = true;
        } else if char == '"' {
            is_quoted = !is_quoted;
        } else if char == separator && !is_quoted {
            parts.push(text.get(start..at)?.trim_ascii());
            start = at + separator.len_utf8();
        }
    }
    parts.push(text.get(start..)?.trim_ascii());
    (!is_quoted).then_some(parts)
}

/// RFC 7239 4: pairs of a name and a value, each name once.
fn forwarded(element: &str) -> Option<Hop> {
    let mut hop = Hop::default();
    let mut names = Vec::new();
    for pair in split(element, ';')? {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let value = unquoted(value)?;
        if !is_token(name.as_bytes()) || names.contains(&name) {
            return None;
        }
        match name.as_str() {
            "for" => hop.address = node(&value)?,
            "proto" => hop.is_secure = scheme(&value),
            _ => {}
        }
        names.push(name);
    }
    Some(hop)
}

fn x_forwarded_for(element: &str) -> Option<Hop> {
    Some(Hop {
        address: node(element)?,
        is_secure: None,
    })
}

fn x_forwarded_proto(element: &str) -> Option<Hop> {
    Some(Hop {
        address: None,
        is_secure: Some(scheme(element)?),
    })
}

/// A token or a quoted string. Addresses are taken without quotes, too.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        let is_bare = |byte: u8| is_token(&[byte]) || b":[]".contains(&byte);
        let is_value = !value.is_empty() && value.bytes().all(is_bare);
        return is_value.then(|| value.to_owned());
    };
    let mut text = String::new();
    let mut chars = inner.strip_suffix('"')?.chars();
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => chars.next()?,
            '"' => return None,
            char => char,
        });
    }
    Some(text)
}

/// RFC 7239 6: an address with or without a port, or the word that there is none: `Some(None)`.
fn node(text: &str) -> Option<Option<SocketAddr>> {
    if text.eq_ignore_ascii_case("unknown") || text.starts_with('_') {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        return text.bytes().all(is_name).then_some(None);
    }
    let bare: Option<IpAddr> = text.parse().ok();
    let (ip, port) = match (bare, text.strip_prefix('[')) {
        (Some(ip), _) => (ip, ""),
        (None, Some(rest)) => {
            let (ip, port) = rest.split_once(']')?;
            (IpAddr::V6(ip.parse().ok()?), port)
        }
        (None, None) => {
            let (ip, _) = text.split_once(':')?;
            (IpAddr::V4(ip.parse().ok()?), text.get(ip.len()..)?)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 0,
        Some(hidden) if hidden.starts_with('_') => 0,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        _ => return None,
    };
    Some(Some(SocketAddr::new(ip.to_canonical(), port)))
}

/// Whether a scheme is one of TLS, if it is one of ours.
fn scheme(text: &str) -> Option<bool> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    match () {
        () if is("https") || is("wss") => Some(true),
        () if is("http") || is("ws") => Some(false),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in these lines by one who trusts 10.0.0.0/8.
    fn found(lines: &[&str]) -> Result<Option<Told>, Reject> {
        let mut trusted = Trusted::default();
        trusted.add("10.0.0.0/8").unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n",
            lines.join("\r\n")
        );
        find(&Request::parse(head.as_bytes()).unwrap(), &trusted)
    }

    #[track_caller]
    fn expect(lines: &[&str], remote: &str) {
        let told = found(lines).unwrap().expect("something");
        assert_eq!(
            told.remote.map(|it| it.to_string()),
            Some(remote.to_owned())
        );
    }

    #[test]
    fn the_rightmost_that_is_not_trusted_is_the_client() {
        expect(&["X-Forwarded-For: 192.0.2.7"], "192.0.2.7:0");
        expect(
            &["X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.1.1"],
            "192.0.2.7:0",
        );
        expect(
            &[
                "X-Forwarded-For: 6.6.6.6,192.0.2.7",
                "x-forwarded-for: 10.1.1.1",
            ],
            "192.0.2.7:0",
        );
        expect(&["X-Forwarded-For: 10.1.1.1, 10.1.1.2"], "10.1.1.1:0");
        expect(
            &["Forwarded: for=6.6.6.6, for=192.0.2.7;by=10.1.1.1, For=10.1.1.1"],
            "192.0.2.7:0",
        );
    }

    #[test]
    fn addresses_are_written_in_many_ways() {
        expect(&["X-Forwarded-For: 192.0.2.7:4711"], "192.0.2.7:4711");
        expect(&["X-Forwarded-For: 2001:db8::7"], "[2001:db8::7]:0");
        expect(
            &["X-Forwarded-For: [2001:db8::7]:4711"],
            "[2001:db8::7]:4711",
        );
        expect(&["X-Forwarded-For: ::ffff:192.0.2.7"], "192.0.2.7:0");
        expect(
            &["Forwarded: for=\"[2001:db8::7]:4711\""],
            "[2001:db8::7]:4711",
        );
        expect(&["Forwarded: for=\"192.0.2.7:_hidden\""], "192.0.2.7:0");
        expect(
            &["Forwarded: proto=https;for=\"192.0.2\\.7\";host=\"a,b;c\""],
            "192.0.2.7:0",
        );
    }

    #[test]
    fn a_client_who_is_not_known_is_not_somebody_else() {
        for line in [
            "Forwarded: for=6.6.6.6, for=unknown",
            "Forwarded: for=6.6.6.6, for=_hidden",
            "Forwarded: for=6.6.6.6, by=10.1.1.1",
            "X-Forwarded-For: 6.6.6.6, unknown, 10.1.1.1",
        ] {
            assert_eq!(found(&[line]), Ok(None), "{line}");
        }
        assert_eq!(found(&["X-Other: 1"]), Ok(None));
    }

    #[test]
    fn the_scheme_is_that_of_the_client() {
        let secure = |lines: &[&str]| found(lines).unwrap().unwrap().is_secure;
        assert_eq!(secure(&["X-Forwarded-Proto: https"]), Some(true));
        assert_eq!(secure(&["X-Forwarded-Proto: https, http"]), Some(false));
        let chain = "Forwarded: for=192.0.2.7;proto=https, for=10.1.1.1;proto=http";
        assert_eq!(secure(&[chain]), Some(true));
        assert_eq!(
            secure(&["Forwarded: for=192.0.2.7", "X-Forwarded-Proto: WSS"]),
            Some(true)
        );
    }

    #[test]
    fn what_is_malformed_or_contradicts_itself_is_refused() {
        for lines in [
            &["X-Forwarded-For: client.example"][..],
            &["X-Forwarded-For: 192.0.2.7, <script>"],
            &["X-Forwarded-For: 192.0.2.7:99999"],
            &["X-Forwarded-For: 192.0.2.7:+80"],
            &["X-Forwarded-For: [192.0.2.7]"],
            &["X-Forwarded-For: 192.0.2.7 10.1.1.1"],
            &["X-Forwarded-For: \"192.0.2.7"],
            &["X-Forwarded-For: \u{e9}"],
            &["X-Forwarded-Proto: gopher"],
            &["Forwarded: 192.0.2.7"],
            &["Forwarded: for="],
            &["Forwarded: for=\"192.0.2.7"],
            &["Forwarded: for=192.0.2.7;for=192.0.2.8"],
            &["Forwarded: f r=192.0.2.7"],
            &["Forwarded: for=\"a\"b\""],
            &["Forwarded: for=192.0.2.7", "X-Forwarded-For: 192.0.2.8"],
            &["Forwarded: for=unknown", "X-Forwarded-For: 192.0.2.8"],
            &[
                "Forwarded: for=192.0.2.7;proto=http",
                "X-Forwarded-Proto: https",
            ],
        ] {
            assert_eq!(found(lines), Err(Reject::Forwarded), "{lines:?}");
        }
    }

    #[test]
    fn both_kinds_may_say_the_same() {
        expect(
            &[
                "Forwarded: for=192.0.2.7",
                "X-Forwarded-For: 6.6.6.6, 192.0.2.7",
            ],
            "192.0.2.7:0",
        );
    }
}
