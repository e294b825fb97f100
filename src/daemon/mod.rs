//! The program `websockd`: a listener, a session for each client, a service for each session.
//!
//! Floor 3. *listener* forks per client, *session* is one client from accept to exit, *service* runs
//! the program, *relay* moves the bytes; *inherit* and *listen* say where connections come from.

mod config;
pub mod environment;
mod inherit;
mod listen;
mod listener;
mod peer;
mod redirect;
mod relay;
mod request;
mod service;
mod session;

pub use config::{Config, InvalidUtf8, Program, ServiceStderr, Source};

use std::os::fd::OwnedFd;

use nix::sys::signal::Signal;

use crate::log;
use crate::sys::fd;
use crate::sys::fork::exit_now;
use crate::sys::signal::Signals;

use inherit::Inherited;
use listener::{Leave, Listener};
use peer::Peer;
use service::Template;
use session::Client;

/// Exit status: the system refused something.
const REFUSED: u8 = 111;

/// Serves until told to stop; returns the exit status: 0, or 111 if the system refused something at
/// start, which has been logged.
///
/// For a program of one thread: it forks, and the new processes return from here, too.
pub fn run(config: &Config) -> u8 {
    match start(config) {
        Ok(()) => 0,
        Err(refusal) => {
            log::error(refusal);
            REFUSED
        }
    }
}

fn start(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    let handled = [
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
    ];
    fd::keep_from_services()?;
    let template = Template::new(config);
    let inherited = inherit::take(&config.source)?;
    let signals = Signals::handle(&handled)?;
    let sockets = match inherited {
        Some(Inherited::Client(socket)) => {
            let client = Client {
                peer: Peer::of_inherited(&socket),
                socket,
                refusal: None,
            };
            return Ok(session::serve(client, &template, signals)?);
        }
        Some(Inherited::Listener(socket)) => vec![socket],
        None => listen::bind(&config.source, config.redirect_port)?,
    };
    announce(&sockets, config);
    match Listener::new(config, sockets, signals)?.run()? {
        Leave::Stopped => Ok(()),
        Leave::Session(client, signals) => {
            let outcome = session::serve(client, &template, signals);
            exit_now(if outcome.is_ok() { 0 } else { REFUSED });
        }
    }
}

/// Says where we listen, and where a person finds the console.
fn announce(sockets: &[OwnedFd], config: &Config) {
    let addresses: Vec<_> = sockets
        .iter()
        .filter_map(|socket| fd::local_address(socket).ok().flatten())
        .collect();
    for address in &addresses {
        log::listening(*address);
    }
    if let Some(first) = addresses.first().filter(|_| config.console) {
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let url = if first.ip().is_loopback() || first.ip().is_unspecified() {
            format!("{scheme}://localhost:{}/", first.port())
        } else {
            format!("{scheme}://{first}/")
        };
        log::console(&url);
    }
}
