//! Request targets: what a request line asks for.
//!
//! Floor 1. RFC 9112 3.2, RFC 6455 3 and 4.2.1.

use super::reject::Reject;

/// A request target, taken apart; nothing is decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Target<'a> {
    /// Begins with a slash.
    pub(super) path: &'a str,
    /// What follows the question mark, if there is one.
    pub(super) query: Option<&'a str>,
    /// Host and port of a target in absolute form, as they are written there.
    pub(super) authority: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads a target of `method`: origin-form or absolute-form.
    ///
    /// # Errors
    ///
    /// [`Reject::Method`] for the forms that only CONNECT and OPTIONS have; [`Reject::Target`] for all
    /// else: what is not visible ASCII and should have been encoded (RFC 3986 2), a fragment (RFC 6455
    /// 3: fragment identifiers must not be used).
    pub(super) fn parse(method: &str, target: &'a str) -> Result<Self, Reject> {
        if method == "CONNECT" || (method == "OPTIONS" && target == "*") {
            return Err(Reject::Method);
        }
        if !target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(Reject::Target);
        }
        if target.starts_with('/') {
            return Ok(Self::from_resource(target, None));
        }
        Self::parse_absolute(target).ok_or(Reject::Target)
    }

    /// `http://authority[/path][?query]`
    fn parse_absolute(target: &'a str) -> Option<Self> {
        let (scheme, rest) = target.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let (authority, resource) =
            rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))?;
        Some(Self::from_resource(resource, Some(authority)))
    }

    /// `resource` is `[path][?query]`; an absolute target's empty path is `/` (RFC 9110 4.2.3).
    fn from_resource(resource: &'a str, authority: Option<&'a str>) -> Self {
        let (path, query) = match resource.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (resource, None),
        };
        Self {
            path: if path.is_empty() { "/" } else { path },
            query,
            authority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_come_apart_undecoded() {
        for (target, path, query) in [
            ("/", "/", None),
            ("/chat", "/chat", None),
            ("/chat?", "/chat", Some("")),
            ("/a%2Fb/../c?x=%20&y?z", "/a%2Fb/../c", Some("x=%20&y?z")),
            ("//evil.example/", "//evil.example/", None),
            ("/http://a/", "/http://a/", None),
            ("http://a", "/", None),
            ("http://a?b", "/", Some("b")),
            ("HTTPS://a:1/b/c?d", "/b/c", Some("d")),
        ] {
            let parsed = Target::parse("GET", target).unwrap();
            assert_eq!((parsed.path, parsed.query), (path, query), "{target}");
            assert_eq!(
                parsed.authority.is_some(),
                !target.starts_with('/'),
                "{target}"
            );
        }
    }

    #[test]
    fn an_absolute_target_names_its_host() {
        for target in [
            "http://[::1]:8080",
            "http://[::1]:8080/a",
            "http://[::1]:8080?a/b",
        ] {
            let parsed = Target::parse("GET", target).unwrap();
            assert_eq!(parsed.authority, Some("[::1]:8080"), "{target}");
        }
    }

    #[test]
    fn what_is_neither_form_is_refused() {
        for target in [
            "",
            "chat",
            "?a",
            "*",
            "example.com:80",
            "/a#b",
            "http://a/#",
            "http:/a",
            "ftp://a/",
            "ws://a/",
            "://a/",
        ] {
            assert_eq!(
                Target::parse("GET", target),
                Err(Reject::Target),
                "{target}"
            );
        }
    }

    #[test]
    fn forms_of_other_methods_are_those_methods_fault() {
        assert_eq!(Target::parse("CONNECT", "a:80"), Err(Reject::Method));
        assert_eq!(Target::parse("OPTIONS", "*"), Err(Reject::Method));
        assert!(Target::parse("OPTIONS", "/").is_ok());
    }
}
