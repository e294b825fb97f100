//! Whom we believe.

use std::net::IpAddr;

use ipnet::IpNet;

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
    pub(in crate::daemon) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.has_unix
    }

    /// Whether who has this address is trusted; without one it is a Unix socket's client.
    pub(in crate::daemon) fn has(&self, ip: Option<IpAddr>) -> bool {
        match ip {
            Some(ip) => self.networks.iter().any(|network| network.contains(&ip)),
            None => self.has_unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
