//! What we were started with: clients, listeners, or neither.

use std::env;
use std::os::fd::{OwnedFd, RawFd};
use std::process;

use nix::errno::Errno;

use crate::log;
use crate::sys::{Error, exec, fd};

use super::config::Source;

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Found<'c> {
    Inherited(Inherited),
    /// Nowhere yet: here is to be listened.
    Addresses {
        /// `None`: the default ones.
        names: Option<&'c [String]>,
        port: u16,
    },
}

/// What a super-server left for us. Not both empty.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    /// Connected clients: inetd's nowait, tcpserver, systemd's Accept=yes.
    pub(super) clients: Vec<OwnedFd>,
    /// Sockets that listen: inetd's wait, systemd's Accept=no.
    pub(super) listeners: Vec<OwnedFd>,
    /// What they are called, as far as we were told.
    pub(super) names: Vec<String>,
}

impl Inherited {
    /// Takes out the client that is all there is.
    pub(super) fn only_client(&mut self) -> Option<OwnedFd> {
        match (self.clients.len(), self.listeners.is_empty()) {
            (1, true) => self.clients.pop(),
            _ => None,
        }
    }
}

/// Looks at what the command line lets us look at: descriptors that were passed by number, else
/// descriptor 0.
///
/// What is found is taken: descriptors 0 to 2 do not lead to it any more, and if 2 did, the log goes to
/// syslog, never onto the wire.
pub(super) fn take(source: &Source) -> Result<Found<'_>, Error> {
    let (names, port) = match source {
        Source::Listen {
            addresses, port, ..
        } => (Some(addresses.as_slice()), *port),
        Source::Auto { port } => {
            let inherited = match passed()? {
                Some(sockets) => Some(take_passed(sockets)?),
                None => take_standard()?,
            };
            match inherited {
                Some(inherited) => return Ok(Found::Inherited(inherited)),
                None => (None, *port),
            }
        }
        Source::Inetd => {
            let on = "descriptor 0, as --inetd has it";
            let failed = || Error::new("take the client from", on, Errno::ENOTSOCK);
            return take_standard()?.map(Found::Inherited).ok_or_else(failed);
        }
    };
    Ok(Found::Addresses { names, port })
}

/// Takes the descriptors that who started us, our former self perhaps, has passed in the way of
/// sd_listen_fds(3). `None`: there are none, or they are not for us. To be called before anything is
/// opened.
///
/// # Errors
///
/// One of those that were promised is not there.
pub(super) fn passed() -> Result<Option<Vec<OwnedFd>>, Error> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(process::id()) {
        return Ok(None);
    }
    let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok());
    let end = exec::FIRST.saturating_add(count.unwrap_or(0));
    let sockets = (exec::FIRST..end).map(|number| {
        let failed = |source| Error::new("take over", descriptor(number), source);
        fd::take_passed(number).map_err(failed)
    });
    let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
    Ok((!sockets.is_empty()).then_some(sockets))
}

fn take_passed(sockets: Vec<OwnedFd>) -> Result<Inherited, Error> {
    let mut inherited = Inherited::default();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').map(str::to_owned);
    let names = names.chain(std::iter::repeat(String::new()));
    for ((number, name), socket) in (exec::FIRST..).zip(names).zip(sockets) {
        let failed = |source| Error::new("take over", descriptor(number), source);
        fd::set_nonblocking(&socket).map_err(failed)?;
        leave_standard(&socket).map_err(failed)?;
        match fd::socket_listens(&socket) {
            Some(true) => {
                inherited.listeners.push(socket);
                inherited.names.push(name);
            }
            Some(false) => inherited.clients.push(socket),
            None => return Err(failed(Errno::ESOCKTNOSUPPORT)),
        }
    }
    Ok(inherited)
}

fn take_standard() -> Result<Option<Inherited>, Error> {
    let Some(listens) = fd::socket_listens(&std::io::stdin()) else {
        return Ok(None);
    };
    let failed = |source| Error::new("take over", descriptor(0), source);
    let mut inherited = Inherited::default();
    let socket = fd::copy_standard(0).map_err(failed)?;
    leave_standard(&socket).map_err(failed)?;
    fd::set_nonblocking(&socket).map_err(failed)?;
    match listens {
        true => inherited.listeners.push(socket),
        false => inherited.clients.push(socket),
    }
    Ok(Some(inherited))
}

/// Has no standard descriptor lead to a socket any more.
fn leave_standard(socket: &OwnedFd) -> nix::Result<()> {
    for number in 0..=2 {
        if fd::is_standard(number, socket) {
            if log::is_written_to(number) {
                log::send_to(log::Sink::Syslog);
            }
            fd::replace_standard(number, &fd::null()?)?;
        }
    }
    Ok(())
}

fn descriptor(number: RawFd) -> String {
    format!("descriptor {number}")
}
