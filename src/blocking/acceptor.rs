//! The server's end: what to grant.

use std::io::{Read, Write};
use std::time::Instant;

use crate::frame::{Kind, Role};
use crate::handshake::Header;
use crate::handshake::server::{Place, Policy};

use super::handshake::Handshake;
use super::{Deadline, Error, Options, WebSocket};

/// What a server grants; attach it to as many streams as you like.
///
/// ```
/// use websockd::blocking::Acceptor;
/// use websockd::handshake::server::{Origins, Policy};
///
/// let acceptor = Acceptor::new().policy(Policy {
///     origins: Origins::Listed(vec!["https://example.com".to_owned()]),
///     protocols: vec!["chat.v2".to_owned()],
///     ..Policy::default()
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acceptor {
    policy: Policy,
    place: Place,
    headers: Vec<Header>,
    options: Options,
}

impl Acceptor {
    /// Clients that are no browsers, and pages of the same origin; no subprotocols.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who may connect, and which subprotocols are spoken.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether streams are TLS or come over loopback, which the policy's same origin and local hosts
    /// depend on: neither. A [`Server`](super::Server) finds out about loopback itself.
    pub fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Adds a header line to the response.
    pub fn header(mut self, header: Header) -> Self {
        self.headers.push(header);
        self
    }

    /// Takes and sends messages of this kind: see [`Options::kind`].
    pub fn kind(mut self, kind: Kind) -> Self {
        self.options = self.options.kind(kind);
        self
    }

    /// Replaces all settings that have nothing to do with the handshake.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Joins a WebSocket to `stream`, handshake included.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the request was turned down, with an HTTP status that has been sent;
    /// [`Error::Lost`], [`Error::Io`].
    pub fn attach<S: Read + Write>(&self, stream: S) -> Result<WebSocket<S>, Error> {
        self.attach_received(stream, &[])
    }

    /// [`attach`](Self::attach) until a deadline, at which the stream is dropped. To try on, use
    /// [`start`](Self::start) and [`WebSocket::handshake_until`].
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), and [`Error::TimedOut`].
    pub fn attach_until<S: Read + Write + Deadline>(
        &self,
        stream: S,
        deadline: impl Into<Option<Instant>>,
    ) -> Result<WebSocket<S>, Error> {
        let mut socket = self.start(stream, &[]);
        socket.handshake_until(deadline)?;
        Ok(socket)
    }

    /// Joins a WebSocket to a stream of which an HTTP server has read `received`: from the first byte
    /// of the request on, and whatever came behind it, as much as there is.
    ///
    /// ```
    /// use std::io::{self, Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use websockd::blocking::Acceptor;
    ///
    /// let (mut client, mut server) = UnixStream::pair()?;
    /// client.write_all(b"GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    ///     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    ///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\0\0\0\0hi")?;
    ///
    /// let mut received = [0; 1024]; // the HTTP server looks at it, and finds it is not for itself
    /// let len = server.read(&mut received)?;
    /// let mut socket = Acceptor::new().attach_received(server, &received[..len])?;
    /// assert_eq!(socket.request().map(|request| request.path()), Some("/chat"));
    /// assert_eq!(socket.recv()?.as_deref(), Some(&b"hi"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub fn attach_received<S: Read + Write>(
        &self,
        stream: S,
        received: &[u8],
    ) -> Result<WebSocket<S>, Error> {
        let mut socket = self.start(stream, received);
        socket.handshake()?;
        Ok(socket)
    }

    /// A WebSocket in [`State::Connecting`](super::State::Connecting), over a stream of which `received`
    /// has been read. The first call on it, or [`WebSocket::handshake`], does the handshake.
    pub fn start<S>(&self, stream: S, received: &[u8]) -> WebSocket<S> {
        WebSocket::connecting(stream, Role::Server, received, &self.options, |_| {
            Handshake::server(self.clone())
        })
    }

    pub(super) fn own_policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn own_place(&self) -> &Place {
        &self.place
    }

    pub(super) fn own_headers(&self) -> &[Header] {
        &self.headers
    }
}
