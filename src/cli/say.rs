//! The last words of a program that does not serve: a text on stdout, or a sentence on stderr.

use std::io::{self, Write as _};

use nix::sys::stat::{SFlag, fstat};
use nix::syslog::{Facility, Priority, Severity, syslog};

use super::Failure;
use super::value::reason;

/// Writes a text that `program` was asked for on stdout and returns the exit status: 0, also if the reader left early (`| head`);
/// 111 if it could not be written.
pub fn print(program: &'static str, text: &str) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write on standard output: {}", reason(&error));
            report(&Failure::of_status(111, message).said_by(program))
        }
        _ => 0,
    }
}

/// Writes why the program leaves as one line on stderr and returns the exit status.
///
/// Under inetd stderr is the client: then it goes to the system log, for the client has no use for it
/// and no right to it. What cannot be written is lost; the status still tells.
pub fn report(failure: &Failure) -> u8 {
    if stderr_is_client() {
        let priority = Priority::new(Severity::LOG_ERR, Facility::LOG_DAEMON);
        let _lost = syslog(priority, &failure.to_string());
    } else {
        let _lost = io::stderr().write_all(format!("{failure}\n").as_bytes());
    }
    failure.status
}

/// Whether descriptors 0 and 2 are the same socket.
fn stderr_is_client() -> bool {
    let (Ok(input), Ok(error)) = (fstat(io::stdin()), fstat(io::stderr())) else {
        return false;
    };
    let is_socket = SFlag::from_bits_truncate(input.st_mode).contains(SFlag::S_IFSOCK);
    is_socket && (input.st_dev, input.st_ino) == (error.st_dev, error.st_ino)
}
