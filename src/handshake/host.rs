//! Hosts as a Host header, an absolute target or an Origin writes them.
//!
//! Floor 1. RFC 3986 3.2, RFC 9110 4.2 and 7.2.

use std::net::{IpAddr, Ipv6Addr};

/// A host and, if given, its port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Authority<'a> {
    /// As written: a name, an IPv4 address, or an IPv6 address in brackets. Never empty.
    pub host: &'a str,
    /// As written; `None` where it is missing or empty, which both mean the scheme's own.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host [":" port]`, nothing around it. `None` if it is anything else; user information,
    /// an empty host and address literals of the future are refused (RFC 9110 4.2.1, 4.2.4).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let len = inner.find(']')?;
                inner.get(..len)?.parse::<Ipv6Addr>().ok()?;
                text.split_at_checked(len + 2)?
            }
            None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
        };
        let is_literal = host.starts_with('[');
        if !is_literal && (host.is_empty() || !is_reg_name(host)) {
            return None;
        }
        let port = match rest.strip_prefix(':') {
            Some(digits) => parse_port(digits)?,
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { host, port })
    }

    /// Whether both name one host: letters in either case, a trailing dot or none, addresses in any
    /// spelling.
    pub(super) fn is_host(&self, other: &str) -> bool {
        let (one, other) = (bare(self.host), bare(other));
        match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
            (Ok(one), Ok(other)) => one == other,
            _ => one.eq_ignore_ascii_case(other),
        }
    }

    /// Whether the name can only mean this machine: `localhost`, what ends in `.localhost` (RFC 6761
    /// 6.3), a loopback address. No DNS answer makes a browser write one of these into Host.
    pub(super) fn is_loopback(&self) -> bool {
        let host = bare(self.host);
        match host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host
                .rsplit('.')
                .next()
                .is_some_and(|label| label.eq_ignore_ascii_case("localhost")),
        }
    }
}

/// Whether `pattern` is a host that [`Hosts::Listed`](super::server::Hosts::Listed) can match: a name
/// or an address without port; brackets around an IPv6 address may be left out. A star, which stands
/// for itself in a host, is refused: who writes one means something else.
pub fn is_host_pattern(pattern: &str) -> bool {
    let is_host = Authority::parse(pattern.as_bytes())
        .is_some_and(|authority| authority.host.len() == pattern.len());
    pattern.parse::<Ipv6Addr>().is_ok() || (is_host && !pattern.contains('*'))
}

/// Without an IPv6 address's brackets, without the dot that ends an absolute name.
fn bare(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
}

/// RFC 3986 3.2.2: `reg-name = *( unreserved / pct-encoded / sub-delims )`. A percent sign without its
/// digits passes: it names no host that anybody listed.
fn is_reg_name(host: &str) -> bool {
    host.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte))
}

/// `port = *DIGIT`: `None` if it is no number of 16 bits, `Some(None)` if it is empty.
fn parse_port(digits: &str) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    // `parse` alone would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority<'_> {
        Authority::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn host_and_port_come_apart() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com:", "example.com", None),
            ("example.com:8080", "example.com", Some(8080)),
            ("[::1]", "[::1]", None),
            ("[::1]:80", "[::1]", Some(80)),
            ("127.0.0.1:65535", "127.0.0.1", Some(65535)),
            ("a_b~c", "a_b~c", None),
        ] {
            assert_eq!(authority(text), Authority { host, port }, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ":80",
            "a b",
            "a/b",
            "a\\b",
            "user@host",
            "http://a",
            "a:b",
            "a:1:2",
            "a:65536",
            "a:+1",
            "a:-1",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[]",
            "[a]",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "a#b",
            "a?b",
            "\u{e9}",
            "a\"",
            "<a>",
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Authority::parse(b"a\xff"), None);
    }

    #[test]
    fn one_host_has_several_spellings() {
        for (one, other) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("example.com", "example.com."),
            ("[::1]", "::1"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
        ] {
            assert!(authority(one).is_host(other), "{one} {other}");
        }
        for (one, other) in [
            ("example.com", "example.org"),
            ("a.example.com", "example.com"),
            ("example.com", ""),
            ("[::1]", "127.0.0.1"),
            ("example.com..", "example.com"),
        ] {
            assert!(!authority(one).is_host(other), "{one} {other}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for text in [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "app.localhost",
            "127.0.0.1",
            "127.255.0.3:1",
            "[::1]:80",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(authority(text).is_loopback(), "{text}");
        }
        for text in [
            "example.com",
            "notlocalhost",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "0.0.0.0",
            "10.0.0.1",
            "127.1",
            "[::]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(!authority(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_host_pattern_has_no_port() {
        for pattern in ["example.com", "localhost.", "10.0.0.1", "::1", "[::1]"] {
            assert!(is_host_pattern(pattern), "{pattern}");
        }
        for pattern in [
            "",
            "*",
            "*.example.com",
            "example.com:80",
            "example.com:",
            "http://a",
            "[::1]:80",
            "a b",
        ] {
            assert!(!is_host_pattern(pattern), "{pattern}");
        }
    }
}
