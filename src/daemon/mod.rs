//! The program `websockd`: a listener, a session for each client, a service for each session.
//!
//! Floor 3. *listener* forks per client, *session* is one client from accept to exit, *service* runs
//! the program, *relay* moves the bytes; *inherit* and *listen* say where connections come from, *life*
//! and *restart* how the listener begins, begins anew and ends.

mod announce;
mod config;
pub mod environment;
#[cfg(feature = "site")]
mod gateway;
mod inherit;
mod life;
mod listen;
mod listener;
mod network;
mod notify;
mod orphans;
mod peer;
mod pid_file;
#[cfg_attr(not(feature = "site"), path = "without_site.rs")]
mod plain;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(not(feature = "proxy"))]
#[path = "without_proxy.rs"]
mod proxy;
mod redirect;
mod refusal;
pub(crate) mod relay;
mod request;
mod restart;
mod route;
mod scope;
mod service;
mod session;
mod socket_file;
mod status;

pub use crate::sys::limit::Limit;
pub use crate::sys::user::Identity;
#[cfg(feature = "client")]
pub(crate) use config::max_held_len;
pub use config::{
    Config, ExtraHeaders, InvalidUtf8, Program, ServiceStderr, Services, Source, UnixSocket,
};
pub use proxy::Trusted;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::{AccessFlags, access};

use crate::log;
use crate::sys::daemonize::{self, Detached, Lifeline};
use crate::sys::fork::exit_now;
pub use crate::sys::heap::Heap;
use crate::sys::sandbox::Sandbox;
use crate::sys::signal::Signals;
use crate::sys::{Error, fd, user};

use announce::Place;
use inherit::Found;
use life::Life;
use listen::Bound;
use listener::{Former, Leave, Listener};
use orphans::Orphans;
use peer::Peer;
use pid_file::PidFile;
use restart::{Handover, Taken};
use service::Template;
use session::Client;
use socket_file::SocketFile;

/// Exit status: the system refused something.
const REFUSED: u8 = 111;

/// Signals that mean something to us.
const SIGNALS: [Signal; 6] = [
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
];

/// Serves until told to stop; returns the exit status: 0, or 111 if the system refused something at
/// start, which has been logged.
///
/// For a program of one thread: it forks, and the new processes return from here, too. At SIGHUP it
/// becomes the program that [`std::env::args_os`] names, with the same arguments.
pub fn run(config: &Config) -> u8 {
    match start(config) {
        Ok(status) => status,
        Err(refusal) => {
            log::error(refusal);
            REFUSED
        }
    }
}

fn start(config: &Config) -> Result<u8, Box<dyn std::error::Error>> {
    fd::keep_from_services()?;
    if let Some(taken) = restart::take()? {
        return go_on(config, taken);
    }
    let mut bound = Bound::default();
    let (mut names, mut clients) = (Vec::new(), Vec::new());
    match inherit::take(&config.source)? {
        Found::Addresses { names, port } => bound = listen::bind(config, names, port)?,
        Found::Inherited(mut inherited) => {
            if let Some(socket) = inherited.only_client() {
                return serve_alone(config, socket);
            }
            bound.sockets = inherited.listeners;
            names = inherited.names;
            clients = inherited.clients;
        }
    }
    let pid_file = config.pid_file.as_deref().map(PidFile::lock).transpose()?;
    let mut beginning = Beginning {
        bound,
        names,
        clients,
        pid_file,
        lifeline: None,
    };
    if config.daemon {
        match daemonize::detach()? {
            Detached::Parent(status) => {
                // What a child leaves that has failed as another user is ours to remove.
                if status == Some(0) {
                    beginning.bound.file.into_iter().for_each(SocketFile::leave);
                    beginning.pid_file.into_iter().for_each(PidFile::leave);
                }
                return Ok(status.unwrap_or(REFUSED));
            }
            Detached::Child(lifeline) => beginning.lifeline = Some(lifeline),
        }
        beginning
            .bound
            .file
            .iter_mut()
            .for_each(SocketFile::take_over);
    }
    begin(config, beginning)
}

/// Serves the one client that we were started for.
fn serve_alone(config: &Config, socket: OwnedFd) -> Result<u8, Box<dyn std::error::Error>> {
    let client = Client {
        peer: Peer::of_inherited(&socket),
        socket,
        refusal: None,
        slot: None,
    };
    let template = Template::new(config)?;
    drop_privileges(config)?;
    let signals = signals()?;
    session::serve(Box::new(client), &template, signals, sandbox(config))?;
    Ok(0)
}

/// What a listener begins with.
#[derive(Debug)]
struct Beginning {
    bound: Bound,
    /// What its sockets are called, if they were passed on to us.
    names: Vec<String>,
    /// Those that are there already.
    clients: Vec<OwnedFd>,
    pid_file: Option<PidFile>,
    /// Who waits there learns when we listen.
    lifeline: Option<Lifeline>,
}

fn begin(config: &Config, beginning: Beginning) -> Result<u8, Box<dyn std::error::Error>> {
    let Beginning {
        bound,
        names,
        clients,
        mut pid_file,
        lifeline,
    } = beginning;
    let places: Vec<_> = bound.sockets.iter().map(Place::of).collect();
    if let Some(pid_file) = &mut pid_file {
        pid_file.write()?;
    }
    let template = Template::new(config)?;
    let signals = signals()?;
    let life = Life::new(&Handover::default(), pid_file, bound.file);
    if config.syslog {
        log::reach_syslog();
    }
    drop_privileges(config)?;
    let orphans = orphans(config)?;
    let mut listener = Listener::new(config, bound.sockets, signals, life, (Vec::new(), orphans))?;
    listener.expect(clients);
    lifeline.map(Lifeline::cut).transpose()?;
    if config.syslog {
        log::send_to(log::Sink::Syslog);
    }
    announce::say(&places, &names, config);
    listen_on(&template, listener)
}

/// Goes on where our former self has become us.
fn go_on(config: &Config, taken: Taken) -> Result<u8, Box<dyn std::error::Error>> {
    let Taken {
        sockets,
        pid_file,
        slots,
        handover,
    } = taken;
    if handover.to_syslog {
        log::send_to(log::Sink::Syslog);
    }
    let pid_file = pid_file.zip(config.pid_file.as_deref());
    let pid_file = pid_file.map(|(fd, path)| PidFile::inherited(fd, path));
    let socket_file = handover.socket_file.zip(config.source.unix());
    let socket_file = socket_file.map(|(it, unix)| SocketFile::inherited(&unix.path, it));
    let life = Life::new(&handover, pid_file, socket_file);
    let signals = signals()?;
    log::restarted(handover.sessions.len());
    let template = Template::new(config)?;
    let noted: HashMap<_, _> = handover.noted.into_iter().collect();
    let taken: Vec<_> = noted.values().copied().collect();
    let mut orphans = match slots {
        Some(slots) => Orphans::inherited(config.grace, slots, &taken)?,
        None => orphans(config)?,
    };
    orphans.go_on(&handover.orphans, Instant::now());
    let sessions = handover.sessions.into_iter();
    let sessions = sessions.map(|(pid, words)| Former {
        pid,
        words,
        slot: noted.get(&pid).and_then(|number| orphans.slot(*number)),
    });
    let sessions = (sessions.collect(), orphans);
    let listener = Listener::new(config, sockets, signals, life, sessions)?;
    listen_on(&template, listener)
}

fn listen_on(
    template: &Template<'_>,
    listener: Listener<'_>,
) -> Result<u8, Box<dyn std::error::Error>> {
    let sandbox = sandbox(template.config);
    match listener.run()? {
        Leave::Session(client, signals) => {
            let outcome = session::serve(client, template, signals, sandbox);
            exit_now(if outcome.is_ok() { 0 } else { REFUSED })
        }
        Leave::Unneeded => exit_now(0),
        Leave::Stopped => Ok(0),
    }
}

fn signals() -> Result<Signals, Error> {
    Signals::handle(&SIGNALS).map_err(|errno| Error::new("take charge of", "signals", errno))
}

/// Those of a listener that has had no session.
fn orphans(config: &Config) -> Result<Orphans, Error> {
    let failed = |errno| Error::new("share", "memory with sessions", errno);
    Orphans::new(config.grace).map_err(failed)
}

/// Gives up what only the start needed: from here on root directory and user are those of services and
/// sessions alike. Then looks at what may be forbidden from there.
fn drop_privileges(config: &Config) -> Result<(), Error> {
    if let Some(root) = &config.chroot {
        user::confine_to(root)?;
    }
    if let Some(user) = &config.user {
        user.assume()?;
        let (program, dir) = match &config.services {
            Services::Program(program) => (Some(("run", &program.path)), None),
            Services::Dir(dir) => (None, Some(dir)),
            Services::None => (None, None),
        };
        let dirs = dir
            .into_iter()
            .chain(&config.static_dir)
            .chain(&config.cgi_dir);
        for (doing, path) in program.into_iter().chain(dirs.map(|dir| ("search", dir))) {
            let on = || format!("{} as that user", path.display());
            let failed = |errno| Error::new(doing, on(), errno);
            access(path, AccessFlags::X_OK).map_err(failed)?;
        }
    }
    for limit in &config.limits {
        let failed = |errno| Error::new("raise the limit", limit.name, errno);
        limit.check().map_err(failed)?;
    }
    Ok(())
}

/// The sandbox for sessions, if there is to be one.
fn sandbox(config: &Config) -> Option<Sandbox> {
    config.sandbox.then(Sandbox::prepare).flatten()
}
