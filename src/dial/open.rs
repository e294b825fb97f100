//! From an address to an open connection: socket, proxy, TLS, handshake, redirections.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::handshake::Header;
use crate::handshake::client::{ClientRequest, RequestError, Response, ResponseError};
use crate::sys::patience::Patience;
use crate::sys::signal::Signals;
use crate::transport::Transport;

use super::answer::Answer;
use super::config::Config;
use super::error::{Error, Refusal, Why, reason};
use super::resolve::resolve;
use super::say::Voice;
use super::url::Url;
use super::{connect, encryption};

/// Redirections that are followed, one after the other.
const MAX_REDIRECTS: usize = 5;

/// A connection whose handshake is done.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) transport: Transport,
    /// What came behind the answer: frames.
    pub(super) first: Vec<u8>,
    pub(super) protocol: Option<String>,
}

/// What a server says to a request.
enum Said {
    Granted(Box<Opened>),
    Moved(String),
}

/// One attempt to connect, and what it needs to know.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) config: &'a Config,
    pub(super) signals: &'a Signals,
    pub(super) encryption: &'a encryption::Encryption,
    /// Of the user, if there is one.
    pub(super) password: Option<&'a str>,
    pub(super) voice: Voice,
}

impl Attempt<'_> {
    /// Opens a connection, redirections followed, within the time there is for all of it.
    pub(super) fn open(&self) -> Result<Opened, Error> {
        let deadline = Instant::now() + self.config.timeout;
        let patience = Patience::until(deadline, self.signals);
        let mut url = self.config.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            match self.ask(&url, patience)? {
                Said::Granted(opened) => return Ok(*opened),
                Said::Moved(location) => {
                    let stays = |why| Error::Redirect {
                        to: location.clone(),
                        why,
                    };
                    let to = url
                        .join(&location)
                        .map_err(|_| stays("that is no address of a WebSocket server"))?;
                    if url.is_secure && !to.is_secure {
                        return Err(stays("that is not encrypted, and what we came from is"));
                    }
                    self.voice.detail(format_args!("redirected to {to}"));
                    url = to;
                }
            }
        }
        Err(Error::Redirect {
            to: url.to_string(),
            why: "that is one redirection too many",
        })
    }

    fn ask(&self, url: &Url, patience: Patience<'_>) -> Result<Said, Error> {
        let transport = self.reach(url, patience)?;
        let mut transport = self.secure(transport, url, patience)?;
        let request = self.request(url)?;
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        let from = url.to_string();
        let failed = |why| Error::Answer {
            from: from.clone(),
            why,
        };
        let is_none = |why: &str| failed(Why::lasting(why));
        let failed_by = |error: io::Error| Why::of_call(&error).map_or(Error::Stopped, failed);
        let written = transport.write_all(&bytes, patience);
        written.map_err(failed_by)?;
        let answer = Answer::read(&mut transport, patience).map_err(failed_by)?;
        let response = Response::parse(answer.head()).map_err(|it| is_none(&it.to_string()))?;
        let protocol = match request.judge(&response) {
            Ok(granted) => granted.protocol.map(str::to_owned),
            Err(ResponseError::Status(301 | 302 | 307 | 308)) => {
                let location = response.header("Location");
                let location = location.ok_or_else(|| is_none("a redirection to nowhere"))?;
                return Ok(Said::Moved(String::from_utf8_lossy(location).into_owned()));
            }
            Err(ResponseError::Status(status)) => {
                return Err(Error::Refused(Refusal {
                    from,
                    status,
                    line: answer.line_of_body(&response, &mut transport, self.signals),
                    retry_after: retry_after(&response),
                }));
            }
            Err(error) => return Err(is_none(&error.to_string())),
        };
        let first = answer.rest().to_vec();
        Ok(Said::Granted(Box::new(Opened {
            transport,
            first,
            protocol,
        })))
    }

    /// A stream to the server that is not encrypted yet.
    fn reach(&self, url: &Url, patience: Patience<'_>) -> Result<Transport, Error> {
        if let Some(path) = &self.config.unix {
            self.voice
                .detail(format_args!("connecting to {}", path.display()));
            let failed = |why| Error::Connect {
                to: path.display().to_string(),
                why,
            };
            return match connect::unix(path, patience) {
                Ok(socket) => Ok(Transport::plain(socket)),
                Err(error) => Err(reason(&error).map_or(Error::Stopped, failed)),
            };
        }
        let Some(proxy) = self.config.proxy.proxy(url)? else {
            let socket = self.dial(&url.host, url.port, patience)?;
            return Ok(Transport::plain(socket));
        };
        self.voice.detail(format_args!("by way of proxy {proxy}"));
        let mut transport = Transport::plain(self.dial(&proxy.host, proxy.port, patience)?);
        proxy.connect(url, &mut transport, patience)?;
        Ok(transport)
    }

    fn dial(&self, host: &str, port: u16, patience: Patience<'_>) -> Result<OwnedFd, Error> {
        let addresses = resolve(host, port, patience)?;
        let tried: Vec<_> = addresses.iter().map(|it| it.ip().to_string()).collect();
        let tried = tried.join(", ");
        self.voice
            .detail(format_args!("connecting to {host} port {port}: {tried}"));
        match connect::tcp(&addresses, patience) {
            Ok((socket, address)) => {
                self.voice.detail(format_args!("connected to {address}"));
                Ok(socket)
            }
            Err(error) => {
                let failed = |why| Error::Connect {
                    to: format!("{host} port {port} ({tried})"),
                    why,
                };
                Err(reason(&error).map_or(Error::Stopped, failed))
            }
        }
    }

    /// The same over TLS, if the address asks for it.
    fn secure(
        &self,
        transport: Transport,
        url: &Url,
        patience: Patience<'_>,
    ) -> Result<Transport, Error> {
        if !url.is_secure {
            return Ok(transport);
        }
        let transport = self.encryption.secure(transport, url, patience)?;
        #[cfg(feature = "tls")]
        if let Some(security) = transport.security() {
            self.voice.detail(format_args!("{}", security.version));
        }
        Ok(transport)
    }

    fn request(&self, url: &Url) -> Result<ClientRequest, Error> {
        let failed = |why: String| Error::Here {
            doing: format!("ask for {url}"),
            why,
        };
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| failed(error.to_string()))?;
        let config = self.config;
        let wrong = |error: RequestError| failed(error.to_string());
        let request = ClientRequest::new(&url.authority(), &url.resource, nonce).map_err(wrong)?;
        let request = request
            .with_protocols(config.protocols.clone())
            .map_err(wrong)?;
        let request = match &config.origin {
            Some(origin) => request.with_origin(origin).map_err(wrong)?,
            None => request,
        };
        let mut headers = config.headers.clone();
        // What was said to one server is not for another.
        let is_ours = url.is_beside(&config.url);
        if !is_ours {
            headers.retain(|header| !is_secret(header.name()));
        }
        let user = config.user.as_ref().filter(|_| is_ours);
        if let Some((user, password)) = user.zip(self.password) {
            let credentials = STANDARD.encode(format!("{user}:{password}"));
            let header = Header::new("Authorization", &format!("Basic {credentials}"));
            headers.push(header.map_err(|error| failed(error.to_string()))?);
        }
        Ok(request.with_headers(headers))
    }
}

/// Whether a header says who we are.
fn is_secret(name: &str) -> bool {
    name.eq_ignore_ascii_case("Authorization") || name.eq_ignore_ascii_case("Cookie")
}

/// In how many seconds it is worth trying again (RFC 9110 10.2.3); dates are not read.
fn retry_after(response: &Response<'_>) -> Option<Duration> {
    let seconds = std::str::from_utf8(response.header("Retry-After")?).ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
