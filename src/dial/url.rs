//! Addresses of WebSocket servers: RFC 6455 3.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::handshake::Authority;

/// What may not stand in a request's first line as it is; what is encoded already stays so.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where to connect to, and what to ask for there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    /// wss: encrypted.
    pub is_secure: bool,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The scheme's own if none was given.
    pub port: u16,
    /// Path and query, percent-encoded, beginning with a slash.
    pub resource: String,
    /// Who wants it.
    pub user: Option<String>,
}

/// Why a text is no address of a WebSocket server; `Display` says what would be right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UrlError {
    /// It begins with something else.
    Scheme,
    /// Between slashes stands no host, or no port behind it.
    Host,
    /// It has a fragment, which a server never sees.
    Fragment,
    /// It has a password in it, which everybody would see who looks at processes.
    Password,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "give a URL that begins with ws:// or wss://",
            Self::Host => "give a host and perhaps a port, such as ws://example.org:8080/chat",
            Self::Fragment => "leave out the # and what follows: no server sees it",
            Self::Password => {
                "leave the password out: it is asked for, or read from WEBSOCK_PASSWORD"
            }
        })
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Reads `ws://[USER@]HOST[:PORT][/PATH][?QUERY]`, or the same with wss. What cannot stand in a
    /// path as it is, such as a space, is encoded.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(UrlError::Scheme),
        };
        Self::of(is_secure, rest)
    }

    /// What stands behind the scheme.
    fn of(is_secure: bool, rest: &str) -> Result<Self, UrlError> {
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(UrlError::Password),
            Some((user, authority)) => {
                let user = percent_decode_str(user).decode_utf8();
                (Some(user.map_err(|_| UrlError::Host)?), authority)
            }
            None => (None, authority),
        };
        let parsed = Authority::parse(authority.as_bytes()).ok_or(UrlError::Host)?;
        let slash = if resource.starts_with('/') { "" } else { "/" };
        let resource = utf8_percent_encode(resource, UNSAFE);
        Ok(Self {
            is_secure,
            host: parsed.host.to_owned(),
            port: parsed.port.unwrap_or(if is_secure { 443 } else { 80 }),
            resource: format!("{slash}{resource}"),
            user: user.map(|user| user.into_owned()),
        })
    }

    /// Where a redirection leads to from here (RFC 9110 10.2.2): a whole URL, of http and https too, or
    /// a part of one.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.split('#').next().unwrap_or_default();
        let mut to = self.leading_to(location)?;
        to.resource = without_dots(&to.resource);
        Ok(to)
    }

    fn leading_to(&self, location: &str) -> Result<Self, UrlError> {
        // What has a colon before any slash begins with a scheme (RFC 3986 4.2).
        let split = location.split_once(':');
        if let Some((scheme, rest)) = split.filter(|(scheme, _)| !scheme.contains(['/', '?'])) {
            let is_secure = match scheme.to_ascii_lowercase().as_str() {
                "ws" | "http" => false,
                "wss" | "https" => true,
                _ => return Err(UrlError::Scheme),
            };
            let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
            return Self::of(is_secure, rest);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::of(self.is_secure, rest);
        }
        let path = self.resource.split('?').next().unwrap_or_default();
        let directory = path.rfind('/').and_then(|end| path.get(..=end));
        let resource = match location {
            _ if location.starts_with('/') => location.to_owned(),
            "" => self.resource.clone(),
            _ if location.starts_with('?') => format!("{path}{location}"),
            _ => format!("{}{location}", directory.unwrap_or("/")),
        };
        Ok(Self {
            resource: utf8_percent_encode(&resource, UNSAFE).to_string(),
            ..self.clone()
        })
    }

    /// The host, and the port unless it is the scheme's own.
    pub fn authority(&self) -> String {
        match (self.is_secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Whether both are on one server, so that what is for the one may be told the other.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.is_secure == other.is_secure
    }
}

/// Path and query, the path without the segments that stand for a place (RFC 3986 5.2.4).
fn without_dots(resource: &str) -> String {
    let (path, query) = match resource.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (resource, None),
    };
    let mut kept = Vec::new();
    let mut is_directory = false;
    // Before the first slash there is nothing.
    for segment in path.split('/').skip(1) {
        is_directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let slash = if is_directory && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("/{}{slash}{query}", kept.join("/"))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, UrlError> {
        Url::parse(text).map(|url| url.to_string())
    }

    #[test]
    fn an_address_is_scheme_host_port_and_resource() {
        for (text, whole) in [
            ("ws://a", "ws://a/"),
            ("WSS://a:443", "wss://a/"),
            ("ws://a:443/", "ws://a:443/"),
            ("ws://[::1]:81/x?y", "ws://[::1]:81/x?y"),
            ("ws://a?y=/z", "ws://a/?y=/z"),
            ("ws://a/b c/\u{e9}%20", "ws://a/b%20c/%C3%A9%20"),
            ("ws://me@a/", "ws://a/"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(whole), "{text}");
        }
        assert_eq!(Url::parse("ws://b%40c@a").unwrap().user.unwrap(), "b@c");
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, error) in [
            ("a:80", UrlError::Scheme),
            ("http://a", UrlError::Scheme),
            ("ws://", UrlError::Host),
            ("ws://a:x", UrlError::Host),
            ("ws://a b/", UrlError::Host),
            ("ws://a/#b", UrlError::Fragment),
            ("ws://a:b@c/", UrlError::Password),
        ] {
            assert_eq!(shown(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_redirection_may_name_a_part() {
        let here = Url::parse("wss://a:81/b/c?d").unwrap();
        for (location, whole) in [
            ("ws://x/y", "ws://x/y"),
            ("https://x", "wss://x/"),
            ("http://x:8/", "ws://x:8/"),
            ("//x/y", "wss://x/y"),
            ("/y", "wss://a:81/y"),
            ("y?z#f", "wss://a:81/b/y?z"),
            ("?z", "wss://a:81/b/c?z"),
            ("", "wss://a:81/b/c?d"),
            ("/y?next=http://x/", "wss://a:81/y?next=http://x/"),
            ("?next=http://x/", "wss://a:81/b/c?next=http://x/"),
            ("./y:z", "wss://a:81/b/y:z"),
        ] {
            assert_eq!(here.join(location).unwrap().to_string(), whole);
        }
        for location in [
            "ftp://x/",
            "javascript:alert(1)",
            "wss:foo",
            "wss:/foo",
            "ws:foo?://x/",
            "y:z",
        ] {
            assert_eq!(here.join(location), Err(UrlError::Scheme), "{location}");
        }
    }

    #[test]
    fn dots_in_a_redirection_lead_up_and_nowhere() {
        let here = Url::parse("ws://a/b/c/d;p?q").unwrap();
        // Those of RFC 3986 5.4 with a path.
        for (location, resource) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("g?y", "/b/c/g?y"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("ws://a/b/../g", "/g"),
            ("//a/..", "/"),
            ("a//../b", "/b/c/a/b"),
        ] {
            assert_eq!(
                here.join(location).unwrap().resource,
                resource,
                "{location}"
            );
        }
    }
}
