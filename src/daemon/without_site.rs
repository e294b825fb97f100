//! Requests that ask for no upgrade, in a build that has nothing to answer them with.

use crate::handshake::server;
use crate::handshake::{Reject, Request};

use super::request::{Head, Next};
use super::session::Session;

impl Session<'_> {
    /// Refuses.
    pub(super) fn answer_plain(
        &mut self,
        request: &Request<'_>,
        _: &Head,
        _: usize,
    ) -> Option<Next> {
        let admitted = server::admit(request, &self.config.policy, &self.peer.place());
        self.refuse(admitted.err().unwrap_or(Reject::NotUpgrade), Some(request));
        None
    }
}
