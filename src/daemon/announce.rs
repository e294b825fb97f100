//! Where we listen, for the person who reads the log.

use std::fmt;
use std::iter;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::log;
use crate::sys::fd;

use super::config::Config;

/// Where a socket listens.
#[derive(Debug)]
pub(super) enum Place {
    Internet(SocketAddr),
    Path(PathBuf),
    /// Nowhere that has a name.
    Unnamed,
}

impl Place {
    pub(super) fn of(socket: &OwnedFd) -> Self {
        match fd::local_address(socket) {
            Ok(Some(address)) => Self::Internet(address),
            _ => fd::local_path(socket).map_or(Self::Unnamed, Self::Path),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet(address) => address.fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Unnamed => f.write_str("unix"),
        }
    }
}

/// Says where we listen, and where a person finds the console.
pub(super) fn say(places: &[Place], names: &[String], config: &Config) {
    let names = names.iter().map(String::as_str).chain(iter::repeat(""));
    for (place, name) in places.iter().zip(names) {
        log::listening(&place.to_string(), Some(name).filter(|it| !it.is_empty()));
    }
    let first = places.iter().find_map(|place| match place {
        Place::Internet(address) => Some(address),
        Place::Path(_) | Place::Unnamed => None,
    });
    if let Some(first) = first.filter(|_| config.console) {
        let scheme = config.scheme();
        let url = if first.ip().is_loopback() || first.ip().is_unspecified() {
            format!("{scheme}://localhost:{}/", first.port())
        } else {
            format!("{scheme}://{first}/")
        };
        log::console(&url);
    }
}
