//! One client from accept to exit: handshake, service, relay, in that order.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::connection::{Connection, Limits};
use crate::frame::Role;
use crate::handshake::server::{self, Upgrade};
use crate::handshake::{Reject, Request};
use crate::log::{self, Traffic};
use crate::sys::patience::Patience;
use crate::sys::sandbox::Sandbox;
use crate::sys::signal::Signals;
use crate::sys::slot::Slot;
use crate::sys::{child, fd};
#[cfg(feature = "tls")]
use crate::transport::HandshakeEnd;
use crate::transport::Transport;

use super::config::Config;
use super::peer::Peer;
use super::proxy;
use super::relay::{Far, Keys, Outcome, Relay};
use super::request::{Head, HeadEnd, Next};
use super::route;
use super::scope;
use super::service::{Service, Template};
use super::status::Status;

/// How long the client's name is looked for. A resolver that gets no answer would take longer.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// A client that was accepted, and what was decided of it then.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    pub(super) peer: Peer,
    /// Why it gets no session, whatever it asks for.
    pub(super) refusal: Option<Reject>,
    /// Where its service is noted for the listener; `None`: there is no listener.
    pub(super) slot: Option<Slot>,
}

/// Serves one client to its end, the part behind the handshake in a `sandbox`, if there is one.
pub(super) fn serve(
    client: Box<Client>,
    template: &Template<'_>,
    signals: Signals,
    sandbox: Option<Sandbox>,
) -> io::Result<()> {
    if let Some(conversation) = shake_hands(client, template, signals)? {
        conversation.hold(sandbox);
    }
    Ok(())
}

/// Comes to a conversation with the client, or refuses it. What that took is given back when this
/// returns, its part of the stack, too: a client may stay for days.
#[inline(never)]
fn shake_hands(
    client: Box<Client>,
    template: &Template<'_>,
    mut signals: Signals,
) -> io::Result<Option<Conversation>> {
    let accepted = Instant::now();
    let config = template.config;
    let status = Status {
        peer: client.peer.to_string(),
        accepted,
    };
    signals.answer_by(move || status.log("handshake", Traffic::default(), Traffic::default()));
    child::adopt_orphans()?;
    if client.peer.is_tcp() {
        // A connection that has ended in the meantime refuses; that shows at the first read.
        let _ended = fd::set_nodelay(&client.socket);
    }
    let is_redirected = config
        .redirect_port
        .is_some_and(|port| client.peer.came_to(port));
    let deadline = accepted + config.handshake_timeout;
    let patience = Patience::until(deadline, &signals);
    let introduced = proxy::introduction(&client.peer, &client.socket, config, patience);
    // Who is to be told what is wrong with that does not speak TLS yet.
    let is_plain = is_redirected || introduced.is_err();
    let acceptor = config.tls.as_ref().filter(|_| !is_plain);
    let mut session = Session {
        template,
        config,
        peer: client.peer,
        transport: Transport::accept(client.socket, acceptor)?,
        signals,
        slot: client.slot,
    };
    match introduced {
        Ok(told) => session.peer.note_told(told),
        Err(HeadEnd::Rejected(reject)) => {
            session.refuse(reject, None);
            return Ok(None);
        }
        Err(HeadEnd::Left) => {
            session.leave();
            return Ok(None);
        }
    }
    match session.secure(deadline) {
        Some(session) => session.converse(client.refusal, is_redirected, accepted),
        None => Ok(None),
    }
}

/// A client and a service that are joined.
struct Conversation {
    relay: Box<Relay>,
    peer: String,
    accepted: Instant,
    /// Leads the service's process group.
    service: Pid,
    slot: Option<Slot>,
}

impl Conversation {
    /// Moves bytes until both sides are done.
    fn hold(self, sandbox: Option<Sandbox>) {
        // All that is needed is open: the descriptors, the event queue, the system log.
        for lack in sandbox.map_or_else(Vec::new, |it| it.enter(self.service)) {
            log::sandbox_lacks(lack.what, &lack.why);
        }
        match self.relay.run() {
            Ok(outcome) => {
                log_close(&self.peer, self.accepted, &outcome);
                if let Some(slot) = self.slot {
                    slot.clear();
                }
            }
            Err(error) => cannot_relay(&error),
        }
    }
}

/// The listener ends the service.
fn cannot_relay(error: &io::Error) {
    log::error(format!("cannot relay: {error}"));
}

/// One client's connection, and what serves it.
pub(super) struct Session<'c> {
    pub(super) template: &'c Template<'c>,
    pub(super) config: &'c Config,
    pub(super) peer: Peer,
    pub(super) transport: Transport,
    pub(super) signals: Signals,
    pub(super) slot: Option<Slot>,
}

impl Session<'_> {
    /// Reads requests and answers them: plain ones, and at last one that asks for a session.
    fn converse(
        mut self,
        refusal: Option<Reject>,
        is_redirected: bool,
        accepted: Instant,
    ) -> io::Result<Option<Conversation>> {
        // A proxy that we trust may speak for another client each time.
        let is_proxy = self.peer.is_one_of(&self.config.trust_proxy);
        let proxy = is_proxy.then(|| self.peer.clone());
        let mut next = Next {
            received: Vec::new(),
            began: accepted,
        };
        for count in 1.. {
            let began = next.began;
            let patience = Patience::until(began + self.config.handshake_timeout, &self.signals);
            let head = match Head::read(&mut self.transport, next.received, patience) {
                Ok(head) => head,
                Err(HeadEnd::Rejected(reject)) => return self.turn_down(reject, None),
                Err(HeadEnd::Left) => {
                    self.leave();
                    return Ok(None);
                }
            };
            if let Some(proxy) = proxy.as_ref().filter(|_| count > 1) {
                self.peer.clone_from(proxy);
            }
            let request = Request::parse(head.bytes());
            let request = request.and_then(|it| self.note_forwarded(&it).map(|()| it));
            let request = match request {
                Ok(request) => request,
                Err(reject) => return self.turn_down(reject, None),
            };
            scope::begin(&self.peer, &request);
            if is_redirected {
                self.redirect(&request);
                return Ok(None);
            }
            if let Some(reject) = refusal {
                return self.turn_down(reject, Some(&request));
            }
            if request.wants_upgrade() {
                return self.answer(&request, &head, began);
            }
            match self.answer_plain(&request, &head, count) {
                Some(followed) => next = followed,
                None => break,
            }
        }
        self.transport.close();
        Ok(None)
    }

    fn turn_down(
        mut self,
        reject: Reject,
        request: Option<&Request<'_>>,
    ) -> io::Result<Option<Conversation>> {
        self.refuse(reject, request);
        Ok(None)
    }

    /// Goes through the handshake of TLS, if there is one. `None`: there is no connection, and the
    /// client has been told as far as it can be.
    #[cfg(feature = "tls")]
    fn secure(mut self, deadline: Instant) -> Option<Self> {
        let patience = Patience::until(deadline, &self.signals);
        match self.transport.handshake(patience) {
            Ok(transport) => {
                self.transport = transport;
                if let Some(security) = self.transport.security() {
                    self.peer.note_security(security);
                }
                return Some(self);
            }
            Err((transport, HandshakeEnd::NotTls)) => {
                self.transport = transport;
                self.refuse(Reject::NotTls, None);
            }
            Err((transport, end)) => {
                self.transport = transport;
                if end.is_told() {
                    log::insecure(&self.peer.to_string(), &end.to_string());
                }
                // Nothing more is said; what the client still sends is read until it has seen our
                // alert, lest a reset overtake it.
                self.say_and_end(b"");
            }
        }
        None
    }

    #[cfg(not(feature = "tls"))]
    fn secure(self, _: Instant) -> Option<Self> {
        Some(self)
    }

    /// Takes note of what the request says of the client, if we come to it by a proxy that we trust.
    fn note_forwarded(&mut self, request: &Request<'_>) -> Result<(), Reject> {
        let trusted = &self.config.trust_proxy;
        if self.peer.is_one_of(trusted) {
            let told = proxy::find_forwarded(request, trusted)?;
            self.peer.note_told(told.unwrap_or_default());
        }
        Ok(())
    }

    /// Answers a request for a session: with one if it may have it.
    fn answer(
        mut self,
        request: &Request<'_>,
        head: &Head,
        accepted: Instant,
    ) -> io::Result<Option<Conversation>> {
        let upgrade = match server::judge(request, &self.config.policy, &self.peer.place()) {
            Ok(upgrade) => upgrade,
            Err(reject) => return self.turn_down(reject, Some(request)),
        };
        if self.slot.is_some_and(|slot| !slot.leave_handshake()) {
            return self.turn_down(Reject::TooManyClients, Some(request));
        }
        self.look_up_name(request);
        match self.start_service(request, &upgrade) {
            Ok(service) => self
                .join(request, &upgrade, service, head, accepted)
                .map(Some),
            Err(reject) => self.turn_down(reject, Some(request)),
        }
    }

    /// Looks for the client's name, if a program is to be told.
    pub(super) fn look_up_name(&mut self, request: &Request<'_>) {
        if self.config.reverse_lookup {
            let patience = Patience::until(Instant::now() + NAME_PATIENCE, &self.signals);
            self.peer.look_up_name(patience);
            scope::begin(&self.peer, request);
        }
    }

    fn start_service(
        &self,
        request: &Request<'_>,
        upgrade: &Upgrade<'_>,
    ) -> Result<Service, Reject> {
        let (program, place) = route::find(self.template, request.path())?;
        scope::note_command(&program.path);
        let standing = &self.template.environment;
        let protocol = Some(upgrade.protocol().unwrap_or_default());
        let variables = standing.and_of(&self.peer, request, &place, protocol);
        let reset = self.signals.ignored();
        Service::start(self.template, &program, &variables, reset, self.slot).map_err(|error| {
            log::error(&error);
            Reject::SpawnFailed
        })
    }

    /// Says 101 and joins the client with its service.
    fn join(
        mut self,
        request: &Request<'_>,
        upgrade: &Upgrade<'_>,
        service: Service,
        head: &Head,
        accepted: Instant,
    ) -> io::Result<Conversation> {
        let peer = self.peer.to_string();
        scope::note_service(service.pid);
        let mut response = Vec::new();
        upgrade.write_response(&self.config.headers.upgrade, &mut response);
        // A client that has gone in the meantime is noticed by the relay, which ends the service.
        let patience = Patience::until(accepted + self.config.handshake_timeout, &self.signals);
        let _gone = self.transport.write_all(&response, patience);
        // The client does not wait for this.
        log::Open {
            peer: &peer,
            path: request.path(),
            origin: request.header("origin"),
            protocol: upgrade.protocol(),
            tls: self.peer.tls(),
            client: self.peer.certificate().map(|(subject, _)| subject),
        }
        .write();
        self.signals.stop_answering();
        let status = Status {
            peer: peer.clone(),
            accepted,
        };
        let limits = Limits {
            max_message_len: self.config.max_message,
        };
        let connection = Connection::new(Role::Server, limits);
        let group = service.pid;
        let far = Far {
            transport: self.transport,
            connection,
            first: head.rest(),
            keys: Keys::None,
        };
        let settings = self.config.relay();
        let near = service.into_near();
        let relay = Relay::new(far, near, settings, self.signals, Some(status));
        Ok(Conversation {
            relay: relay.inspect_err(cannot_relay)?,
            peer,
            accepted,
            service: group,
            slot: self.slot,
        })
    }
}

fn log_close(peer: &str, accepted: Instant, outcome: &Outcome) {
    log::Close {
        peer,
        lasted: accepted.elapsed(),
        inbound: outcome.inbound,
        outbound: outcome.outbound,
        code: outcome.code.as_u16(),
        reason: &outcome.reason,
        service: &match outcome.status {
            Some(end) => end.to_string(),
            None => "still there".to_owned(),
        },
    }
    .write();
}
