//! What a session answers when it is asked how it goes.

use std::time::Instant;

use crate::log::{self, Traffic};

/// Whom a session serves, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(super) peer: String,
    pub(super) accepted: Instant,
}

impl Status {
    /// Says it in the log. `state` is what the session is about.
    pub(super) fn log(&self, state: &str, inbound: Traffic, outbound: Traffic) {
        log::Session {
            peer: &self.peer,
            lasted: self.accepted.elapsed(),
            state,
            inbound,
            outbound,
        }
        .write();
    }
}
