//! Requests that ask for no upgrade, one after the other on a connection.
//!
//! What answers is looked for in one order: a file, the console.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::handshake::server;
use crate::handshake::{Reject, Request};
use crate::log;
use crate::site::console;
use crate::site::files::Files;
use crate::site::response::{Body, Response};
use crate::site::tree::Programs;
use crate::sys::patience::Patience;

use super::config::{Config, Services};
use super::request::{Head, Next};
use super::session::Session;

/// Requests that one connection may bring.
const MAX_REQUESTS: usize = 100;

/// How long a connection may wait for its next request, since it takes one of the places that
/// `--max-clients` counts.
const IDLE: Duration = Duration::from_secs(5);

/// Where no limit is set: far beyond the life of any connection.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What is sent at a time where one system call might take long.
const CHUNK_LEN: u64 = 1 << 20;

impl Session<'_> {
    /// Answers the connection's `count`th request; the next one's beginning, if there is one.
    pub(super) fn answer_plain(
        &mut self,
        request: &Request<'_>,
        head: &Head,
        count: usize,
    ) -> Option<Next> {
        if let Err(reject) = server::admit(request, &self.config.policy, &self.peer.place()) {
            self.refuse(reject, Some(request));
            return None;
        }
        if self.slot.is_some_and(|slot| !slot.leave_handshake()) {
            self.refuse(Reject::TooManyClients, Some(request));
            return None;
        }
        // A body that nobody reads would be taken for the next request.
        let keeps = count < MAX_REQUESTS && request.is_persistent() && !request.has_body();
        let response = match find(self.config, request) {
            Ok(response) => response,
            Err(Reject::NotUpgrade) => {
                self.refuse(Reject::NotUpgrade, Some(request));
                return None;
            }
            Err(reject) => {
                self.log_refusal(reject, Some(request));
                Response::refusal(reject)
            }
        };
        self.send(request, response, keeps).ok()?;
        if !keeps {
            self.say_and_end(b"");
            return None;
        }
        self.wait_for_next(head.rest().to_vec())
    }

    /// Sends a response. Every plain one but the refusals that end a connection passes here.
    fn send(&mut self, request: &Request<'_>, response: Response, keeps: bool) -> io::Result<()> {
        let is_head = request.method() == "HEAD";
        log::Request {
            peer: &self.peer.to_string(),
            method: request.method(),
            path: request.path(),
            status: response.status(),
            bytes: response.body_len().filter(|_| !is_head).unwrap_or(0),
        }
        .write();
        let mut bytes = Vec::new();
        response.write_head(keeps, &self.config.headers.others, &mut bytes);
        match response.into_body() {
            _ if is_head => self.write(&bytes),
            Body::None => self.write(&bytes),
            Body::Bytes(body) => {
                bytes.extend_from_slice(&body);
                self.write(&bytes)
            }
            Body::File { file, from, len } => {
                self.write(&bytes)?;
                self.send_file(&file, from, len)
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let patience = Patience::until(self.progress_deadline(), &self.signals);
        self.transport.write_all(bytes, patience)
    }

    /// Sends a part of a file, which goes from the kernel to the kernel where nothing is encrypted.
    fn send_file(&mut self, file: &OwnedFd, from: u64, len: u64) -> io::Result<()> {
        let end = from + len;
        let mut at = from;
        let mut deadline = self.progress_deadline();
        while at < end || self.transport.is_pending() {
            let outcome = match end - at {
                0 => self.transport.flush().map(|_| 0),
                left => match self.transport.send_file(file, at, left.min(CHUNK_LEN)) {
                    // It has become shorter than we have said.
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    outcome => outcome,
                },
            };
            match outcome {
                Ok(count) => {
                    at += count;
                    deadline = self.progress_deadline();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let patience = Patience::until(deadline, &self.signals);
                    patience.wait(&self.transport, PollFlags::POLLOUT)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Until when the client has to have taken something.
    fn progress_deadline(&self) -> Instant {
        Instant::now() + self.config.write_timeout.unwrap_or(FOR_EVER)
    }

    /// Waits for the next request's first byte; `None`: there is none.
    fn wait_for_next(&mut self, received: Vec<u8>) -> Option<Next> {
        if let Some(slot) = self.slot {
            slot.return_to_handshake();
        }
        let patience = Patience::until(Instant::now() + IDLE, &self.signals);
        Next::wait(&mut self.transport, received, patience)
    }
}

/// What answers a request.
fn find(config: &Config, request: &Request<'_>) -> Result<Response, Reject> {
    let found = match &config.static_dir {
        Some(dir) => files(config, dir).answer(request),
        None => Err(Reject::NotUpgrade),
    };
    let is_console = config.console && (config.static_dir.is_none() || request.path() == "/");
    match found {
        Err(Reject::NotUpgrade | Reject::NotFound) if is_console => {
            if matches!(request.method(), "GET" | "HEAD") {
                Ok(console::response())
            } else {
                Err(Reject::Method)
            }
        }
        found => found,
    }
}

fn files<'c>(config: &'c Config, dir: &'c std::path::Path) -> Files<'c> {
    let (program, programs) = match &config.services {
        Services::Program(program) => (Some(program.path.as_path()), None),
        Services::Dir(dir) => (None, Some(dir.as_path())),
        Services::None => (None, None),
    };
    Files {
        dir,
        lists: config.list,
        programs: Programs {
            dirs: [programs, None],
            program,
        },
    }
}
