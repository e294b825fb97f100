//! The opening handshake over a stream, which may be interrupted at any byte and gone on with.

use std::io::{Read, Write};

use crate::handshake::client::{ClientRequest, Response};
use crate::handshake::head::HeadScanner;
use crate::handshake::server::judge;
use crate::handshake::{Reject, Request};

use super::acceptor::Acceptor;
use super::error::{Error, Refusal};
use super::link::Link;
use super::wait::Wait;

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    side: Side,
    scanner: HeadScanner,
    /// All that came so far.
    received: Vec<u8>,
}

#[derive(Debug)]
enum Side {
    Client(ClientRequest),
    Server(Acceptor),
}

/// What a handshake has led to.
#[derive(Debug)]
pub(super) struct Agreed {
    /// The peer's request or response.
    pub(super) head: Vec<u8>,
    pub(super) protocol: Option<String>,
}

impl Handshake {
    /// Queues the request.
    pub(super) fn client<S>(request: ClientRequest, link: &mut Link<S>) -> Self {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        link.queue(&bytes);
        Self::new(Side::Client(request))
    }

    pub(super) fn server(acceptor: Acceptor) -> Self {
        Self::new(Side::Server(acceptor))
    }

    fn new(side: Side) -> Self {
        Self {
            side,
            scanner: HeadScanner::new(),
            received: Vec::new(),
        }
    }

    /// Goes on to the end. Of a granted one the answer waits in `link`, and so does what came behind
    /// the head.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]: call again. All others end it.
    pub(super) fn go_on<S: Read + Write>(
        &mut self,
        link: &mut Link<S>,
        wait: &mut Wait<S>,
    ) -> Result<Agreed, Error> {
        loop {
            link.flush(wait)?;
            let head = self.read_head(link, wait)?;
            match &self.side {
                Side::Client(request) => {
                    let response = Response::parse(&head);
                    if response.as_ref().is_ok_and(Response::is_interim) {
                        self.scanner = HeadScanner::new();
                        continue;
                    }
                    let granted = response.and_then(|response| {
                        let granted = request.judge(&response)?;
                        Ok(granted.protocol.map(str::to_owned))
                    });
                    return match granted {
                        Ok(protocol) => Ok(Agreed { head, protocol }),
                        Err(error) => Err(Error::Refused(Box::new(Refusal::new(error, head)))),
                    };
                }
                Side::Server(acceptor) => {
                    return match answer(acceptor, &head, link) {
                        Ok(protocol) => Ok(Agreed { head, protocol }),
                        Err(reject) => Err(turn_down(reject, link, wait)),
                    };
                }
            }
        }
    }

    /// Reads up to the end of the head, which is taken; what follows it stays in `link`.
    fn read_head<S: Read + Write>(
        &mut self,
        link: &mut Link<S>,
        wait: &mut Wait<S>,
    ) -> Result<Vec<u8>, Error> {
        loop {
            self.received.extend_from_slice(link.unread());
            match self.scanner.scan(&self.received) {
                Ok(Some(len)) => {
                    // The head ends among the bytes that are new, and what follows is left there.
                    link.take_all_but(self.received.len().saturating_sub(len));
                    self.received.truncate(len);
                    return Ok(std::mem::take(&mut self.received));
                }
                Ok(None) => link.take_all_but(0),
                Err(error) => {
                    return Err(match self.side {
                        Side::Client(_) => {
                            Error::Refused(Box::new(Refusal::new(error.into(), Vec::new())))
                        }
                        Side::Server(_) => turn_down(error.into(), link, wait),
                    });
                }
            }
            if !link.fill(wait)? {
                return Err(Error::Lost);
            }
        }
    }
}

/// Queues the 101, if the request deserves it.
fn answer<S>(
    acceptor: &Acceptor,
    head: &[u8],
    link: &mut Link<S>,
) -> Result<Option<String>, Reject> {
    let request = Request::parse(head)?;
    let upgrade = judge(&request, acceptor.own_policy(), acceptor.own_place())?;
    let mut bytes = Vec::new();
    upgrade.write_response(acceptor.own_headers(), &mut bytes);
    link.queue(&bytes);
    Ok(upgrade.protocol().map(str::to_owned))
}

/// Says why not, as far as there is time.
fn turn_down<S: Read + Write>(reject: Reject, link: &mut Link<S>, wait: &mut Wait<S>) -> Error {
    let mut bytes = Vec::new();
    reject.write_response(&[], &mut bytes);
    link.queue(&bytes);
    // The reject is the news; that it could not be told either adds nothing.
    let _untold = link.flush(wait);
    Error::Rejected(reject)
}
