//! Reading the head of an answer, and of one that is no WebSocket's the line that says why.

use std::io;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::handshake::client::Response;
use crate::handshake::head::HeadScanner;
use crate::sys::patience::Patience;
use crate::sys::signal::Signals;
use crate::transport::Transport;

/// One read.
const READ_LEN: usize = 2048;

/// How much of a body is looked at for its first line.
const MAX_BODY_LEN: usize = 8 * 1024;

/// How much of that line is repeated, in characters.
const MAX_LINE_LEN: usize = 200;

/// How long a body that says why is waited for.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

/// The bytes up to the empty line, and what came behind it.
#[derive(Debug)]
pub(super) struct Answer {
    received: Vec<u8>,
    /// `len <= received.len()`.
    len: usize,
}

impl Answer {
    /// Reads until the head is complete; interim answers are passed over.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is none, `UnexpectedEof` if it ends before, or as [`Patience::wait`].
    pub(super) fn read(transport: &mut Transport, patience: Patience<'_>) -> io::Result<Self> {
        let mut received = Vec::new();
        let mut scanner = HeadScanner::new();
        loop {
            let scanned = scanner.scan(&received);
            match scanned.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                Some(len) => {
                    let head = received.get(..len).unwrap_or_default();
                    if !Response::parse(head).is_ok_and(|it| it.is_interim()) {
                        return Ok(Self { received, len });
                    }
                    received.drain(..len);
                    scanner = HeadScanner::new();
                }
                None if read_some(transport, &mut received, patience)? == 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                None => {}
            }
        }
    }

    /// The head, with its empty line.
    pub(super) fn head(&self) -> &[u8] {
        self.received.get(..self.len).unwrap_or_default()
    }

    /// What came behind it: frames, or the beginning of a body.
    pub(super) fn rest(&self) -> &[u8] {
        self.received.get(self.len..).unwrap_or_default()
    }

    /// The first line of the body that has something in it, as far as it comes soon; as it can be shown
    /// on a terminal.
    pub(super) fn line_of_body(
        &self,
        response: &Response<'_>,
        transport: &mut Transport,
        signals: &Signals,
    ) -> Option<String> {
        let patience = Patience::until(Instant::now() + BODY_PATIENCE, signals);
        let mut body = self.rest().to_vec();
        let is_chunked = response.header("Transfer-Encoding").is_some();
        let len = response.header("Content-Length");
        let len = len.and_then(|len| std::str::from_utf8(len).ok()?.parse::<usize>().ok());
        let len = len.unwrap_or(MAX_BODY_LEN).min(MAX_BODY_LEN);
        while body.len() < len && first_line(&body, is_chunked, false).is_none() {
            match read_some(transport, &mut body, patience) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        first_line(&body, is_chunked, true)
    }
}

/// The first line with something in it. `is_all`: nothing follows that would end it. A chunk's size
/// stands on a line of its own before it.
fn first_line(body: &[u8], is_chunked: bool, is_all: bool) -> Option<String> {
    let mut lines = body.split(|byte| *byte == b'\n');
    if !is_all {
        // It may go on.
        lines.next_back();
    }
    let lines = lines.skip(usize::from(is_chunked));
    let line = lines
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty())?;
    let line = String::from_utf8_lossy(line);
    let shown = line.chars().filter(|letter| !letter.is_control());
    Some(shown.take(MAX_LINE_LEN).collect())
}

/// Reads once, appending; 0 is the end.
fn read_some(
    transport: &mut Transport,
    received: &mut Vec<u8>,
    patience: Patience<'_>,
) -> io::Result<usize> {
    let before = received.len();
    loop {
        received.resize(before + READ_LEN, 0);
        let outcome = transport.read(received.get_mut(before..).unwrap_or_default());
        received.truncate(before + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                patience.wait(transport, PollFlags::POLLIN)?;
            }
            outcome => return outcome,
        }
    }
}
