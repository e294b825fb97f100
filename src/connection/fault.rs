//! What a peer can do wrong, and the status code it is told.

use std::fmt;

use crate::frame::{CloseCode, Violation};

/// The peer asked for more than we allow.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// A message longer than [`Limits::max_message_len`](super::Limits::max_message_len).
    MessageTooBig,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooBig => f.write_str("message too big"),
        }
    }
}

impl std::error::Error for Limit {}

/// Why nothing more is taken from the peer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fault {
    /// It asked for more than we allow.
    Limit(Limit),
    /// It broke a rule of RFC 6455.
    Violation(Violation),
}

impl Fault {
    /// The status code to close with: 1002, 1007 or 1009 (RFC 6455 7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Limit(Limit::MessageTooBig) => CloseCode::TOO_BIG,
            Self::Violation(violation) => violation.close_code(),
        }
    }
}

impl From<Limit> for Fault {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => limit.fmt(f),
            Self::Violation(violation) => violation.fmt(f),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Limit(limit) => Some(limit),
            Self::Violation(violation) => Some(violation),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn each_fault_has_its_close_code() {
        for (fault, code) in [
            (Fault::Limit(Limit::MessageTooBig), 1009),
            (Fault::Violation(Violation::InvalidUtf8), 1007),
            (Fault::Violation(Violation::ReservedBits), 1002),
        ] {
            assert_eq!(fault.close_code().as_u16(), code, "{fault}");
        }
    }

    #[test]
    fn it_says_what_its_cause_says() {
        for fault in [
            Fault::from(Limit::MessageTooBig),
            Fault::from(Violation::UnknownOpcode),
        ] {
            assert_eq!(fault.to_string(), fault.source().unwrap().to_string());
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Limit>() <= 16);
        assert!(size_of::<Fault>() <= 16);
        assert!(size_of::<Result<(), Fault>>() <= 32);
    }
}
