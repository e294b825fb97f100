//! Networks of addresses: what one client may have of them, and whom we believe.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The bits of an IPv6 address that a network's owner does not choose freely: who has one address has
/// all others of its /64.
const V6_MASK: u128 = !0 << 64;

/// An address of IPv4, or a /64 of IPv6: as much as one client may have without asking anybody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Network(IpAddr);

impl Network {
    /// The one that an address is in.
    pub(super) fn of(ip: IpAddr) -> Self {
        Self(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & V6_MASK).into(),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Network {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::of)
    }
}

/// Proxies whose word on who the client is we take.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trusted {
    networks: Vec<IpNet>,
    has_unix: bool,
}

impl Trusted {
    /// Adds one: an address, a network as `192.0.2.0/24`, or `unix` for clients of a Unix socket.
    /// `None`: it is nothing of the kind.
    pub(crate) fn add(&mut self, text: &str) -> Option<()> {
        if text == "unix" {
            self.has_unix = true;
            return Some(());
        }
        let address = text.parse::<IpAddr>().map(IpNet::from);
        self.networks.push(text.parse().or(address).ok()?);
        Some(())
    }

    /// Whether there is nobody to trust.
    pub(super) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.has_unix
    }

    /// Whether who has this address is trusted; without one it is a Unix socket's client.
    pub(super) fn has(&self, ip: Option<IpAddr>) -> bool {
        match ip {
            Some(ip) => self.networks.iter().any(|network| network.contains(&ip)),
            None => self.has_unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_of_ipv4_is_alone() {
        assert_eq!(network("192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
    }

    #[test]
    fn the_last_half_of_an_address_of_ipv6_does_not_matter() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }

    #[test]
    fn addresses_and_networks_are_trusted_and_no_others() {
        let mut trusted = Trusted::default();
        for text in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"] {
            trusted.add(text).expect(text);
        }
        for text in [
            "10.0.0.0/33",
            "10.0.0",
            "localhost",
            "",
            "10.0.0.0/",
            "::/129",
        ] {
            assert_eq!(trusted.add(text), None, "{text}");
        }
        let has = |text: &str| trusted.has(Some(text.parse().unwrap()));
        assert!(has("10.1.2.3") && has("192.0.2.7") && has("2001:db8:1::1") && has("::1"));
        assert!(!has("11.0.0.0") && !has("192.0.2.8") && !has("2001:db9::") && !has("::2"));
        assert!(!trusted.has(None));
        trusted.add("unix").expect("unix");
        assert!(trusted.has(None));
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["192.0.2.7", "2001:db8:1:2::"] {
            assert_eq!(network(text).to_string(), text);
        }
    }
}
