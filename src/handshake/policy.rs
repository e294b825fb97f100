//! Whom the operator lets in: origins, host names, subprotocols.
//!
//! Floor 1. RFC 6455 10.1 and 10.2.

use super::host::Authority;
use super::origin::{self, Origin};

/// Who may connect, under which host names, with which subprotocols.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// From which pages a browser may connect.
    pub origins: Origins,
    /// Whether a request without Origin, as programs make it that are no browsers, is turned down.
    pub requires_origin: bool,
    /// Which names the Host header may hold.
    pub hosts: Hosts,
    /// Subprotocols the service speaks, in order of preference.
    pub protocols: Vec<String>,
}

/// From which pages a browser may connect. A request without Origin is no browser's, and passes
/// unless the policy requires one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Origins {
    /// From pages of the same scheme, host and port.
    #[default]
    Same,
    /// From any page.
    Any,
    /// From the named ones: `[scheme://]host[:port]`, where what is left out may be anything, or `null`.
    Listed(Vec<String>),
    /// From pages of the same scheme, host and port that are named, too.
    SameAndListed(Vec<String>),
}

/// Which names the Host header may hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Hosts {
    /// On a loopback address `localhost`, names that end in `.localhost`, and loopback addresses;
    /// elsewhere any: a page whose name was made to resolve to 127.0.0.1 must not reach a local service.
    #[default]
    Local,
    /// Any name.
    Any,
    /// The named ones, with any port.
    Listed(Vec<String>),
}

/// What is known of a connection before its first byte.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Whether the client speaks TLS, to us or to a proxy that we trust: then the page is `https`.
    pub is_secure: bool,
    /// Whether the client came to one of our loopback addresses. A Unix socket has none: false.
    pub is_loopback: bool,
}

impl Origins {
    /// Whether a page of this Origin header may connect to `host`.
    pub(super) fn allow(&self, origin: &[u8], host: &Authority<'_>, place: &Place) -> bool {
        let is_same = || Origin::parse(origin).is_some_and(|it| it.is_same(host, place.is_secure));
        let is_listed = |patterns: &[String]| {
            let is_named = |pattern: &String| origin::is_named_by(origin, pattern);
            patterns.iter().any(is_named)
        };
        match self {
            Self::Any => true,
            Self::Same => is_same(),
            Self::Listed(patterns) => is_listed(patterns),
            Self::SameAndListed(patterns) => is_same() && is_listed(patterns),
        }
    }
}

impl Hosts {
    /// Whether requests for `host` are answered. A request without Host, as HTTP/1.0 has it, is no
    /// browser's and passes where no names are listed.
    pub(super) fn answer(&self, host: Option<&Authority<'_>>, place: &Place) -> bool {
        match self {
            Self::Any => true,
            Self::Local => !place.is_loopback || host.is_none_or(Authority::is_loopback),
            Self::Listed(names) => {
                host.is_some_and(|host| names.iter().any(|name| host.is_host(name)))
            }
        }
    }
}
