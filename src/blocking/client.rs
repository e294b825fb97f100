//! The client's end: what to ask for.

use std::io::{Read, Write};
use std::time::Instant;

use crate::frame::{Kind, Role};
use crate::handshake::Header;
use crate::handshake::client::ClientRequest;

use super::handshake::Handshake;
use super::{Deadline, Error, Options, WebSocket};

/// What a client asks for; attach it to as many streams as you like.
///
/// ```
/// use websockd::blocking::Client;
/// use websockd::frame::Kind;
/// use websockd::handshake::Header;
///
/// let client = Client::new("example.com", "/chat?room=1")
///     .protocol("chat.v2")
///     .protocol("chat.v1")
///     .header(Header::new("Cookie", "session=4711")?)
///     .kind(Kind::Binary);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    host: String,
    resource: String,
    origin: Option<String>,
    protocols: Vec<String>,
    headers: Vec<Header>,
    options: Options,
}

impl Client {
    /// A client of `host`, a name or address with its port unless that is the scheme's own, that asks
    /// for `resource`: an absolute path with its query, percent-encoded. Both are looked at when the
    /// client is attached.
    pub fn new(host: &str, resource: &str) -> Self {
        Self {
            host: host.to_owned(),
            resource: resource.to_owned(),
            origin: None,
            protocols: Vec::new(),
            headers: Vec::new(),
            options: Options::new(),
        }
    }

    /// Says that it comes from a page of this origin, as browsers do and others need not.
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// Offers a subprotocol, less preferred than those before it.
    pub fn protocol(mut self, name: &str) -> Self {
        self.protocols.push(name.to_owned());
        self
    }

    /// Adds a header line to the request.
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
    /// [`Error::Request`] and [`Error::Random`] as [`start`](Self::start); [`Error::Refused`] with the
    /// server's answer; [`Error::Lost`], [`Error::Io`].
    pub fn attach<S: Read + Write>(&self, stream: S) -> Result<WebSocket<S>, Error> {
        let mut socket = self.start(stream)?;
        socket.handshake()?;
        Ok(socket)
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
        let mut socket = self.start(stream)?;
        socket.handshake_until(deadline)?;
        Ok(socket)
    }

    /// A WebSocket in [`State::Connecting`](super::State::Connecting): nothing is sent yet. The first
    /// call on it, or [`WebSocket::handshake`], does the handshake.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if the request cannot be written, [`Error::Random`].
    pub fn start<S>(&self, stream: S) -> Result<WebSocket<S>, Error> {
        let nonce = self.options.draw().map_err(Error::Random)?;
        let mut request = ClientRequest::new(&self.host, &self.resource, nonce)?
            .with_protocols(self.protocols.clone())?
            .with_headers(self.headers.clone());
        if let Some(origin) = &self.origin {
            request = request.with_origin(origin)?;
        }
        Ok(WebSocket::connecting(
            stream,
            Role::Client,
            &[],
            &self.options,
            |link| Handshake::client(request, link),
        ))
    }
}
