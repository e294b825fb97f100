//! How a handshake ends without a connection, in words.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use super::client::SelfSigned;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no encrypted connection.
#[derive(Debug)]
pub(crate) enum HandshakeEnd {
    /// The peer's first byte is no TLS.
    NotTls,
    /// The peer went.
    Left,
    /// The connection broke; the deadline came (`TimedOut`), or a signal (`Interrupted`).
    Io(io::Error),
    /// It was refused, by us or by the peer; the sentence says why.
    Failed(String),
}

impl HandshakeEnd {
    /// Whether it is worth a word that the peer has not simply gone.
    pub(crate) fn is_told(&self) -> bool {
        match self {
            Self::NotTls | Self::Failed(_) => true,
            Self::Left => false,
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
        }
    }
}

impl From<io::Error> for HandshakeEnd {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for HandshakeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => f.write_str("the peer does not speak TLS"),
            Self::Left => f.write_str("the connection ended in the handshake"),
            Self::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                f.write_str("the handshake did not end in time")
            }
            Self::Io(error) => error.fmt(f),
            Self::Failed(sentence) => f.write_str(sentence),
        }
    }
}

/// Which check failed. `is_server`: this is the server's side, and a certificate that failed one the
/// client's.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others, and those to come, say it in words of their own"
)]
pub(super) fn sentence(error: &Error, is_server: bool) -> String {
    let (peer, whose) = match is_server {
        true => ("the client", "the client's certificate"),
        false => ("the server", "the server's certificate"),
    };
    match error {
        Error::InvalidCertificate(error) => format!("{whose} {}", of_certificate(error)),
        Error::NoCertificatesPresented => format!("{peer} has shown no certificate"),
        Error::AlertReceived(alert) => format!("{peer} refused: {}", of_alert(*alert)),
        Error::NoApplicationProtocol => format!("{peer} does not offer http/1.1"),
        Error::PeerIncompatible(reason) => format!("{peer} has nothing in common: {reason:?}"),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            format!("{peer} does not speak TLS as it should: {error}")
        }
        error => format!("{peer}: {error}"),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others, and those to come, say it in words of their own"
)]
fn of_certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired => "has expired".to_owned(),
        E::ExpiredContext { not_after, .. } => {
            format!("has expired: valid until {}", date(not_after))
        }
        E::NotValidYet => "is not valid yet".to_owned(),
        E::NotValidYetContext { not_before, .. } => {
            format!("is not valid yet: it will be from {}", date(not_before))
        }
        E::NotValidForName => "is for another host".to_owned(),
        E::NotValidForNameContext {
            expected,
            presented,
        } => {
            let presented = match presented.as_slice() {
                [] => "no host at all".to_owned(),
                names => names.join(", "),
            };
            format!("is not for {}, but for {presented}", expected.to_str())
        }
        E::UnknownIssuer => "leads to no authority that is trusted".to_owned(),
        E::Revoked => "has been revoked".to_owned(),
        E::BadSignature => "is not signed by the authority that it names".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "is for another purpose than this end of a connection".to_owned()
        }
        E::BadEncoding => "cannot be read".to_owned(),
        E::UnhandledCriticalExtension => "makes a condition that is not known here".to_owned(),
        E::Other(other) if other.0.is::<SelfSigned>() => other.to_string(),
        E::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is an authority's own: it was signed by itself, or is not meant for this".to_owned()
        }
        error => format!("cannot be trusted: {error}"),
    }
}

/// What the peer's alert says (RFC 8446 6.2), for those that an operator can do something about.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others, and those to come, say it in words of their own"
)]
fn of_alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let words = match alert {
        A::UnknownCA => "it does not trust the authority of our certificate",
        A::BadCertificate | A::CertificateUnknown => "it does not trust our certificate",
        A::CertificateExpired => "our certificate has expired",
        A::CertificateRequired => "it wants a certificate of us",
        A::HandshakeFailure => "it finds nothing in common",
        A::ProtocolVersion => "it wants another version of TLS",
        A::UnrecognisedName => "it does not serve this host",
        A::NoApplicationProtocol => "it does not speak http/1.1",
        other => return format!("alert {other:?}"),
    };
    words.to_owned()
}

fn date(at: &UnixTime) -> impl fmt::Display + use<> {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at.as_secs()));
    humantime::format_rfc3339_seconds(at.unwrap_or(SystemTime::UNIX_EPOCH))
}
