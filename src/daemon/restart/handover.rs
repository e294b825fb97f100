//! What passes from the old program to the new one: sockets that listen, as the socket-activation
//! protocol has it, and behind them a file in memory with everything else.
//!
//! The file is lines of words. One whose first word is unknown is skipped, so that versions which know
//! more or less can follow each other.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::process;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::Pid;

use crate::daemon::inherit;
use crate::daemon::socket_file::Identity;
use crate::sys::{Error, errno, exec, fd};

use super::VARIABLE;

/// What is handed over beside the sockets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::daemon) struct Handover {
    /// The sessions that run, our children before and after, and a line of words on each.
    pub(in crate::daemon) sessions: Vec<(Pid, String)>,
    /// Where their services are noted: the numbers of their slots.
    pub(in crate::daemon) noted: Vec<(Pid, usize)>,
    /// The process groups of services that nobody else looks after, and a line of words on each.
    pub(in crate::daemon) orphans: Vec<(Pid, String)>,
    /// How many there were since the first start.
    pub(in crate::daemon) served: u64,
    /// How long ago that was.
    pub(in crate::daemon) lasted: Duration,
    /// Where the log goes is settled: not to standard error.
    pub(in crate::daemon) to_syslog: bool,
    /// A locked pid file is passed on, too.
    pub(in crate::daemon) has_pid_file: bool,
    /// The slots are passed on, behind it.
    pub(in crate::daemon) has_slots: bool,
    /// The file that one of the sockets is: it is to be removed.
    pub(in crate::daemon) socket_file: Option<Identity>,
}

/// What our former self left: its sockets, its pid file, and what else there is to know.
#[derive(Debug)]
pub(in crate::daemon) struct Taken {
    pub(in crate::daemon) sockets: Vec<OwnedFd>,
    pub(in crate::daemon) pid_file: Option<OwnedFd>,
    /// The file of the slots.
    pub(in crate::daemon) slots: Option<OwnedFd>,
    pub(in crate::daemon) handover: Handover,
}

/// A handing-over, ready to be passed on.
#[derive(Debug)]
pub(super) struct Written(File);

impl Written {
    pub(super) fn new(handover: &Handover) -> nix::Result<Self> {
        let fd = memfd_create("websockd-restart", MFdFlags::MFD_CLOEXEC)?;
        let mut file = File::from(fd);
        file.write_all(handover.text().as_bytes()).map_err(errno)?;
        file.rewind().map_err(errno)?;
        Ok(Self(file))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes what our former self handed over, if this start is a restart. To be called before anything
/// else is opened.
///
/// # Errors
///
/// A descriptor that was promised is not there.
pub(in crate::daemon) fn take() -> Result<Option<Taken>, Error> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    let is_ours = |name| number(name) == Some(process::id());
    if !is_ours(VARIABLE) {
        return Ok(None);
    }
    let failed = |source| Error::new("take over", "the sessions of the last program", source);
    let sockets = inherit::passed()?.unwrap_or_default();
    let count = RawFd::try_from(sockets.len()).map_err(|_| failed(Errno::EBADF))?;
    let end = exec::FIRST.saturating_add(count);
    let mut file = File::from(fd::take_passed(end).map_err(failed)?);
    let mut text = String::new();
    file.read_to_string(&mut text)
        .map_err(|error| failed(errno(error)))?;
    let handover = Handover::parse(&text);
    let mut behind = end..;
    let mut next = || behind.next().map(|number| fd::take_passed(number + 1));
    let pid_file = handover.has_pid_file.then(&mut next).flatten();
    let slots = handover.has_slots.then(next).flatten();
    Ok(Some(Taken {
        sockets,
        pid_file: pid_file.transpose().map_err(failed)?,
        slots: slots.transpose().map_err(failed)?,
        handover,
    }))
}

impl Handover {
    fn text(&self) -> String {
        let mut text = format!("served {}\n", self.served);
        let _infallible = writeln!(text, "lasted {}", self.lasted.as_millis());
        for (pid, words) in &self.sessions {
            let _infallible = writeln!(text, "session {pid} {words}");
        }
        for (pid, slot) in &self.noted {
            let _infallible = writeln!(text, "slot {pid} {slot}");
        }
        for (group, words) in &self.orphans {
            let _infallible = writeln!(text, "orphan {group} {words}");
        }
        if self.to_syslog {
            text.push_str("to-syslog\n");
        }
        if self.has_pid_file {
            text.push_str("pid-file\n");
        }
        if self.has_slots {
            text.push_str("slots\n");
        }
        if let Some(Identity { device, inode }) = self.socket_file {
            let _infallible = writeln!(text, "socket-file {device} {inode}");
        }
        text
    }

    fn parse(text: &str) -> Self {
        let mut handover = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "served" => handover.served = rest.parse().unwrap_or(0),
                "lasted" => {
                    handover.lasted = Duration::from_millis(rest.parse().unwrap_or(0));
                }
                "session" => handover.sessions.extend(described(rest)),
                "slot" => handover.noted.extend(noted(rest)),
                "orphan" => handover.orphans.extend(described(rest)),
                "to-syslog" => handover.to_syslog = true,
                "pid-file" => handover.has_pid_file = true,
                "slots" => handover.has_slots = true,
                "socket-file" => handover.socket_file = identity(rest),
                _ => {}
            }
        }
        handover
    }
}

fn described(line: &str) -> Option<(Pid, String)> {
    let (pid, words) = line.split_once(' ').unwrap_or((line, ""));
    Some((Pid::from_raw(pid.parse().ok()?), words.to_owned()))
}

fn noted(words: &str) -> Option<(Pid, usize)> {
    let (pid, slot) = words.split_once(' ')?;
    Some((Pid::from_raw(pid.parse().ok()?), slot.parse().ok()?))
}

fn identity(words: &str) -> Option<Identity> {
    let (device, inode) = words.split_once(' ')?;
    Some(Identity {
        device: device.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handover() -> Handover {
        Handover {
            sessions: [(7, "serve 10.0.0.1"), (4_194_304, "refuse")]
                .map(|(pid, words)| (Pid::from_raw(pid), words.to_owned()))
                .into(),
            noted: vec![(Pid::from_raw(7), 3)],
            orphans: vec![(Pid::from_raw(8), "15 1500".to_owned())],
            served: 12,
            lasted: Duration::from_millis(1234),
            to_syslog: true,
            has_pid_file: true,
            has_slots: true,
            socket_file: Some(Identity {
                device: 2049,
                inode: 18_446_744_073_709_551_615,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Handover::parse(&handover().text()), handover());
        let empty = Handover::default();
        assert_eq!(Handover::parse(&empty.text()), empty);
    }

    #[test]
    fn what_another_version_says_beside_is_skipped() {
        let mut text = handover().text();
        text.push_str("weather fine\n\nsession nine\n");
        assert_eq!(Handover::parse(&text), handover());
    }
}
