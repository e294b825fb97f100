//! A server's side: which certificate for whom, whose clients, and how a session is resumed.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::ServerName;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ProducesTickets, ResolvesServerCert,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use super::Stream;
use super::files::{self, Material, Reason, Unusable};

/// All that a server needs for TLS, loaded and checked.
///
/// Made once, in the listener, and inherited by every session's process: a ticket that one of them gave
/// out opens to all.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    /// Loads pairs of certificate chain and key, the first being the one for clients that name no host
    /// or an unknown one; never none. With `authorities` every client has to have a certificate that
    /// leads to one of those.
    pub(crate) fn load(
        pairs: &[(PathBuf, PathBuf)],
        authorities: Option<&Path>,
    ) -> Result<Self, Unusable> {
        let keys: Result<Vec<_>, _> = pairs
            .iter()
            .map(|(chain, key)| files::pair(chain, key).map(Arc::new))
            .collect();
        let verifier =
            authorities.map_or_else(|| Ok(WebPkiClientVerifier::no_client_auth()), verifier)?;
        Self::new(keys?, verifier).map_err(|error| Unusable {
            material: Material::Chain,
            file: pairs
                .first()
                .map(|(chain, _)| chain.clone())
                .unwrap_or_default(),
            reason: Reason::Refused(error),
        })
    }

    pub(super) fn new(
        keys: Vec<Arc<CertifiedKey>>,
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(files::provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(Pairs(keys)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // What one process keeps in memory is of no use to the next: the ticket holds it all.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Ticketer::new()?;
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// A connection to come over this socket.
    pub(crate) fn accept(&self, socket: OwnedFd) -> io::Result<Stream> {
        let connection = ServerConnection::new(Arc::clone(&self.config));
        let connection = connection.map_err(io::Error::other)?;
        Ok(Stream::new(socket, connection.into()))
    }

    /// Makes ready to resume sessions. For the listener, before each fork: what the process of a
    /// session learns of tickets is known to nobody else.
    pub(crate) fn prepare(&self) {
        prepare(&*self.config.ticketer);
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

fn verifier(file: &Path) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let roots = Arc::new(files::authorities(file)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, files::provider());
    match builder.build() {
        Ok(verifier) => Ok(verifier),
        Err(_) => Err(Unusable {
            material: Material::Authorities,
            file: file.to_owned(),
            reason: Reason::Missing(Material::Authorities),
        }),
    }
}

/// The longest ticket that is opened: one holds the client's certificates, if it has shown some.
const MAX_TICKET_LEN: usize = 8 * 1024;

/// Has the key of the tickets changed when its time has come, and known how long a ticket may be: it
/// opens none that is longer than the longest it has made, and none of ours was made in this process.
pub(super) fn prepare(tickets: &dyn ProducesTickets) {
    let _ticket_for_nobody = tickets.encrypt(&[0; MAX_TICKET_LEN]);
}

/// Certificates with their keys, in the order of the command line.
#[derive(Debug)]
struct Pairs(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Pairs {
    /// The first that is for the host the client names (RFC 6066 3) and that it can verify; else the
    /// first that it can verify; else the first, which the client may then refuse.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let is_usable = |pair: &&Arc<CertifiedKey>| {
            let scheme = pair.key.choose_scheme(hello.signature_schemes());
            scheme.is_some()
        };
        let mut named = self
            .0
            .iter()
            .filter(|pair| host.as_ref().is_some_and(|host| is_for(pair, host)));
        named
            .find(is_usable)
            .or_else(|| self.0.iter().find(is_usable))
            .or_else(|| self.0.first())
            .cloned()
    }
}

fn is_for(pair: &CertifiedKey, host: &ServerName<'_>) -> bool {
    pair.end_entity_cert()
        .and_then(ParsedCertificate::try_from)
        .is_ok_and(|certificate| verify_server_name(&certificate, host).is_ok())
}
