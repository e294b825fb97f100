//! How a session ends that never was one: refused, sent elsewhere, or left.

use std::io;
use std::time::{Duration, Instant};

use crate::handshake::{Reject, Request, server};
use crate::log;
use crate::sys::patience::Patience;
use crate::sys::slot::Slot;

use super::redirect;
use super::session::Session;

/// How long a refused client may take to read why.
const LINGER: Duration = Duration::from_secs(2);

impl Session<'_> {
    /// Ends without a request: the client went, or we have to. One that loses its place to another is
    /// told so.
    pub(super) fn leave(mut self) {
        if self.slot.is_some_and(Slot::is_cut) {
            return self.refuse(Reject::TooManyClients, None);
        }
        self.transport.close();
    }

    /// Sends a client of the redirecting port to the main one.
    pub(super) fn redirect(&mut self, request: &Request<'_>) {
        if let Err(reject) = server::admit(request, &self.config.policy, &self.peer.place()) {
            return self.refuse(reject, Some(request));
        }
        let scheme = self.config.scheme();
        let port = self.config.source.port();
        let extra = &self.config.headers.others;
        match redirect::response(request, scheme, port, extra) {
            Ok(response) => self.say_and_end(&response),
            Err(reject) => self.refuse(reject, Some(request)),
        }
    }

    /// Answers with a status and says so in the log.
    pub(super) fn refuse(&mut self, reject: Reject, request: Option<&Request<'_>>) {
        let mut response = Vec::new();
        let extra = &self.config.headers.others;
        match request {
            Some(request) if request.method() == "HEAD" => {
                reject.write_response_to_head(extra, &mut response);
            }
            _ => reject.write_response(extra, &mut response),
        }
        self.log_refusal(reject, request);
        self.say_and_end(&response);
    }

    /// Says in the log why a request is turned down.
    pub(super) fn log_refusal(&self, reject: Reject, request: Option<&Request<'_>>) {
        log::Refuse {
            peer: &self.peer.to_string(),
            status: reject.status(),
            path: request.map(Request::path),
            host: request.and_then(|request| request.header("host")),
            origin: request.and_then(|request| request.header("origin")),
            reason: &reject.to_string(),
            remedy: remedy(reject, request).as_deref(),
        }
        .write();
    }

    /// Writes a response and closes in order: what the client still sends is read until it has seen the
    /// end, lest a reset overtake the response.
    ///
    /// A call of its own: what it reads into would be a part of every session's stack.
    #[inline(never)]
    pub(super) fn say_and_end(&mut self, response: &[u8]) {
        let patience = Patience::until(Instant::now() + LINGER, &self.signals);
        let ended = self
            .transport
            .write_all(response, patience)
            .and_then(|()| self.transport.finish())
            .and_then(|()| self.transport.read_to_end(patience));
        drop::<io::Result<()>>(ended);
    }
}

/// The option that would allow such a request, with the value it would have to have.
fn remedy(reject: Reject, request: Option<&Request<'_>>) -> Option<String> {
    let option = reject.remedy()?;
    let value = if reject == Reject::Origin {
        request?.header("origin").map(String::from_utf8_lossy)
    } else if reject == Reject::Host {
        request?.host().map(|host| host.host.into())
    } else {
        None
    };
    Some(match value {
        Some(value) => format!("{option} {value}"),
        None => option.to_owned(),
    })
}
