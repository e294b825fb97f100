//! A service manager's end of sd_notify(3).

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::DEADLINE;

/// The socket of `NOTIFY_SOCKET`.
#[derive(Debug)]
pub(crate) struct Manager(UnixDatagram);

impl Manager {
    pub(crate) fn at(path: &Path) -> Self {
        Self::over(UnixDatagram::bind(path).unwrap())
    }

    pub(crate) fn over(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// The next message: its lines by what stands before the `=`.
    #[track_caller]
    pub(crate) fn message(&self) -> BTreeMap<String, String> {
        let mut bytes = [0; 4096];
        let len = self.0.recv(&mut bytes).expect("a message");
        let text = std::str::from_utf8(&bytes[..len]).unwrap();
        let pairs = text.lines().map(|line| line.split_once('=').expect(line));
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        owned.collect()
    }

    /// Expects a message that holds `NAME=1` as the next, and returns it.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str) -> BTreeMap<String, String> {
        let message = self.message();
        assert_eq!(
            message.get(name).map(String::as_str),
            Some("1"),
            "{message:?}"
        );
        message
    }
}
