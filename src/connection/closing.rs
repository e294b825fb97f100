//! The closing handshake: RFC 6455 7.1.
//!
//! ```text
//!                 our Close ──► WeClosed ─── peer's Close, fault ──┐
//! Open ──┤                                                         ├──► Closed
//!                 peer's Close ──► PeerClosed ─── our Close ───────┤
//!                 fault ─────────► PeerFailed ─── our Close ───────┘
//! ```

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closing {
    /// Both may speak.
    Open,
    /// We may not speak any more; the peer may have sent before it saw our Close, so it is heard.
    WeClosed,
    /// The peer said it would not speak any more; we still may.
    PeerClosed,
    /// The peer broke a rule: it is not heard any more; it has still to be told.
    PeerFailed,
    /// Neither speaks any more.
    Closed {
        /// Whether the peer sent a Close frame, rather than break a rule.
        by_peer_too: bool,
    },
}

impl Closing {
    pub(super) fn can_receive(self) -> bool {
        matches!(self, Self::Open | Self::WeClosed)
    }

    pub(super) fn can_send(self) -> bool {
        matches!(self, Self::Open | Self::PeerClosed | Self::PeerFailed)
    }

    pub(super) fn has_peer_close(self) -> bool {
        matches!(self, Self::PeerClosed | Self::Closed { by_peer_too: true })
    }

    pub(super) fn after_ours(self) -> Self {
        match self {
            Self::Open | Self::WeClosed => Self::WeClosed,
            Self::PeerClosed => Self::Closed { by_peer_too: true },
            Self::PeerFailed => Self::Closed { by_peer_too: false },
            Self::Closed { .. } => self,
        }
    }

    pub(super) fn after_peers(self) -> Self {
        match self {
            Self::Open => Self::PeerClosed,
            Self::WeClosed => Self::Closed { by_peer_too: true },
            Self::PeerClosed | Self::PeerFailed | Self::Closed { .. } => self,
        }
    }

    pub(super) fn after_fault(self) -> Self {
        match self {
            Self::Open => Self::PeerFailed,
            Self::WeClosed => Self::Closed { by_peer_too: false },
            Self::PeerClosed | Self::PeerFailed | Self::Closed { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Closing::{self, Closed, Open, PeerClosed, PeerFailed, WeClosed};

    const BOTH: Closing = Closed { by_peer_too: true };
    const FAILED: Closing = Closed { by_peer_too: false };

    #[test]
    fn each_state_after_our_close_the_peers_and_a_fault() {
        for (state, ours, peers, fault) in [
            (Open, WeClosed, PeerClosed, PeerFailed),
            (WeClosed, WeClosed, BOTH, FAILED),
            (PeerClosed, BOTH, PeerClosed, PeerClosed),
            (PeerFailed, FAILED, PeerFailed, PeerFailed),
            (BOTH, BOTH, BOTH, BOTH),
            (FAILED, FAILED, FAILED, FAILED),
        ] {
            assert_eq!(state.after_ours(), ours, "{state:?}");
            assert_eq!(state.after_peers(), peers, "{state:?}");
            assert_eq!(state.after_fault(), fault, "{state:?}");
        }
    }

    #[test]
    fn each_state_answers_the_three_questions() {
        for (state, can_receive, can_send, has_peer_close) in [
            (Open, true, true, false),
            (WeClosed, true, false, false),
            (PeerClosed, false, true, true),
            (PeerFailed, false, true, false),
            (BOTH, false, false, true),
            (FAILED, false, false, false),
        ] {
            assert_eq!(state.can_receive(), can_receive, "{state:?}");
            assert_eq!(state.can_send(), can_send, "{state:?}");
            assert_eq!(state.has_peer_close(), has_peer_close, "{state:?}");
        }
    }
}
