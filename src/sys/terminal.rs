//! The terminal a program may have been started from.

use std::fs::File;
#[cfg(feature = "client")]
use std::io::{self, Write as _};

#[cfg(feature = "client")]
use nix::poll::PollFlags;
#[cfg(feature = "client")]
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

#[cfg(feature = "client")]
use super::fd;
#[cfg(feature = "client")]
use super::patience::Patience;

/// Whether this process has a controlling terminal that is still connected.
pub(crate) fn is_there() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Asks the person at a terminal for one line that it does not show, and leaves the terminal as it was.
///
/// # Errors
///
/// `UnexpectedEof` if the person ends input instead, or as [`Patience::wait`].
#[cfg(feature = "client")]
pub(crate) fn ask_secretly(
    terminal: &File,
    prompt: &str,
    patience: Patience<'_>,
) -> io::Result<String> {
    let before = tcgetattr(terminal)?;
    let mut secret = before.clone();
    secret.local_flags.remove(LocalFlags::ECHO);
    // What was typed ahead was typed in the open, for somebody else.
    tcsetattr(terminal, SetArg::TCSAFLUSH, &secret)?;
    let answer = ask(terminal, prompt, patience);
    tcsetattr(terminal, SetArg::TCSAFLUSH, &before)?;
    let _lost = (&*terminal).write_all(b"\n");
    answer
}

#[cfg(feature = "client")]
fn ask(mut terminal: &File, prompt: &str, patience: Patience<'_>) -> io::Result<String> {
    terminal.write_all(prompt.as_bytes())?;
    patience.wait(&terminal, PollFlags::POLLIN)?;
    let mut line = [0; 1024];
    let count = fd::read(&terminal, &mut line)?;
    let line = line.get(..count).unwrap_or_default();
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let line = String::from_utf8(line.to_vec());
    line.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
