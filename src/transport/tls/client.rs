//! A client's side: whom it trusts, and what it shows of itself.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, OtherError,
    RootCertStore, SignatureScheme,
};

use crate::transport::Transport;

use super::certificate::Certificate;
use super::files::{self, Material, Reason, Unusable};
use super::{HandshakeEnd, Stream, fault};

/// Whom a client trusts, and what it shows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trust<'a> {
    /// Certificates whose word is taken; `None`: those of the system.
    pub(crate) authorities: Option<&'a Path>,
    /// Our certificate with those behind it, and its key.
    pub(crate) identity: Option<(&'a Path, &'a Path)>,
    /// Any server is believed.
    pub(crate) is_insecure: bool,
}

/// All that a client needs for TLS, loaded and checked. One for several connections resumes sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
}

impl Connector {
    /// Loads certificates and keys.
    pub(crate) fn load(trust: &Trust<'_>) -> Result<Self, Unusable> {
        let verifier = verifier(trust)?;
        let builder = ClientConfig::builder_with_provider(files::provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|error| system(Reason::Refused(error)))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match trust.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let pair = Arc::new(files::pair(chain, key)?);
                builder.with_client_cert_resolver(Arc::new(Own(pair)))
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// A connection to come over this non-blocking socket, to `host` and no other; its
    /// [handshake](Transport::handshake) has to follow. An address may be in brackets.
    pub(crate) fn connect(&self, socket: OwnedFd, host: &str) -> Result<Transport, HandshakeEnd> {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let name = ServerName::try_from(bare.unwrap_or(host).to_owned());
        let name = name.map_err(|_| {
            HandshakeEnd::Failed(format!("no certificate can be for the host {host:?}"))
        })?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| HandshakeEnd::Failed(fault::sentence(&error, false)))?;
        let stream = Stream::new(socket, connection.into());
        Ok(Transport::Tls(Box::new(stream)))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// What is wrong with the system's own store, which has no one file.
fn system(reason: Reason) -> Unusable {
    Unusable {
        material: Material::Authorities,
        file: PathBuf::from("the system's certificates"),
        reason,
    }
}

fn verifier(trust: &Trust<'_>) -> Result<Arc<dyn ServerCertVerifier>, Unusable> {
    Ok(Arc::new(Verifier {
        trusted: match trust.is_insecure {
            true => None,
            false => Some(Trusted::load(trust.authorities)?),
        },
        algorithms: files::provider().signature_verification_algorithms,
    }))
}

/// What the system trusts, as far as it can be read; `SSL_CERT_FILE` and `SSL_CERT_DIR` take its place.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Our certificate, whoever asks for one.
#[derive(Debug)]
struct Own(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Own {
    fn resolve(
        &self,
        _: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let is_usable = self.0.key.choose_scheme(schemes).is_some();
        is_usable.then(|| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A server signed by itself, which nobody has said to trust.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is signed by itself, and is none of those that are trusted")
    }
}

impl std::error::Error for SelfSigned {}

/// Believes whom it trusts, and who has the key of the certificate that it shows.
#[derive(Debug)]
struct Verifier {
    /// `None`: whoever answers.
    trusted: Option<Trusted>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        if trusted.named.iter().any(|named| named == end_entity) {
            return verify_named(end_entity, server_name, now);
        }
        let verdict = trusted.by_roots.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verdict.map_err(|error| name_self_signed(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What leads to a root, and a server whose very certificate was named to be trusted: that is how one
/// signed by itself is.
#[derive(Debug)]
struct Trusted {
    by_roots: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Those in a file; `None`: those of the system.
    fn load(authorities: Option<&Path>) -> Result<Self, Unusable> {
        let (roots, named) = match authorities {
            Some(file) => (
                files::authorities(file)?,
                files::certificates(file, Material::Authorities)?,
            ),
            None => (system_roots(), Vec::new()),
        };
        let by_roots =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), files::provider()).build();
        Ok(Self {
            by_roots: by_roots.map_err(|_| system(Reason::Missing(Material::Authorities)))?,
            named,
        })
    }
}

/// The error of a server that no root leads to, in the words of one that has signed itself.
fn name_self_signed(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    let is_about_issuer = matches!(
        error,
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
    );
    let is_self_issued = Certificate::parse(end_entity).is_some_and(|it| it.is_self_issued());
    if is_about_issuer && is_self_issued {
        return CertificateError::Other(OtherError(Arc::new(SelfSigned))).into();
    }
    error
}

/// A certificate that is trusted by itself still has to be for this host, and today.
fn verify_named(
    certificate: &CertificateDer<'_>,
    host: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let validity = Certificate::parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let (not_before, not_after) = (unix(validity.not_before), unix(validity.not_after));
    if now.as_secs() > not_after.as_secs() {
        let time = now;
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    if now.as_secs() < not_before.as_secs() {
        let time = now;
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
    Ok(ServerCertVerified::assertion())
}

fn unix(at: std::time::SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(
        at.duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
