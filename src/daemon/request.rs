//! Reading a request's head from the client, within the deadline and not beyond it.

use std::io;
use std::time::Instant;

use nix::poll::PollFlags;

use crate::handshake::Reject;
use crate::handshake::head::HeadScanner;
use crate::sys::patience::Patience;
use crate::transport::Transport;

/// One read: a browser's request fits, and a new process need not touch more memory than that.
const READ_LEN: usize = 2048;

/// A request that is about to be read.
#[derive(Debug)]
pub(super) struct Next {
    /// What has come of it.
    pub(super) received: Vec<u8>,
    /// When it began.
    pub(super) began: Instant,
}

impl Next {
    /// Waits for the next request on a connection that has answered one, as long as there is patience;
    /// `None`: there is none. `received` is what came behind the one before.
    #[cfg(feature = "site")]
    pub(super) fn wait(
        transport: &mut Transport,
        mut received: Vec<u8>,
        patience: Patience<'_>,
    ) -> Option<Self> {
        while received.is_empty() {
            match read_some(transport, &mut received) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(transport, PollFlags::POLLIN).ok()?;
                }
                Err(_) => return None,
            }
        }
        let began = Instant::now();
        Some(Self { received, began })
    }
}

/// The bytes up to the blank line, and what came behind it.
#[derive(Debug)]
pub(super) struct Head {
    received: Vec<u8>,
    /// `len <= received.len()`.
    len: usize,
}

/// Why there is no head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HeadEnd {
    /// The client went, or we were told to: there is nobody to answer.
    Left,
    /// What came cannot become one, or did not in time.
    Rejected(Reject),
}

impl From<io::Error> for HeadEnd {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            Self::Rejected(Reject::Timeout)
        } else {
            Self::Left
        }
    }
}

impl Head {
    /// Reads until the head is complete, which begins with what was received before.
    pub(super) fn read(
        transport: &mut Transport,
        mut received: Vec<u8>,
        patience: Patience<'_>,
    ) -> Result<Self, HeadEnd> {
        let mut scanner = HeadScanner::new();
        loop {
            let scanned = scanner.scan(&received);
            if let Some(len) = scanned.map_err(|it| HeadEnd::Rejected(it.into()))? {
                return Ok(Self { received, len });
            }
            match read_some(transport, &mut received) {
                Ok(0) => return Err(HeadEnd::Left),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience.wait(transport, PollFlags::POLLIN)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The head, with its blank line.
    pub(super) fn bytes(&self) -> &[u8] {
        self.received.get(..self.len).unwrap_or_default()
    }

    /// What came behind it: frames, a body, the next request.
    pub(super) fn rest(&self) -> &[u8] {
        self.received.get(self.len..).unwrap_or_default()
    }
}

fn read_some(transport: &mut Transport, received: &mut Vec<u8>) -> io::Result<usize> {
    let before = received.len();
    received.resize(before + READ_LEN, 0);
    let outcome = transport.read(received.get_mut(before..).unwrap_or_default());
    received.truncate(before + outcome.as_ref().copied().unwrap_or(0));
    outcome
}
