//! The header of the PROXY protocol, versions 1 and 2: what comes before everything else, TLS too.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::poll::PollFlags;
use ppp::{v1, v2};

use crate::daemon::request::HeadEnd;
use crate::handshake::Reject;
use crate::sys::fd;
use crate::sys::patience::Patience;

use super::Told;

/// How version 1 begins; it ends with a line, which has so many bytes at most.
const PREFIX_1: &[u8] = b"PROXY ";
const MAX_LEN_1: usize = 107;

/// How version 2 begins; the length of what follows stands in bytes 14 and 15.
const PREFIX_2: &[u8] = v2::PROTOCOL_PREFIX;
const FIXED_LEN_2: usize = 16;

/// The longest header that is read. Addresses take 36 bytes; the rest may tell of the client's
/// certificate.
const MAX_LEN: usize = 2048;

/// The flag in version 2 that the client speaks TLS.
const CLIENT_SSL: u8 = 0x01;

/// Reads the header and nothing behind it.
///
/// # Errors
///
/// [`Reject::ProxyHeader`]: something else came.
pub(in crate::daemon) fn read(socket: &OwnedFd, patience: Patience<'_>) -> Result<Told, HeadEnd> {
    let mut bytes = [0; MAX_LEN];
    let mut len = 0;
    loop {
        let room = bytes.get_mut(len..).unwrap_or_default();
        let seen = match fd::peek(socket, room) {
            Ok(0) => return Err(HeadEnd::Left),
            Ok(count) => len + count,
            Err(Errno::EAGAIN) => {
                patience.wait(socket, PollFlags::POLLIN)?;
                continue;
            }
            Err(_) => return Err(HeadEnd::Left),
        };
        let extent = extent(bytes.get(..seen).unwrap_or_default());
        let extent = extent.ok_or(HeadEnd::Rejected(Reject::ProxyHeader))?;
        let end = extent.unwrap_or(seen);
        while len < end {
            // They are there: we have just seen them.
            let rest = bytes.get_mut(len..end).unwrap_or_default();
            len += fd::read(socket, rest).map_err(|_| HeadEnd::Left)?.max(1);
        }
        if extent.is_some() {
            let header = bytes.get(..end).unwrap_or_default();
            return parse(header).ok_or(HeadEnd::Rejected(Reject::ProxyHeader));
        }
        if end == MAX_LEN {
            return Err(HeadEnd::Rejected(Reject::ProxyHeader));
        }
    }
}

/// Where the header at the start of `bytes` ends: `Some(None)` if more has to come, `None` if there is
/// none.
fn extent(bytes: &[u8]) -> Option<Option<usize>> {
    let begins = |prefix: &[u8]| {
        let len = bytes.len().min(prefix.len());
        bytes.get(..len) == prefix.get(..len)
    };
    if begins(PREFIX_2) {
        let Some([high, low]) = bytes.get(FIXED_LEN_2 - 2..FIXED_LEN_2) else {
            return Some(None);
        };
        let len = FIXED_LEN_2 + usize::from(u16::from_be_bytes([*high, *low]));
        return (len <= MAX_LEN).then_some((len <= bytes.len()).then_some(len));
    }
    if !begins(PREFIX_1) {
        return None;
    }
    match memchr::memchr(b'\n', bytes) {
        Some(at) => (at < MAX_LEN_1).then_some(Some(at + 1)),
        None => (bytes.len() < MAX_LEN_1).then_some(None),
    }
}

/// What a whole header says.
fn parse(header: &[u8]) -> Option<Told> {
    if header.starts_with(PREFIX_2) {
        return of_version_2(&v2::Header::try_from(header).ok()?);
    }
    Some(match v1::Header::try_from(header).ok()?.addresses {
        v1::Addresses::Tcp4(it) => told(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v1::Addresses::Tcp6(it) => told(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v1::Addresses::Unknown => Told::default(),
    })
}

fn of_version_2(header: &v2::Header<'_>) -> Option<Told> {
    if header.protocol == v2::Protocol::Datagram {
        return None;
    }
    // The proxy itself wants something, such as to know whether we live.
    if header.command == v2::Command::Local {
        return Some(Told::default());
    }
    let mut found = match header.addresses {
        v2::Addresses::IPv4(it) => told(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v2::Addresses::IPv6(it) => told(
            (it.source_address.into(), it.source_port),
            (it.destination_address.into(), it.destination_port),
        ),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => Told::default(),
    };
    if header.addresses == v2::Addresses::Unspecified {
        // What is not known has no length, and so nothing is known of what follows either.
        return Some(found);
    }
    for tlv in header.tlvs() {
        let tlv = tlv.ok()?;
        if tlv.kind == u8::from(v2::Type::SSL) {
            let flags = tlv.value.first()?;
            found.is_secure = Some(flags & CLIENT_SSL != 0);
        }
    }
    Some(found)
}

fn told(remote: (IpAddr, u16), local: (IpAddr, u16)) -> Told {
    let address = |(ip, port): (IpAddr, u16)| SocketAddr::new(ip.to_canonical(), port);
    Told {
        remote: Some(address(remote)),
        local: Some(address(local)),
        is_secure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = PREFIX_2.to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        header.extend(rest);
        header
    }

    const ADDRESSES: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x34, 1, 187];

    fn whole(header: &[u8]) -> Option<Told> {
        assert_eq!(extent(header), Some(Some(header.len())));
        parse(header)
    }

    #[test]
    fn a_header_ends_where_it_says() {
        let one = b"PROXY TCP4 192.0.2.7 192.0.2.1 4660 443\r\n".to_vec();
        for header in [one, version_2(1, 0x11, &ADDRESSES), version_2(0, 0, &[])] {
            for len in 0..header.len() {
                assert_eq!(extent(&header[..len]), Some(None), "{len} of {header:?}");
            }
            let mut more = header.clone();
            more.extend(b"GET / HTTP/1.1\r\n");
            assert_eq!(extent(&more), Some(Some(header.len())));
        }
    }

    #[test]
    fn both_versions_tell_both_addresses() {
        let expected = told(([192, 0, 2, 7].into(), 4660), ([192, 0, 2, 1].into(), 443));
        let one = whole(b"PROXY TCP4 192.0.2.7 192.0.2.1 4660 443\r\n");
        assert_eq!(one, Some(expected));
        assert_eq!(whole(&version_2(1, 0x11, &ADDRESSES)), Some(expected));
        let six = whole(b"PROXY TCP6 2001:db8::7 ::ffff:192.0.2.1 4660 443\r\n").unwrap();
        assert_eq!(six.remote, "[2001:db8::7]:4660".parse().ok());
        assert_eq!(six.local, "192.0.2.1:443".parse().ok());
    }

    #[test]
    fn a_header_that_tells_nothing_is_one() {
        for header in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
            version_2(0, 0, &[]),
            version_2(0, 0x11, &ADDRESSES),
            version_2(1, 0, &[]),
            version_2(1, 0x31, &[b'x'; 216]),
        ] {
            assert_eq!(whole(&header), Some(Told::default()), "{header:?}");
        }
    }

    #[test]
    fn the_second_version_tells_of_tls() {
        for (flags, is_secure) in [(0x01, true), (0x00, false), (0x07, true)] {
            let tlv = [0x20, 0, 5, flags, 0, 0, 0, 0];
            let header = version_2(1, 0x11, &[&ADDRESSES[..], &tlv].concat());
            assert_eq!(whole(&header).unwrap().is_secure, Some(is_secure));
        }
    }

    #[test]
    fn what_is_no_header_is_known_at_the_first_wrong_byte() {
        for bytes in [&b"GET /"[..], b"PROXZ", b"\r\n\r\nX", b"\x16\x03\x01"] {
            assert_eq!(extent(bytes), None, "{bytes:?}");
        }
        let long = [PREFIX_1, &[b'x'; MAX_LEN_1]].concat();
        assert_eq!(extent(&long), None);
        assert_eq!(extent(&version_2(1, 0x11, &[0; MAX_LEN])[..20]), None);
    }

    #[test]
    fn a_header_with_anything_wrong_tells_nothing() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 4660\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 4660 443 \r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 4660 65536\r\n",
            "PROXY TCP4 192.0.2.256 192.0.2.1 4660 443\r\n",
            "PROXY TCP4 ::1 ::1 4660 443\r\n",
            "PROXY TCP6 192.0.2.7 192.0.2.1 4660 443\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 04660 443\r\n",
            "PROXY UDP4 192.0.2.7 192.0.2.1 4660 443\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 4660 443\n",
        ] {
            assert_eq!(whole(line.as_bytes()), None, "{line:?}");
        }
        for header in [
            version_2(2, 0x11, &ADDRESSES),
            version_2(1, 0x12, &ADDRESSES),
            version_2(1, 0x41, &ADDRESSES),
            version_2(1, 0x11, &ADDRESSES[..11]),
            version_2(1, 0x21, &ADDRESSES),
            version_2(1, 0x11, &[&ADDRESSES[..], &[0x20, 0, 9, 1]].concat()),
        ] {
            assert_eq!(whole(&header), None, "{header:?}");
        }
    }
}
