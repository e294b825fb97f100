//! A host's addresses. The resolver may block as long as it likes, so it is asked in a process of its
//! own.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::sys::ask::ask;
use crate::sys::patience::Patience;

use super::error::{Error, reason};

/// More than any host has addresses.
const MAX_ANSWER_LEN: usize = 16 * 1024;

/// The addresses of a host, an address in brackets among them, in the order in which to try them.
pub(super) fn resolve(
    host: &str,
    port: u16,
    patience: Patience<'_>,
) -> Result<Vec<SocketAddr>, Error> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |why| Error::Resolve {
        host: host.to_owned(),
        why,
    };
    let answer = ask(patience, MAX_ANSWER_LEN, || look_up(host, port));
    let answer = answer.map_err(|error| reason(&error).map_or(Error::Stopped, failed))?;
    let answer = String::from_utf8_lossy(&answer);
    let addresses: Vec<_> = answer.lines().filter_map(|it| it.parse().ok()).collect();
    match answer.strip_prefix('!') {
        Some(why) => Err(failed(why.to_owned())),
        None if addresses.is_empty() => Err(failed("it has no address".to_owned())),
        None => Ok(in_turns(addresses)),
    }
}

/// The child's part: a line for each address, or `!` and why there is none.
fn look_up(host: &str, port: u16) -> Vec<u8> {
    match (host, port).to_socket_addrs() {
        Ok(addresses) => {
            let lines: String = addresses.map(|address| format!("{address}\n")).collect();
            lines.into_bytes()
        }
        Err(error) => {
            let error = error.to_string();
            let why = error.rsplit(": ").next().unwrap_or_default();
            format!("!{why}").into_bytes()
        }
    }
}

/// One family after the other in turns, beginning with the one that the system prefers, so that one
/// that leads nowhere costs one attempt (RFC 8305 4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_v6);
    first.reverse();
    second.reverse();
    let mut turns = Vec::new();
    while let Some(address) = first.pop().or_else(|| second.pop()) {
        turns.push(address);
        turns.extend(second.pop());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"].map(address);
        let turns = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(address);
        assert_eq!(in_turns(all.to_vec()), turns);
        let all = ["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"].map(address);
        let turns = ["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"].map(address);
        assert_eq!(in_turns(all.to_vec()), turns);
    }
}
