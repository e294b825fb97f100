//! What the handshake made known of the peer.

use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::{Connection, ProtocolVersion, SupportedCipherSuite};

use super::certificate::Certificate;
use super::name::hex;

/// What is known of the peer of an encrypted connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Security {
    /// `TLSv1.2` or `TLSv1.3`.
    pub(crate) version: &'static str,
    /// Who it has proven to be, if it was asked.
    pub(crate) certificate: Option<Identity>,
}

/// Whom a certificate is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    /// On one line, as RFC 4514 has it.
    pub(crate) subject: String,
    /// The SHA-256 fingerprint of the certificate, 64 hexadecimal digits in small letters.
    pub(crate) sha256: String,
}

impl Security {
    pub(super) fn of(connection: &Connection) -> Self {
        Self {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            certificate: connection
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|first| Identity {
                    subject: Certificate::parse(first).map_or_else(String::new, |it| it.subject()),
                    sha256: sha256(first),
                }),
        }
    }
}

/// The hash of this cipher suite is SHA-256, whatever suite the connection has.
fn sha256(bytes: &[u8]) -> String {
    match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => hex(suite.common.hash_provider.hash(bytes).as_ref()),
        SupportedCipherSuite::Tls12(suite) => hex(suite.common.hash_provider.hash(bytes).as_ref()),
    }
}
