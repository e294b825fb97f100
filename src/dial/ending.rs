//! How it ended, as the exit status says it and a person reads it.

use std::time::Duration;

use crate::daemon::relay::Outcome;
use crate::frame::CloseCode;

use super::error::Error;

/// Closed in order.
const OK: u8 = 0;
/// Closed with a code that says that something was wrong.
const WRONG: u8 = 1;
/// There was no connection, or none any more.
const LOST: u8 = 111;
/// There was one, and a program that does not run.
const NOT_RUN: u8 = 126;
/// There was one, and no program any more.
const NOT_FOUND: u8 = 127;

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// The exit status.
    pub(super) status: u8,
    /// How the connection was closed, if it was.
    pub(super) closed: Option<String>,
    /// Whether that is worth a line of its own.
    pub(super) is_told: bool,
    /// What failed.
    pub(super) failure: Option<String>,
    /// Whether it may be otherwise later.
    pub(super) is_temporary: bool,
    /// When it would be worth trying again, as the server says.
    pub(super) retry_after: Option<Duration>,
}

impl Ending {
    /// We were told to end.
    pub(super) fn stopped() -> Self {
        Self {
            status: OK,
            closed: None,
            is_told: false,
            failure: None,
            is_temporary: false,
            retry_after: None,
        }
    }

    /// There was no connection, or nothing to join it to.
    pub(super) fn of_error(error: &Error) -> Self {
        let status = match error {
            Error::Stopped => return Self::stopped(),
            Error::Program { is_there: true, .. } => NOT_RUN,
            Error::Program { .. } => NOT_FOUND,
            Error::Answer { .. }
            | Error::Connect { .. }
            | Error::Encryption { .. }
            | Error::Here { .. }
            | Error::Proxy { .. }
            | Error::Redirect { .. }
            | Error::Refused(_)
            | Error::Resolve { .. } => LOST,
        };
        Self {
            failure: Some(error.to_string()),
            status,
            is_temporary: error.is_temporary(),
            retry_after: error.retry_after(),
            ..Self::stopped()
        }
    }

    /// There was a connection. `is_watched`: a person sits before it, to whom every end is told.
    pub(super) fn of_outcome(outcome: &Outcome, is_watched: bool) -> Self {
        if let Some(errno) = outcome.unwritten {
            return Self {
                status: LOST,
                failure: Some(format!("cannot write output: {}", errno.desc())),
                ..Self::stopped()
            };
        }
        let code = outcome.code;
        let is_orderly = matches!(
            code,
            CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS
        );
        let is_finished = outcome.has_peer_closed || outcome.is_stopped;
        if is_orderly && !is_finished || code == CloseCode::ABNORMAL {
            let why = outcome.loss.as_deref().unwrap_or(&outcome.reason);
            return Self {
                status: LOST,
                failure: Some(format!("connection lost: {why}")),
                is_temporary: true,
                ..Self::stopped()
            };
        }
        Self {
            status: if is_orderly { OK } else { WRONG },
            closed: Some(sentence(code, &outcome.reason)),
            is_told: !is_orderly || is_watched,
            // The server is about to begin anew, or has too much to do.
            is_temporary: outcome.has_peer_closed
                && !outcome.is_stopped
                && matches!(code.as_u16(), 1001 | 1012 | 1013),
            ..Self::stopped()
        }
    }
}

fn sentence(code: CloseCode, reason: &str) -> String {
    match (code, reason) {
        (CloseCode::NO_STATUS, _) => "closed without a code".to_owned(),
        (code, "") => format!("closed {}", code.as_u16()),
        (code, reason) => format!("closed {}: {reason}", code.as_u16()),
    }
}
