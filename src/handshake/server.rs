//! The server's judgement of a request: RFC 6455 4.2.
//!
//! Floor 1.

use super::headers::{Header, write_line};
use super::key::{accept_key, is_request_key};
use super::offer::{choose_protocol, parse_extensions, parse_protocols};
use super::reject::Reject;
use super::request::Request;

pub use super::host::is_host_pattern;
pub use super::origin::is_origin_pattern;
pub use super::policy::{Hosts, Origins, Place, Policy};

/// A request that is granted: what the 101 says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade<'p> {
    accept: String,
    protocol: Option<&'p str>,
}

/// Judges a request that wants to be upgraded. The rules are looked at in one order, and the first that
/// is broken decides: method, HTTP version, host, Upgrade and Connection, WebSocket version, key, body,
/// origin, subprotocols, extensions. O(length of the head), and of the policy's lists.
///
/// Where client and policy have no subprotocol in common, none is named in the 101: a browser that
/// offered some will then close, other clients go on without (RFC 6455 4.2.2). Extensions are declined
/// by not naming them.
///
/// # Errors
///
/// A [`Reject`]; of a request for a page, [`Reject::NotUpgrade`].
pub fn judge<'p>(
    request: &Request<'_>,
    policy: &'p Policy,
    place: &Place,
) -> Result<Upgrade<'p>, Reject> {
    if request.method() != "GET" {
        return Err(Reject::Method);
    }
    // RFC 6455 4.2.1: an HTTP/1.1 or higher GET request.
    if request.is_http_1_0() && request.wants_upgrade() {
        return Err(Reject::OldHttp);
    }
    admit(request, policy, place)?;
    check_upgrade(request)?;
    check_version(request)?;
    let key = find_key(request)?;
    // RFC 9112 6: the bytes of a body would be read as frames.
    if request.has_body() {
        return Err(Reject::BodyOnUpgrade);
    }
    check_origin(request, policy, place)?;
    let protocol = find_protocol(request, policy)?;
    parse_extensions(request.lines().all("Sec-WebSocket-Extensions"))
        .map_err(|_| Reject::ExtensionsMalformed)?;
    Ok(Upgrade {
        accept: accept_key(key),
        protocol,
    })
}

/// Judges what every request must have, also one for a page: a host that is answered here. It keeps a
/// page whose name was made to resolve to a loopback address from reading what is there.
///
/// # Errors
///
/// [`Reject::Host`].
pub fn admit(request: &Request<'_>, policy: &Policy, place: &Place) -> Result<(), Reject> {
    if !policy.hosts.answer(request.host().as_ref(), place) {
        return Err(Reject::Host);
    }
    Ok(())
}

impl<'p> Upgrade<'p> {
    /// The subprotocol that was chosen, one of the policy's.
    pub fn protocol(&self) -> Option<&'p str> {
        self.protocol
    }

    /// Appends the 101. Frames follow it. RFC 6455 4.2.2 step 5.
    pub fn write_response(&self, extra: &[Header], out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        write_line("Upgrade", "websocket", out);
        write_line("Connection", "Upgrade", out);
        write_line("Sec-WebSocket-Accept", &self.accept, out);
        if let Some(protocol) = self.protocol {
            write_line("Sec-WebSocket-Protocol", protocol, out);
        }
        for header in extra {
            header.write(out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// RFC 6455 4.2.1 items 3 and 4: Upgrade contains `websocket`, Connection the token `Upgrade`, both in
/// either case.
fn check_upgrade(request: &Request<'_>) -> Result<(), Reject> {
    if !request.wants_upgrade() {
        return Err(Reject::NotUpgrade);
    }
    if !request.lines().list("Upgrade", "websocket") {
        return Err(Reject::UpgradeMissing);
    }
    if !request.lines().list("Connection", "upgrade") {
        return Err(Reject::ConnectionMissing);
    }
    Ok(())
}

/// RFC 6455 4.2.1 item 6: Sec-WebSocket-Version with a value of 13; 11.3.5: not more than once.
fn check_version(request: &Request<'_>) -> Result<(), Reject> {
    let version = request
        .lines()
        .only("Sec-WebSocket-Version", Reject::VersionRepeated)?;
    if version == Some(b"13") {
        Ok(())
    } else {
        Err(Reject::Version)
    }
}

/// RFC 6455 4.2.1 item 5: Sec-WebSocket-Key, which when decoded is 16 bytes; 11.3.1: not more than
/// once.
fn find_key<'a>(request: &Request<'a>) -> Result<&'a [u8], Reject> {
    let key = request
        .lines()
        .only("Sec-WebSocket-Key", Reject::KeyRepeated)?
        .ok_or(Reject::KeyMissing)?;
    if is_request_key(key) {
        Ok(key)
    } else {
        Err(Reject::KeyMalformed)
    }
}

/// RFC 6455 4.2.2 step 4: an Origin that is not acceptable gets 403; 10.2: who is no browser sends
/// none.
fn check_origin(request: &Request<'_>, policy: &Policy, place: &Place) -> Result<(), Reject> {
    let Some(origin) = request.lines().only("Origin", Reject::OriginRepeated)? else {
        return match policy.requires_origin {
            true => Err(Reject::OriginMissing),
            false => Ok(()),
        };
    };
    let host = request.host().ok_or(Reject::HostMissing)?;
    if policy.origins.allow(origin, &host, place) {
        Ok(())
    } else {
        Err(Reject::Origin)
    }
}

fn find_protocol<'p>(request: &Request<'_>, policy: &'p Policy) -> Result<Option<&'p str>, Reject> {
    let offered = parse_protocols(request.lines().all("Sec-WebSocket-Protocol"))
        .map_err(|_| Reject::ProtocolsMalformed)?;
    Ok(choose_protocol(&policy.protocols, &offered))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn policy(protocols: &[&str]) -> Policy {
        Policy {
            origins: Origins::Listed(vec!["example.com".to_owned()]),
            requires_origin: false,
            hosts: Hosts::Local,
            protocols: protocols.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn the_example_of_rfc_6455_1_3_gets_its_answer() {
        let policy = policy(&["chat"]);
        let request = Request::parse(HEAD).unwrap();
        let upgrade = judge(&request, &policy, &Place::default()).unwrap();
        assert_eq!(upgrade.protocol(), Some("chat"));
        let mut out = Vec::new();
        upgrade.write_response(&[Header::new("Server", "websockd").unwrap()], &mut out);
        let expected = "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Protocol: chat\r\n\
             Server: websockd\r\n\
             \r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn without_a_common_protocol_none_is_named() {
        let policy = policy(&["mqtt"]);
        let request = Request::parse(HEAD).unwrap();
        let upgrade = judge(&request, &policy, &Place::default()).unwrap();
        assert_eq!(upgrade.protocol(), None);
        let mut out = Vec::new();
        upgrade.write_response(&[], &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("Sec-WebSocket-Protocol"));
        assert!(!text.contains("Sec-WebSocket-Extensions"));
    }

    #[test]
    fn a_page_is_asked_for_its_host_alone() {
        let head = b"POST / HTTP/1.1\r\nHost: rebound.example\r\nOrigin: null\r\n\r\n";
        let request = Request::parse(head).unwrap();
        let policy = Policy::default();
        let mut place = Place::default();
        assert_eq!(admit(&request, &policy, &place), Ok(()));
        place.is_loopback = true;
        assert_eq!(admit(&request, &policy, &place), Err(Reject::Host));
    }
}
