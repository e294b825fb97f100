//! How long one call may wait: the same code serves the calls with a deadline and those without.

use std::io;
use std::time::Instant;

use super::Deadline;
use super::error::{Error, is_timeout};

/// Reads and writes that a call may make after its deadline, as long as none has to wait: a peer that
/// never stops sending must not hold the call for ever.
const MAX_LATE: u32 = 64;

/// The patience of one call on a stream.
#[derive(Debug)]
pub(super) struct Wait<S> {
    limit: Option<Limit<S>>,
}

#[derive(Debug)]
struct Limit<S> {
    deadline: Instant,
    set: fn(&mut S, Option<Instant>) -> io::Result<()>,
    late: u32,
    is_armed: bool,
}

impl<S> Wait<S> {
    /// As long as the stream does.
    pub(super) fn for_ever() -> Self {
        Self { limit: None }
    }

    /// Prepares the stream for a read or write.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when the deadline has passed and enough has been done since.
    pub(super) fn arm(&mut self, stream: &mut S) -> Result<(), Error> {
        let Some(limit) = &mut self.limit else {
            return Ok(());
        };
        if Instant::now() >= limit.deadline {
            if limit.late == MAX_LATE {
                return Err(Error::TimedOut);
            }
            limit.late += 1;
        }
        limit.is_armed = true;
        (limit.set)(stream, Some(limit.deadline)).map_err(Error::Io)
    }

    /// Lets the stream wait for ever again.
    pub(super) fn disarm(&mut self, stream: &mut S) {
        if let Some(limit) = self.limit.as_mut().filter(|limit| limit.is_armed) {
            limit.is_armed = false;
            // What the call has brought matters more; a stream that fails here fails the next call.
            let _failed = (limit.set)(stream, None);
        }
    }

    /// What becomes of an error of the stream: `None` says to try again.
    pub(super) fn judge(&self, error: io::Error) -> Option<Error> {
        if error.kind() == io::ErrorKind::Interrupted {
            return None;
        }
        if !is_timeout(&error) {
            return Some(Error::Io(error));
        }
        // Kernels count in ticks and may wake a little early.
        let is_early = self
            .limit
            .as_ref()
            .is_some_and(|limit| Instant::now() < limit.deadline);
        (!is_early).then_some(Error::TimedOut)
    }
}

impl<S: Deadline> Wait<S> {
    /// Until `deadline`; `None`: for ever.
    pub(super) fn until(deadline: Option<Instant>) -> Self {
        Self {
            limit: deadline.map(|deadline| Limit {
                deadline,
                set: S::set_deadline,
                late: 0,
                is_armed: false,
            }),
        }
    }
}
