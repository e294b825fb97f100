//! One end of a WebSocket over a stream: what it holds, and what can be asked of it.

use std::io::{Read, Write};

use crate::connection::{Connection, Fault, Limits};
use crate::frame::{Close, Kind, Role, Utf8};
use crate::handshake::client::Response;
use crate::handshake::{Reject, Request};

use super::error::{Error, Refusal};
use super::handshake::Handshake;
use super::inbound::Gathered;
use super::link::Link;
use super::options::Options;
use super::wait::Wait;

/// One end of a WebSocket over a blocking stream.
///
/// A [`Client`](super::Client), an [`Acceptor`](super::Acceptor) or a [`Server`](super::Server) makes
/// one. It holds a read buffer of 16 KiB, the message that is coming, and what did not leave in time.
/// Dropping it drops the stream without a Close, which the peer sees as 1006; end it with
/// [`close`](Self::close).
///
/// Pings are answered while something is received. As with any pair of blocking ends, two that both
/// send without receiving wait for each other once the buffers between them are full: receive in time,
/// or send with a deadline.
#[derive(Debug)]
pub struct WebSocket<S> {
    pub(super) link: Link<S>,
    pub(super) role: Role,
    pub(super) options: Options,
    pub(super) connection: Connection,
    /// `None` once it is done.
    handshake: Option<Box<Handshake>>,
    head: Vec<u8>,
    protocol: Option<String>,
    pub(super) gathered: Gathered,
    /// The message of ours that has begun and not ended.
    pub(super) speaking: Option<(Kind, Utf8)>,
    failure: Option<Failure>,
}

/// Where a [`WebSocket`] is in its life: RFC 6455 4.1, 7.1.3, 7.1.4.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// The opening handshake is not done.
    Connecting,
    /// Both ends may speak.
    Open,
    /// One end has closed; the other has still to.
    Closing,
    /// Both have closed, or the connection has failed.
    Closed,
}

/// How it failed; the same error for every call from then on.
#[derive(Clone, Debug)]
enum Failure {
    Fault(Fault),
    Lost,
    Refused(Box<Refusal>),
    Rejected(Reject),
}

impl Failure {
    fn error(&self) -> Error {
        match self {
            Self::Fault(fault) => Error::Fault(*fault),
            Self::Lost => Error::Lost,
            Self::Refused(refusal) => Error::Refused(refusal.clone()),
            Self::Rejected(reject) => Error::Rejected(*reject),
        }
    }
}

impl<S> WebSocket<S> {
    /// A WebSocket over a stream on which the handshake has been done by somebody else, who has read
    /// `received` behind it: the first frames, or nothing.
    ///
    /// ```
    /// use std::os::unix::net::UnixStream;
    /// use websockd::blocking::{Options, WebSocket};
    /// use websockd::frame::Role;
    ///
    /// let (here, there) = UnixStream::pair()?;
    /// let mut client = WebSocket::without_handshake(here, Role::Client, &[], &Options::new());
    /// let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    /// client.send("no HTTP")?;
    /// assert_eq!(server.recv()?.as_deref(), Some(&b"no HTTP"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn without_handshake(stream: S, role: Role, received: &[u8], options: &Options) -> Self {
        Self::new(Link::new(stream, received), role, options, None)
    }

    pub(super) fn connecting(
        stream: S,
        role: Role,
        received: &[u8],
        options: &Options,
        begin: impl FnOnce(&mut Link<S>) -> Handshake,
    ) -> Self {
        let mut link = Link::new(stream, received);
        let handshake = begin(&mut link);
        Self::new(link, role, options, Some(Box::new(handshake)))
    }

    fn new(
        link: Link<S>,
        role: Role,
        options: &Options,
        handshake: Option<Box<Handshake>>,
    ) -> Self {
        let max_message_len = options.limit();
        Self {
            link,
            role,
            options: *options,
            connection: Connection::new(role, Limits { max_message_len }),
            handshake,
            head: Vec::new(),
            protocol: None,
            gathered: Gathered::default(),
            speaking: None,
            failure: None,
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        if self.failure.is_some() {
            State::Closed
        } else if self.handshake.is_some() {
            State::Connecting
        } else if self.connection.can_send() && self.connection.can_receive() {
            State::Open
        } else if self.connection.is_closed() && self.link.has_room() {
            State::Closed
        } else {
            State::Closing
        }
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The subprotocol agreed upon, after the handshake.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// What the client asked for: at a server, after the handshake. Read anew with each call.
    pub fn request(&self) -> Option<Request<'_>> {
        let is_server = self.role == Role::Server;
        is_server.then(|| Request::parse(&self.head).ok()).flatten()
    }

    /// What the server answered: at a client, after the handshake. Read anew with each call.
    pub fn response(&self) -> Option<Response<'_>> {
        let is_client = self.role == Role::Client;
        is_client
            .then(|| Response::parse(&self.head).ok())
            .flatten()
    }

    /// What the peer's Close said; `None` until one has come.
    pub fn peer_close(&self) -> Option<Close<'_>> {
        self.connection.peer_close()
    }

    /// Whether all that was sent has been handed to the stream; it always has after a call without
    /// deadline.
    pub fn is_flushed(&self) -> bool {
        self.link.is_flushed()
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        self.link.stream()
    }

    /// The stream, for its settings. What is read from it or written to it is missing here, or breaks
    /// a frame.
    pub fn stream_mut(&mut self) -> &mut S {
        self.link.stream_mut()
    }

    /// Ends it here and now, without a word to the peer, and gives back the stream, at whatever byte it
    /// may stand.
    pub fn force_close(self) -> S {
        self.link.into_parts().0
    }

    /// Remembers what every later call is told.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.failure = match &error {
            Error::Fault(fault) => Some(Failure::Fault(*fault)),
            Error::Io(_) | Error::Lost => Some(Failure::Lost),
            Error::Refused(refusal) => Some(Failure::Refused(refusal.clone())),
            Error::Rejected(reject) => Some(Failure::Rejected(*reject)),
            Error::BufferTooSmall(_)
            | Error::Closed
            | Error::Misuse(_)
            | Error::OtherKind(_)
            | Error::Random(_)
            | Error::Request(_)
            | Error::TimedOut => None,
        };
        error
    }

    /// A masking key, if this end masks.
    pub(super) fn draw_key(&self) -> Result<[u8; 4], Error> {
        match self.role {
            Role::Client => self.options.draw().map_err(Error::Random),
            Role::Server => Ok([0; 4]),
        }
    }
}

impl<S: Read + Write> WebSocket<S> {
    /// Does the opening handshake, or what is left of it. Every other call does the same first.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] at a client, [`Error::Rejected`] at a server: the answer that says so has been
    /// received or sent; [`Error::Lost`], [`Error::Io`].
    pub fn handshake(&mut self) -> Result<(), Error> {
        self.handshake_within(&mut Wait::for_ever())
    }

    pub(super) fn handshake_within(&mut self, wait: &mut Wait<S>) -> Result<(), Error> {
        self.settle(wait)?;
        self.speak_up(wait)
    }

    /// Sees to it that the handshake is done.
    pub(super) fn settle(&mut self, wait: &mut Wait<S>) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.error());
        }
        let Some(handshake) = &mut self.handshake else {
            return Ok(());
        };
        let agreed = handshake.go_on(&mut self.link, wait);
        let agreed = agreed.map_err(|error| self.fail(error))?;
        self.head = agreed.head;
        self.protocol = agreed.protocol;
        self.handshake = None;
        Ok(())
    }
}
