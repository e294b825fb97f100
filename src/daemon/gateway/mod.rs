//! A CGI script: the request's body goes in and the document comes out while both sides keep up. What
//! waits in between is bounded each way.
//!
//! ```text
//! client ── received ──► body ── to_script ──► stdin
//! client ◄── to_client ── document ◄── said ──── stdout
//! ```

mod document;
mod ending;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::handshake::{Reject, Request};
use crate::site::body::Body;
use crate::sys::signal::Signals;
use crate::sys::{child, fd};
use crate::transport::Transport;

use super::config::Config;
use super::relay::Stderr;
use super::service::Service;

use document::Document;

/// What may wait each way.
const HIGH_LEN: usize = 64 * 1024;

/// One read.
const READ_LEN: usize = 16 * 1024;

/// How long a script may say nothing before its document begins, or to a client that may have gone, while
/// nothing else moves either, if nothing else is configured.
const SILENCE: Duration = Duration::from_secs(60);

/// Where no limit is set: far beyond the life of any connection.
pub(super) const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What has become of a request to a script.
#[derive(Debug)]
pub(super) enum End {
    /// It is answered.
    Answered(Answered),
    /// The answer is that to a request for this path.
    Local(String),
    /// There is no document, and nothing of one has been sent.
    Failed(Reject),
    /// A part of the document is missing: the connection can only be closed.
    Torn(Answered),
    /// So it can if the client is gone, or nobody may wait any longer, before there was any of it.
    Broken,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) bytes: u64,
    /// Whether its end shows without the connection's, and the request's body was read.
    pub(super) may_keep: bool,
}

/// The connection, lent for one request.
#[derive(Debug)]
pub(super) struct Lent<'s> {
    pub(super) transport: &'s mut Transport,
    pub(super) signals: &'s Signals,
    pub(super) config: &'s Config,
    /// What has come behind the request's head; in the end, behind its body.
    pub(super) received: &'s mut Vec<u8>,
}

/// A script that runs for a request.
#[derive(Debug)]
struct Gateway<'s> {
    lent: Lent<'s>,
    body: Body,
    /// How much of it has come.
    taken: u64,
    to_script: Vec<u8>,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<Stderr>,
    document: Document,
    to_client: Vec<u8>,
    pid: Pid,
    /// How it ended.
    status: Option<child::End>,
    /// Since when one of the script and its output has ended and the other is waited for.
    half_over: Option<Instant>,
    /// When something has moved last.
    moved: Instant,
    /// Whether the client has ended its direction: it awaits the rest of the document, or is gone.
    has_said_all: bool,
}

/// Exchanges the bodies of a request and a document with a script that has just been started, and takes
/// the script to its end.
pub(super) fn exchange(
    lent: Lent<'_>,
    service: Service,
    request: &Request<'_>,
    body: Body,
    keeps: bool,
) -> End {
    let (signals, grace) = (lent.signals, lent.config.grace);
    let pid = service.pid;
    let mut gateway = Gateway {
        body,
        taken: 0,
        to_script: Vec::new(),
        stdin: service.stdin,
        stdout: service.stdout,
        stderr: service.stderr.map(Stderr::new),
        document: Document::new(request, keeps, &lent.config.headers.others),
        to_client: Vec::new(),
        pid,
        status: None,
        half_over: None,
        moved: Instant::now(),
        has_said_all: false,
        lent,
    };
    gateway.invite(request);
    let end = gateway.run();
    let is_over = matches!(end, End::Answered(_) | End::Local(_));
    let stderr = gateway.stderr.take();
    // The others are closed: it sees that nobody listens.
    drop(gateway);
    ending::end(pid, signals, grace, is_over, stderr);
    end
}

impl Gateway<'_> {
    /// RFC 9110 10.1.1: a client that waits for a word before it sends its body gets one, unless it is
    /// one of HTTP/1.0, which does not know such words.
    fn invite(&mut self, request: &Request<'_>) {
        let expects = request.version() != "HTTP/1.0"
            && request
                .header("Expect")
                .is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
        if expects && !self.body.is_done() && self.lent.received.is_empty() {
            self.to_client
                .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    fn run(&mut self) -> End {
        match self.pass_on() {
            Ok(()) => self.document.end(self.body.is_done()),
            Err(End::Failed(reject)) if !self.document.has_begun() => End::Failed(reject),
            Err(_) => self.document.tear(),
        }
    }

    /// Moves bytes until the document has been sent.
    fn pass_on(&mut self) -> Result<(), End> {
        loop {
            let moved = [
                self.read_body()?,
                self.feed_script(),
                self.read_script()?,
                self.write_client()?,
            ];
            if self.document.is_over()
                && self.to_client.is_empty()
                && !self.lent.transport.is_pending()
            {
                return Ok(());
            }
            if moved.contains(&true) {
                self.moved = Instant::now();
            } else {
                self.wait()?;
            }
        }
    }

    /// Takes what the client has sent of its body.
    fn read_body(&mut self) -> Result<bool, End> {
        if self.body.is_done() || self.to_script.len() >= HIGH_LEN || self.stdin.is_none() {
            return Ok(false);
        }
        if self.lent.received.is_empty() {
            let mut bytes = [0; READ_LEN];
            match self.lent.transport.read(&mut bytes) {
                Ok(0) => return Err(End::Broken),
                Ok(count) => {
                    let bytes = bytes.get(..count).unwrap_or_default();
                    self.lent.received.extend_from_slice(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(End::Broken),
            }
        }
        let before = self.to_script.len();
        let used = self.body.decode(self.lent.received, &mut self.to_script);
        let used = used.map_err(|_| End::Failed(Reject::BodyLength))?;
        self.lent.received.drain(..used);
        self.taken += u64::try_from(self.to_script.len() - before).unwrap_or(0);
        if self
            .lent
            .config
            .max_message
            .is_some_and(|max| self.taken > max)
        {
            return Err(End::Failed(Reject::BodyTooLong));
        }
        Ok(used > 0)
    }

    /// Hands on what the script has room for, and then the end.
    fn feed_script(&mut self) -> bool {
        let Some(stdin) = &self.stdin else {
            return false;
        };
        let outcome = match self.to_script.as_slice() {
            [] => Err(Errno::EAGAIN),
            bytes => fd::write(stdin, bytes),
        };
        match outcome {
            Ok(count) => drop(self.to_script.drain(..count)),
            Err(Errno::EAGAIN) => {}
            // It does not want any more of it.
            Err(_) => {
                self.stdin = None;
                self.to_script.clear();
            }
        }
        if self.to_script.is_empty() && self.body.is_done() {
            self.stdin = None;
        }
        outcome.is_ok() || self.stdin.is_none()
    }

    /// Takes what the script has written.
    fn read_script(&mut self) -> Result<bool, End> {
        self.stderr.take_if(|it| !it.log_lines());
        let Some(stdout) = &self.stdout else {
            return Ok(false);
        };
        if !self.awaits_output() {
            // The client's time is not taken from the grace.
            self.half_over = self.half_over.map(|_| Instant::now());
            return Ok(false);
        }
        let mut bytes = [0; READ_LEN];
        match fd::read(stdout, &mut bytes) {
            Ok(count @ 1..) => {
                let bytes = bytes.get(..count).unwrap_or_default();
                self.document.take(bytes, &mut self.to_client)?;
            }
            Err(Errno::EAGAIN) => return Ok(false),
            Ok(0) | Err(_) => {
                self.stdout = None;
                self.half_over.get_or_insert_with(Instant::now);
                self.finish_if_over()?;
            }
        }
        Ok(true)
    }

    /// Ends the document when the script has, too: that tells whether it is whole.
    fn finish_if_over(&mut self) -> Result<(), End> {
        if self.stdout.is_some() || self.status.is_none() {
            return Ok(());
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<(), End> {
        let was_killed = matches!(self.status, Some(child::End::Signal(_)));
        self.document.finish(was_killed, &mut self.to_client)
    }

    /// Sends what the client has room for.
    fn write_client(&mut self) -> Result<bool, End> {
        let outcome = match self.to_client.as_slice() {
            [] if self.lent.transport.is_pending() => self.lent.transport.flush().map(|_| 0),
            [] => return Ok(false),
            bytes => self.lent.transport.write(&[io::IoSlice::new(bytes)]),
        };
        match outcome {
            Ok(count) => {
                self.to_client.drain(..count);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => Err(End::Broken),
        }
    }

    fn wait(&mut self) -> Result<(), End> {
        let awaits_body = !self.body.is_done() && self.stdin.is_some();
        let wants_body = awaits_body && self.to_script.len() < HIGH_LEN;
        let has_output = !self.to_client.is_empty() || self.lent.transport.is_pending();
        let now = Instant::now();
        let deadline = self.look_at_clock(now, wants_body || has_output)?;
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::POLLIN, wants_body);
        wanted.set(the_end(), !awaits_body && !self.has_said_all);
        wanted.set(PollFlags::POLLOUT, has_output);
        let mut fds = vec![
            PollFd::new(self.lent.transport.as_fd(), wanted),
            PollFd::new(self.lent.signals.as_fd(), PollFlags::POLLIN),
        ];
        let stdin = self.stdin.as_ref().filter(|_| !self.to_script.is_empty());
        fds.extend(stdin.map(|it| PollFd::new(it.as_fd(), PollFlags::POLLOUT)));
        let stdout = self.stdout.as_ref().filter(|_| self.awaits_output());
        fds.extend(stdout.map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
        let stderr = self.stderr.as_ref().map(|it| it.pipe.as_fd());
        fds.extend(stderr.map(|it| PollFd::new(it, PollFlags::POLLIN)));
        let timeout = deadline.saturating_duration_since(now) + Duration::from_micros(999);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let polled = poll(&mut fds, timeout);
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
        let client = fds.first().and_then(PollFd::revents);
        if polled.is_ok() {
            // The end has no name in nix, which then has no flags at all; those beside it come again.
            self.has_said_all |= client.is_none();
            if client.is_some_and(|it| it.intersects(gone)) {
                return Err(End::Broken);
            }
        }
        let ended = ending::note_children(self.pid, self.lent.signals);
        if let Some(end) = ended.map_err(|_| End::Broken)? {
            self.status = Some(end);
            self.half_over.get_or_insert(now);
            self.finish_if_over()?;
        }
        Ok(())
    }

    /// Whether there may be more of the document, and room for it.
    fn awaits_output(&self) -> bool {
        self.stdout.is_some() && self.to_client.len() < HIGH_LEN
    }

    /// Whether nothing but the end of the script, or that of its output, keeps the document from its own.
    fn awaits_other_half(&self) -> bool {
        !self.document.is_over() && (self.stdout.is_none() || self.awaits_output())
    }

    /// When something is due next, unless it is now.
    fn look_at_clock(&mut self, now: Instant, is_clients_turn: bool) -> Result<Instant, End> {
        let mut deadline = now + FOR_EVER;
        if is_clients_turn {
            let at = self.moved + self.lent.config.write_timeout.unwrap_or(FOR_EVER);
            if at <= now {
                return Err(End::Broken);
            }
            deadline = deadline.min(at);
        } else if !self.document.has_begun() || self.has_said_all {
            let at = self.moved + self.lent.config.idle_timeout.unwrap_or(SILENCE);
            if at <= now {
                return Err(End::Failed(Reject::ScriptTimeout));
            }
            deadline = deadline.min(at);
        }
        // Somebody whom the script has left behind holds its output open, or it has closed that itself.
        if let Some(since) = self.half_over.filter(|_| self.awaits_other_half()) {
            let at = since + self.lent.config.grace;
            if at <= now {
                self.stdout = None;
                self.finish()?;
                return Ok(now);
            }
            deadline = deadline.min(at);
        }
        Ok(deadline)
    }
}

/// That the peer has ended its direction, even with bytes before it that nobody has read.
fn the_end() -> PollFlags {
    PollFlags::from_bits_retain(libc::POLLRDHUP)
}
