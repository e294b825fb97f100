//! What a relay joins: the far end, which speaks WebSocket, and the near one, which reads and writes
//! records. Whether we are the server or the client is in here, and nowhere else in the relay.

use std::time::Duration;

use nix::unistd::Pid;
use std::os::fd::OwnedFd;

use crate::connection::Connection;
use crate::record::Record;
use crate::sys::stream::Stream;
use crate::transport::Transport;

use super::keys::Keys;
use super::outbound::Rest;
use super::tagged::{Pipe, Tagged};
use crate::daemon::config::InvalidUtf8;

/// The far end: whoever speaks WebSocket with us, the handshake done.
#[derive(Debug)]
pub(crate) struct Far<'f> {
    pub(crate) transport: Transport,
    pub(crate) connection: Connection,
    /// What came with the handshake.
    pub(crate) first: &'f [u8],
    /// The masking keys of what we send.
    pub(crate) keys: Keys,
}

/// The near end: a program that runs, or what we were started with.
#[derive(Debug)]
pub(crate) struct Near {
    /// Where messages go as records.
    pub(crate) sink: Option<Stream>,
    /// Where records come from that become messages.
    pub(crate) source: Option<Stream>,
    /// What another relay has read of it and not sent.
    pub(crate) rest: Option<Rest>,
    /// What is logged line by line.
    pub(crate) stderr: Option<OwnedFd>,
    /// Whether that goes to the peer, too, and lines say which of the two they are from.
    pub(crate) is_tagged: bool,
    /// The program, which leads its group and is to be gone when the relay has ended; `None`: there is
    /// none, and nobody is waited for but who reads the sink.
    pub(crate) program: Option<Pid>,
}

impl Near {
    /// What the peer gets, and what is only logged.
    pub(super) fn outputs(&mut self) -> (Option<Pipe>, Option<OwnedFd>) {
        match (self.source.take(), self.stderr.take()) {
            (Some(stdout), Some(stderr)) if self.is_tagged => {
                let both = Tagged::new(stdout, Stream::pipe(stderr));
                (Some(Pipe::Tagged(Box::new(both))), None)
            }
            (source, stderr) => (source.map(Pipe::Plain), stderr),
        }
    }
}

/// What the relay itself looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) record: Record,
    pub(crate) invalid_utf8: InvalidUtf8,
    /// Bytes of a message that may be held until its length is known.
    pub(crate) max_held_len: usize,
    pub(crate) words: Words,
    /// For a program from EOF to SIGTERM, and from there to SIGKILL.
    pub(crate) grace: Duration,
    /// How long frames may wait for a peer that takes none.
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) ping: Option<Duration>,
    /// At the end of a source that is no program's: to close and hear the peer out, as long as it is
    /// not silent for so long. `None`: to go on hearing it.
    pub(crate) close_at_end: Option<Duration>,
}

/// What the ends are called, to the peer and in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// The peer went without a word.
    pub(crate) vanished: &'static str,
    /// We are told to end.
    pub(crate) stopping: &'static str,
    /// What comes from the source.
    pub(crate) output: &'static str,
}
