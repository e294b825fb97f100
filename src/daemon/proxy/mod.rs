//! What stands between us and the client, and says who that is: by a header before the first byte of
//! the connection, or by lines in the request.

mod forwarded;
mod introduction;
mod trusted;

pub(super) use forwarded::find as find_forwarded;
pub use trusted::Trusted;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use crate::handshake::Reject;
use crate::sys::patience::Patience;

use super::config::Config;
use super::peer::Peer;
use super::request::HeadEnd;

/// What a proxy says of its client.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Told {
    /// The client's address; port 0 if that is not known. `None`: it does not know, or is it itself.
    pub(super) remote: Option<SocketAddr>,
    /// The proxy's address that the client came to.
    pub(super) local: Option<SocketAddr>,
    /// Whether the client speaks TLS to the proxy; `None`: it does not say.
    pub(super) is_secure: Option<bool>,
}

/// What a proxy says before anything else, where one has to be.
///
/// # Errors
///
/// It is none, or does not say it.
pub(super) fn introduction(
    peer: &Peer,
    socket: &OwnedFd,
    config: &Config,
    patience: Patience<'_>,
) -> Result<Told, HeadEnd> {
    if !config.proxy_protocol {
        return Ok(Told::default());
    }
    if !config.trust_proxy.is_empty() && !peer.is_one_of(&config.trust_proxy) {
        return Err(HeadEnd::Rejected(Reject::ProxyUntrusted));
    }
    introduction::read(socket, patience)
}
