//! Origins: which page, in a browser, asks to connect.
//!
//! Floor 1. RFC 6454 7, RFC 6455 4.2.2 step 4 and 10.2.

use super::host::Authority;

/// Scheme, host and port of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    /// Reads `scheme "://" host [":" port]`. One slash may follow, which no browser writes but clients
    /// that take the origin for an address do. `None` for anything else, `null` among it.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = std::str::from_utf8(text).ok()?.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        is_scheme(scheme).then_some(Self {
            scheme,
            authority: Authority::parse(authority.as_bytes())?,
        })
    }

    /// Whether the page was loaded from `host`, which is what the request's Host header says, over the
    /// transport that the request came by: same scheme, same host, same port. RFC 6454 5.
    pub(super) fn is_same(&self, host: &Authority<'_>, is_secure: bool) -> bool {
        let scheme = if is_secure { "https" } else { "http" };
        self.scheme.eq_ignore_ascii_case(scheme)
            && self.authority.is_host(host.host)
            && self.port() == host.port.or(default_port(scheme))
    }

    /// Whether `pattern`, a `[scheme://]host[:port]`, names this origin. What it leaves out may be
    /// anything.
    fn is_named_by(&self, pattern: &str) -> bool {
        let (scheme, rest) = split_pattern(pattern);
        let Some(authority) = Authority::parse(rest.as_bytes()) else {
            return false;
        };
        scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case(self.scheme))
            && authority.is_host(self.authority.host)
            && (authority.port.is_none() || authority.port == self.port())
    }

    fn port(&self) -> Option<u16> {
        self.authority.port.or(default_port(self.scheme))
    }
}

/// Whether `pattern` names the origin that `origin` is the text of: by its parts, or, for `null` and
/// for schemes without hosts such as `file://`, by being the same text.
pub(super) fn is_named_by(origin: &[u8], pattern: &str) -> bool {
    let is_text = pattern.eq_ignore_ascii_case("null") || pattern.ends_with("://");
    (is_text && origin.eq_ignore_ascii_case(pattern.as_bytes()))
        || Origin::parse(origin).is_some_and(|origin| origin.is_named_by(pattern))
}

/// Whether `pattern` is one that [`Origins::Listed`](super::server::Origins::Listed) can match:
/// `[scheme://]host[:port]`, `scheme://` or `null`. A star, which stands for itself in a host, is
/// refused: who writes one means another option.
pub fn is_origin_pattern(pattern: &str) -> bool {
    let (scheme, rest) = split_pattern(pattern);
    let is_host = !rest.contains('*') && Authority::parse(rest.as_bytes()).is_some();
    scheme.map_or(is_host, |scheme| {
        is_scheme(scheme) && (is_host || rest.is_empty())
    })
}

fn split_pattern(pattern: &str) -> (Option<&str>, &str) {
    let (scheme, rest) = match pattern.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, pattern),
    };
    (scheme, rest.strip_suffix('/').unwrap_or(rest))
}

/// RFC 3986 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn default_port(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(origin: &str, host: &str, is_secure: bool) -> bool {
        let host = Authority::parse(host.as_bytes()).unwrap();
        Origin::parse(origin.as_bytes()).is_some_and(|origin| origin.is_same(&host, is_secure))
    }

    #[test]
    fn same_means_scheme_host_and_port() {
        for (origin, host, is_secure) in [
            ("http://example.com", "example.com", false),
            ("http://example.com:80", "example.com", false),
            ("http://example.com", "example.com:80", false),
            ("HTTP://Example.COM", "example.com.", false),
            ("http://localhost:8080", "localhost:8080", false),
            ("http://localhost:8080/", "localhost:8080", false),
            ("http://[::1]:8080", "[0::1]:8080", false),
            ("https://example.com", "example.com", true),
            ("https://example.com", "example.com:443", true),
        ] {
            assert!(is_same(origin, host, is_secure), "{origin} {host}");
        }
        for (origin, host, is_secure) in [
            ("https://example.com", "example.com", false),
            ("http://example.com", "example.com", true),
            ("http://example.com:8080", "example.com", false),
            ("http://example.com", "example.com:8080", false),
            ("http://evil.example", "example.com", false),
            ("http://example.com.evil.example", "example.com", false),
            ("http://localhost:8080", "127.0.0.1:8080", false),
            ("http://user@example.com", "example.com", false),
            (
                "http://example.com http://example.com",
                "example.com",
                false,
            ),
            ("http://example.com/path", "example.com", false),
            ("http://example.com//", "example.com", false),
            ("example.com", "example.com", false),
            ("null", "null", false),
            ("", "example.com", false),
        ] {
            assert!(!is_same(origin, host, is_secure), "{origin} {host}");
        }
    }

    #[test]
    fn a_pattern_names_what_it_does_not_leave_out() {
        for (pattern, origin) in [
            ("example.com", "http://example.com"),
            ("example.com", "https://example.com:8443"),
            ("Example.com", "http://EXAMPLE.com"),
            ("example.com:80", "http://example.com"),
            ("example.com:443", "https://example.com"),
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com:8443"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("null", "null"),
            ("file://", "file://"),
            ("app://obsidian.md", "app://obsidian.md"),
        ] {
            assert!(
                is_named_by(origin.as_bytes(), pattern),
                "{pattern} {origin}"
            );
        }
        for (pattern, origin) in [
            ("example.com", "http://a.example.com"),
            ("example.com", "http://example.com.evil.example"),
            ("example.com", "http://example.com@evil.example"),
            ("example.com", "null"),
            ("example.com", "example.com"),
            ("example.com:80", "https://example.com"),
            ("example.com:80", "app://example.com"),
            ("http://example.com", "https://example.com"),
            ("https://example.com:8443", "https://example.com"),
            ("null", "http://null.example"),
        ] {
            assert!(
                !is_named_by(origin.as_bytes(), pattern),
                "{pattern} {origin}"
            );
        }
    }

    #[test]
    fn a_pattern_that_can_match_nothing_is_told_from_one_that_can() {
        for pattern in [
            "null",
            "a",
            "a:80",
            "http://a",
            "http://a:1",
            "http://a/",
            "file://",
            "[::1]",
            "x-y+z.1://a",
        ] {
            assert!(is_origin_pattern(pattern), "{pattern}");
        }
        for pattern in [
            "",
            "*",
            "*.a",
            "http://*",
            "a b",
            "://a",
            "1a://b",
            "http://a/b",
            "http://a:b",
            "a:99999",
            "http:/a",
            "::1",
        ] {
            assert!(!is_origin_pattern(pattern), "{pattern}");
        }
    }
}
