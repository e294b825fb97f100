//! The server's judgement of a request: RFC 6455 4.2.

/// Who may connect, under which host names, with which subprotocols.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// From which pages a browser may connect.
    pub origins: Origins,
    /// Which names the Host header may hold.
    pub hosts: Hosts,
    /// Subprotocols the service speaks, in order of preference.
    pub protocols: Vec<String>,
}

/// From which pages a browser may connect. A request without Origin is no browser's and passes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Origins {
    /// From pages of the same scheme, host and port.
    #[default]
    Same,
    /// From any page.
    Any,
    /// From the named ones: `[scheme://]host[:port]` or `null`.
    Listed(Vec<String>),
}

/// Which names the Host header may hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Hosts {
    /// On a loopback address `localhost` and loopback addresses, elsewhere any: a page whose name was
    /// made to resolve to 127.0.0.1 must not reach a local service.
    #[default]
    Local,
    /// Any name.
    Any,
    /// The named ones, with any port.
    Listed(Vec<String>),
}
