//! The password: from the environment, or from the terminal without showing it. Never from the command
//! line, which everybody on the machine can read.

use std::env;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use crate::sys::patience::Patience;
use crate::sys::signal::Signals;
use crate::sys::terminal;

use super::error::{Error, reason};

/// Where a program that starts us may leave it.
pub(super) const VARIABLE: &str = "WEBSOCK_PASSWORD";

/// How long a person may think.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The password of `user`.
pub(super) fn ask(user: &str, signals: &Signals) -> Result<String, Error> {
    let failed = |why: String| Error::Here {
        doing: format!("ask for the password of {user}"),
        why,
    };
    if let Some(password) = env::var_os(VARIABLE) {
        let password = password.into_string();
        return password.map_err(|_| failed(format!("{VARIABLE} is not UTF-8")));
    }
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal =
        terminal.map_err(|_| failed(format!("there is no terminal: set {VARIABLE} instead")))?;
    let patience = Patience::until(Instant::now() + PATIENCE, signals);
    let prompt = format!("Password for {user}: ");
    let answer = terminal::ask_secretly(&terminal, &prompt, patience);
    answer.map_err(|error: io::Error| reason(&error).map_or(Error::Stopped, failed))
}
