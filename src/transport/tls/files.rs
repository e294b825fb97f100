//! Certificates and keys from files, and why a file cannot be used.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use nix::errno::Errno;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::sys::errno;

use super::certificate::Certificate;

/// What a file was to hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Material {
    /// Our certificate and those that lead to a root.
    Chain,
    /// The private key to it.
    Key,
    /// Certificates of those whose word is taken.
    Authorities,
}

/// A file that cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) material: Material,
    pub(crate) file: PathBuf,
    pub(crate) reason: Reason,
}

/// Why a file cannot be used. `Display` ends a sentence that begins with the file.
#[derive(Debug)]
pub(crate) enum Reason {
    Unreadable(Errno),
    /// Between its BEGIN and END lines is not what should be.
    Malformed,
    /// It holds something else.
    Missing(Material),
    /// The key wants a passphrase.
    Encrypted,
    /// A key of a kind or size that is not used in TLS 1.2 or 1.3.
    KeyUnsupported,
    /// The key is not that of the first certificate in this file.
    Mismatch(PathBuf),
    /// The certificate is not what TLS takes.
    Refused(rustls::Error),
    Expired(SystemTime),
    NotYetValid(SystemTime),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |at: &SystemTime| humantime::format_rfc3339_seconds(*at);
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", error.desc()),
            Self::Malformed => f.write_str("is damaged: give a file in PEM"),
            Self::Missing(Material::Key) => f.write_str("holds no private key in PEM"),
            Self::Missing(_) => f.write_str("holds no certificate in PEM"),
            Self::Encrypted => f.write_str(
                "is encrypted, and nobody is there to ask for its passphrase: \
                 write it without one by openssl pkey -in FILE -out NEW",
            ),
            Self::KeyUnsupported => {
                f.write_str("is of no kind that is used here: RSA of 2048 bits or more, P-256, P-384 or Ed25519")
            }
            Self::Mismatch(chain) => write!(
                f,
                "is not the key of the first certificate in {chain:?}: \
                 give them in pairs, and in the file the server's own certificate first"
            ),
            Self::Refused(error) => write!(f, "cannot be used: {error}"),
            Self::Expired(at) => write!(f, "has expired: it was valid until {}", date(at)),
            Self::NotYetValid(at) => write!(f, "is not valid yet: it will be from {}", date(at)),
        }
    }
}

/// The cryptography of every connection.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A certificate, valid today, with those behind it, and its key.
pub(super) fn pair(chain: &Path, key: &Path) -> Result<CertifiedKey, Unusable> {
    let pair = pair_of_any_date(chain, key)?;
    check_validity(&pair.cert, chain)?;
    Ok(pair)
}

/// A certificate with those behind it, and its key.
pub(super) fn pair_of_any_date(chain: &Path, key: &Path) -> Result<CertifiedKey, Unusable> {
    let certificates = certificates(chain, Material::Chain)?;
    let unusable = |reason| Unusable {
        material: Material::Key,
        file: key.to_owned(),
        reason,
    };
    let private = private_key(key).map_err(unusable)?;
    let private = provider()
        .key_provider
        .load_private_key(private)
        .map_err(|_| unusable(Reason::KeyUnsupported))?;
    let pair = CertifiedKey::new(certificates, private);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(unusable(Reason::Mismatch(chain.to_owned())))
        }
        Err(error) => {
            let first = pair.cert.first().and_then(|der| Certificate::parse(der));
            Err(Unusable {
                material: Material::Chain,
                file: chain.to_owned(),
                reason: first.map_or(Reason::Malformed, |_| Reason::Refused(error)),
            })
        }
    }
}

/// Whether the first certificate is valid today; those behind it are the peer's business.
fn check_validity(certificates: &[CertificateDer<'_>], file: &Path) -> Result<(), Unusable> {
    let first = certificates.first().and_then(|der| Certificate::parse(der));
    let now = SystemTime::now();
    let reason = match first {
        None => Reason::Malformed,
        Some(first) if now > first.not_after => Reason::Expired(first.not_after),
        Some(first) if now < first.not_before => Reason::NotYetValid(first.not_before),
        Some(_) => return Ok(()),
    };
    Err(Unusable {
        material: Material::Chain,
        file: file.to_owned(),
        reason,
    })
}

/// Those whose word is taken. Never none.
pub(super) fn authorities(file: &Path) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, Material::Authorities)? {
        roots.add(certificate).map_err(|_| Unusable {
            material: Material::Authorities,
            file: file.to_owned(),
            reason: Reason::Malformed,
        })?;
    }
    Ok(roots)
}

/// All certificates of a file; never none.
pub(super) fn certificates(
    file: &Path,
    material: Material,
) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let load = || -> Result<Vec<_>, Reason> {
        let text = read(file)?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match found {
            Ok(found) if found.is_empty() => Err(Reason::Missing(material)),
            Ok(found) => Ok(found),
            Err(_) => Err(Reason::Malformed),
        }
    };
    load().map_err(|reason| Unusable {
        material,
        file: file.to_owned(),
        reason,
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Reason> {
    fs::read(file).map_err(|error| Reason::Unreadable(errno(error)))
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Reason> {
    let text = read(file)?;
    if is_encrypted(&text) {
        return Err(Reason::Encrypted);
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(Reason::Missing(Material::Key)),
        Err(_) => Err(Reason::Malformed),
    }
}

/// PKCS#8 says so in its BEGIN line, the older forms in a header (RFC 7468 11, RFC 1421 4.6.1.1).
fn is_encrypted(text: &[u8]) -> bool {
    let contains = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED")
}
