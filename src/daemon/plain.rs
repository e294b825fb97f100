//! Requests that ask for no upgrade, one after the other on a connection.
//!
//! What answers is looked for in one order: a script, a file, the console.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::handshake::server;
use crate::handshake::{Reject, Request};
use crate::log;
use crate::site::body;
use crate::site::console;
use crate::site::files::Files;
use crate::site::response::{Body, Response};
use crate::site::tree::Programs;
use crate::sys::patience::Patience;

use super::config::{Config, Services};
use super::environment::Place;
use super::gateway::{self, End, FOR_EVER, Lent};
use super::request::{Head, Next};
use super::route;
use super::service::{Executable, Service};
use super::session::Session;

/// Requests that one connection may bring.
const MAX_REQUESTS: usize = 100;

/// How often a script may answer with the answer to another request.
const MAX_HOPS: usize = 10;

/// How long a connection may wait for its next request, since it takes one of the places that
/// `--max-clients` counts.
const IDLE: Duration = Duration::from_secs(5);

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
        let keeps = count < MAX_REQUESTS && request.is_persistent();
        let mut received = head.rest().to_vec();
        if self.respond(request, &mut received, keeps, 0) {
            self.wait_for_next(received)
        } else {
            None
        }
    }

    /// Answers a request, `received` being what has come behind its head; whether another may follow.
    fn respond(
        &mut self,
        request: &Request<'_>,
        received: &mut Vec<u8>,
        keeps: bool,
        hops: usize,
    ) -> bool {
        match find(self.config, request) {
            Ok(Found::Script(program, place)) => {
                match self.run(request, &program, &place, received, keeps) {
                    End::Answered(answered) => {
                        self.log_request(request, answered.status, answered.bytes);
                        if keeps && answered.may_keep {
                            return true;
                        }
                        self.say_and_end(b"");
                    }
                    End::Failed(reject) => drop(self.decline(reject, request, false)),
                    End::Local(path) => return self.go_to(&path, request, received, keeps, hops),
                    End::Torn(answered) => {
                        self.log_request(request, answered.status, answered.bytes);
                    }
                    End::Broken => {}
                }
                false
            }
            // A body that nobody reads would be taken for the next request.
            Ok(Found::Response(response)) => {
                self.conclude(request, response, keeps && !request.has_body())
            }
            Err(Reject::NotUpgrade) => {
                self.refuse(Reject::NotUpgrade, Some(request));
                false
            }
            Err(reject) => self.decline(reject, request, keeps && !request.has_body()),
        }
    }

    /// Runs a script for a request.
    fn run(
        &mut self,
        request: &Request<'_>,
        program: &Executable,
        place: &Place,
        received: &mut Vec<u8>,
        keeps: bool,
    ) -> End {
        let max = self.config.max_message;
        if body::len_of(request).is_some_and(|len| max.is_some_and(|max| len > max)) {
            return End::Failed(Reject::BodyTooLong);
        }
        let Ok(body) = body::Body::of(request) else {
            return End::Failed(Reject::BodyLength);
        };
        self.look_up_name(request);
        let standing = &self.template.environment;
        let variables = standing.and_of(&self.peer, request, place, None);
        let reset = self.signals.ignored();
        let service = Service::start(self.template, program, &variables, reset, self.slot);
        let service = match service {
            Ok(service) => service,
            Err(error) => {
                log::error(&error);
                return End::Failed(Reject::SpawnFailed);
            }
        };
        let lent = Lent {
            transport: &mut self.transport,
            signals: &self.signals,
            config: self.config,
            received,
        };
        let end = gateway::exchange(lent, service, request, body, keeps);
        if let Some(slot) = self.slot {
            slot.clear();
        }
        end
    }

    /// RFC 3875 6.2.2: answers as if `path` had been asked for, in a way that the client understands.
    fn go_to(
        &mut self,
        path: &str,
        request: &Request<'_>,
        received: &mut Vec<u8>,
        keeps: bool,
        hops: usize,
    ) -> bool {
        if hops == MAX_HOPS {
            log::error("a CGI script is of no use: it sends in circles");
            return self.decline(Reject::ScriptFailed, request, false);
        }
        let method = match request.method() {
            "HEAD" => "HEAD",
            _ => "GET",
        };
        let version = request.version();
        let mut head = format!("{method} {path} {version}\r\n").into_bytes();
        for (name, value) in request.headers() {
            if !is_of_first_request(name) {
                head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        if let (Some(it), None) = (request.host(), request.header("Host")) {
            let port = it.port.map_or_else(String::new, |port| format!(":{port}"));
            head.extend_from_slice(format!("Host: {}{port}\r\n", it.host).as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        let keeps = keeps && !request.has_body();
        match Request::parse(&head) {
            Ok(request) => self.respond(&request, received, keeps, hops + 1),
            Err(reject) => {
                log::error(format!(
                    "a CGI script is of no use: its Location leads nowhere: {reject}"
                ));
                self.decline(Reject::ScriptFailed, request, false)
            }
        }
    }

    /// Says why a request is turned down; whether another may follow.
    fn decline(&mut self, reject: Reject, request: &Request<'_>, keeps: bool) -> bool {
        self.log_refusal(reject, Some(request));
        self.conclude(request, Response::refusal(reject), keeps)
    }

    /// Sends a response; whether another request may follow.
    fn conclude(&mut self, request: &Request<'_>, response: Response, keeps: bool) -> bool {
        let is_sent = self.send(request, response, keeps).is_ok();
        if is_sent && !keeps {
            self.say_and_end(b"");
        }
        is_sent && keeps
    }

    fn log_request(&self, request: &Request<'_>, status: u16, bytes: u64) {
        log::Request {
            peer: &self.peer.to_string(),
            method: request.method(),
            path: request.path(),
            status,
            bytes,
        }
        .write();
    }

    /// Sends a response. Every plain one but the refusals that end a connection passes here.
    fn send(&mut self, request: &Request<'_>, response: Response, keeps: bool) -> io::Result<()> {
        let is_head = request.method() == "HEAD";
        let len = response.body_len().filter(|_| !is_head).unwrap_or(0);
        self.log_request(request, response.status(), len);
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
enum Found {
    Script(Executable, Place),
    Response(Response),
}

/// Finds what answers a request.
fn find(config: &Config, request: &Request<'_>) -> Result<Found, Reject> {
    let files = config.static_dir.as_deref();
    if let Some(dir) = &config.cgi_dir {
        match route::find_script(dir, files, request.path()) {
            Err(Reject::NotFound) => {}
            found => return found.map(|(program, place)| Found::Script(program, place)),
        }
    }
    let found = match files {
        Some(dir) => self::files(config, dir).answer(request),
        None if config.cgi_dir.is_some() => Err(Reject::NotFound),
        None => Err(Reject::NotUpgrade),
    };
    let is_alone = config.static_dir.is_none() && config.cgi_dir.is_none();
    let is_console = config.console && (is_alone || request.path() == "/");
    match found {
        Err(Reject::NotUpgrade | Reject::NotFound) if is_console => {
            if !matches!(request.method(), "GET" | "HEAD") {
                return Err(Reject::Method);
            }
            Ok(Found::Response(console::response()))
        }
        found => found.map(Found::Response),
    }
}

/// Whether a header is about the body or the conditions of the request that a script answered with
/// another.
fn is_of_first_request(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "content-length",
        "content-type",
        "expect",
        "range",
        "transfer-encoding",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || name.starts_with("if-")
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
            dirs: [programs, config.cgi_dir.as_deref()],
            program,
        },
    }
}
