//! What we were started with: a client, a listener, or neither.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::log;
use crate::sys::{Error, fd};

use super::config::Source;

/// A descriptor that a super-server left for us.
#[derive(Debug)]
pub(super) enum Inherited {
    /// A connected client: inetd's nowait, tcpserver.
    Client(OwnedFd),
    /// A socket that listens: inetd's wait.
    Listener(OwnedFd),
}

/// Looks at descriptor 0, if the command line lets it speak.
///
/// A client or listener that is found is taken: descriptors 0 to 2 do not lead to it any more, and if
/// 2 did, the log goes to syslog, never onto the wire.
pub(super) fn take(source: &Source) -> Result<Option<Inherited>, Error> {
    let listens = match source {
        Source::Listen { .. } => return Ok(None),
        Source::Auto { .. } => fd::socket_listens(&std::io::stdin()),
        Source::Inetd => {
            let kind = fd::socket_listens(&std::io::stdin());
            let no_socket = || {
                let on = "descriptor 0, as --inetd has it";
                Error::new("take the client from", on, Errno::ENOTSOCK)
            };
            Some(kind.ok_or_else(no_socket)?)
        }
    };
    let Some(listens) = listens else {
        return Ok(None);
    };
    if fd::is_socket(&std::io::stderr()) {
        log::send_to(log::Sink::Syslog);
    }
    let failed = |source| Error::new("take over", "descriptor 0", source);
    let socket = fd::take_standard(0).map_err(failed)?;
    for number in [1, 2] {
        if fd::is_standard_socket(number) {
            drop(fd::take_standard(number).map_err(failed)?);
        }
    }
    fd::set_nonblocking(&socket).map_err(failed)?;
    Ok(Some(match listens {
        true => Inherited::Listener(socket),
        false => Inherited::Client(socket),
    }))
}
