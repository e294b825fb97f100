//! websock: connects standard input and output, or a program, to a WebSocket server.
//!
//! Floor 3. *open* leads from an address to an open connection, *near* is our end of it, and the
//! relay is the daemon's, which does not know which end it is.

mod answer;
mod config;
mod connect;
mod encryption;
mod ending;
mod error;
mod near;
mod open;
mod password;
mod pause;
mod proxy;
mod resolve;
mod say;
mod url;

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::connection::{Connection, Limits};
use crate::daemon::max_held_len;
use crate::daemon::relay::{Far, Keys, Outcome, Relay, Rest, Settings, Words};
use crate::frame::{CloseCode, Role};
use crate::sys::patience::Patience;
use crate::sys::signal::Signals;
use crate::transport::Transport;

use encryption::Encryption;
use ending::Ending;
use error::Error;
use open::{Attempt, Opened};
use pause::Pause;

pub use config::{Config, Trust};
pub use proxy::{Choice, Proxy};
pub use say::Voice;
pub use url::{Url, UrlError};

/// What ends it: a person at the terminal, the terminal itself, whoever manages us.
const SIGNALS: [Signal; 4] = [
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
];

/// From EOF to SIGTERM for a program, and from there to SIGKILL.
const GRACE: Duration = Duration::from_millis(500);

/// Connects as `config` says until the connection is closed, and returns the exit status.
pub fn run(config: &Config) -> u8 {
    let ending = connect_and_relay(config).unwrap_or_else(|error| Ending::of_error(&error));
    if let Some(what) = &ending.failure {
        config.voice.error(what);
    }
    if let Some(what) = ending.closed.as_ref().filter(|_| ending.is_told) {
        config.voice.closed(what);
    }
    ending.status
}

fn connect_and_relay(config: &Config) -> Result<Ending, Error> {
    let encryption = Encryption::new(config.trust.clone());
    let mut password = None;
    let mut pause = Pause::new();
    let mut rest = None;
    loop {
        let signals = signals()?;
        if let (Some(user), None) = (&config.user, &password) {
            password = Some(password::ask(user, &signals)?);
        }
        let attempt = Attempt {
            config,
            signals: &signals,
            encryption: &encryption,
            password: password.as_deref(),
            voice: config.voice,
        };
        let begun = Instant::now();
        let ending = match attempt.open() {
            Ok(opened) => relay(config, opened, signals, &mut rest)?,
            Err(error) => Ending::of_error(&error),
        };
        if !config.reconnect || !ending.is_temporary {
            return Ok(ending);
        }
        let length = pause.next(begun.elapsed(), ending.retry_after);
        let why = ending.failure.or(ending.closed).unwrap_or_default();
        let seconds = length.as_secs_f32();
        let voice = config.voice;
        voice.error(format_args!("{why}; connecting again in {seconds:.1} s"));
        if !pause::sleep(length, &self::signals()?) {
            return Ok(Ending::stopped());
        }
    }
}

fn signals() -> Result<Signals, Error> {
    Signals::handle(&SIGNALS).map_err(|errno| Error::Here {
        doing: "handle signals".to_owned(),
        why: errno.desc().to_owned(),
    })
}

/// Moves bytes between an open connection and our end until both are done. `rest` goes from one
/// connection to the next.
fn relay(
    config: &Config,
    opened: Opened,
    signals: Signals,
    rest: &mut Option<Rest>,
) -> Result<Ending, Error> {
    let protocol = opened.protocol.as_deref();
    let shown = protocol.map_or_else(String::new, |it| format!(", subprotocol {it}"));
    config.voice.detail(format_args!("open{shown}"));
    let outcome = join(config, opened, signals, rest.take())?;
    let is_watched = config.program.is_none() && io::stdin().is_terminal();
    let ending = Ending::of_outcome(&outcome, is_watched);
    *rest = Some(outcome.rest);
    Ok(ending)
}

fn join(
    config: &Config,
    opened: Opened,
    signals: Signals,
    rest: Option<Rest>,
) -> Result<Outcome, Error> {
    let failed = |error: io::Error| Error::Here {
        doing: "relay".to_owned(),
        why: error.to_string(),
    };
    if config.ready {
        let mut stdout = io::stdout();
        let written = stdout.write_all(b"websocket ready\n");
        written.and_then(|()| stdout.flush()).map_err(failed)?;
    }
    let near = match &config.program {
        Some(program) => near::start(program, opened.protocol.as_deref(), &signals),
        None => near::standard(rest).map_err(failed),
    };
    let near = match near {
        Ok(near) => near,
        Err(error) => {
            let patience = Patience::until(Instant::now() + config.timeout, &signals);
            let _best_effort = turn_away(opened.transport, patience);
            return Err(error);
        }
    };
    let limits = Limits {
        max_message_len: config.max_message,
    };
    let far = Far {
        transport: opened.transport,
        connection: Connection::new(Role::Client, limits),
        first: &opened.first,
        keys: Keys::for_client().map_err(failed)?,
    };
    let relay = Relay::new(far, near, settings(config), signals, None);
    relay.and_then(Relay::run).map_err(failed)
}

/// Takes leave of a server that there is nothing to join to.
fn turn_away(mut transport: Transport, patience: Patience<'_>) -> io::Result<()> {
    let mut key = [0; 4];
    getrandom::fill(&mut key)?;
    let code = Some(CloseCode::INTERNAL_ERROR);
    let mut connection = Connection::new(Role::Client, Limits::default());
    if let Some(frame) = connection.close(code, "client has failed at its end", key) {
        transport.write_all(&frame, patience)?;
    }
    transport.finish()?;
    // What it has said meanwhile, and its own Close.
    transport.read_to_end(patience)?;
    transport.close();
    Ok(())
}

fn settings(config: &Config) -> Settings {
    // Whoever ends input at a terminal has nothing more to say and wants to leave.
    let closes = config.close_on_eof || io::stdin().is_terminal();
    Settings {
        record: config.record,
        invalid_utf8: config.invalid_utf8,
        max_held_len: max_held_len(config.max_message),
        words: Words {
            vanished: "the server went without a word",
            stopping: "client is leaving",
            output: match config.program {
                Some(_) => "program output",
                None => "input",
            },
        },
        grace: match config.program {
            Some(_) => GRACE,
            None => Duration::ZERO,
        },
        write_timeout: None,
        idle_timeout: None,
        ping: config.ping,
        close_at_end: closes.then_some(config.timeout),
    }
}
