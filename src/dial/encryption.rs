//! TLS for the addresses that ask for it: certificates and keys are read when the first does.

use crate::sys::patience::Patience;
use crate::transport::Transport;

use super::config::Trust;
use super::error::{Error, Why};
use super::url::Url;

/// What connections are encrypted with.
#[derive(Debug)]
pub(super) struct Encryption {
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is none"))]
    trust: Trust,
    #[cfg(feature = "tls")]
    connector: std::cell::OnceCell<crate::transport::Connector>,
}

impl Encryption {
    /// Encryption with these; nothing is read yet.
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            #[cfg(feature = "tls")]
            connector: std::cell::OnceCell::new(),
        }
    }

    /// Goes through the handshake with the server of an address.
    #[cfg(feature = "tls")]
    pub(super) fn secure(
        &self,
        transport: Transport,
        to: &Url,
        patience: Patience<'_>,
    ) -> Result<Transport, Error> {
        use std::io::ErrorKind;

        use crate::transport::HandshakeEnd;

        let failed = |end: HandshakeEnd| {
            if matches!(&end, HandshakeEnd::Io(error) if error.kind() == ErrorKind::Interrupted) {
                return Error::Stopped;
            }
            let is_broken = matches!(end, HandshakeEnd::Left | HandshakeEnd::Io(_));
            Error::Encryption {
                with: to.authority(),
                why: Why::new(end.to_string(), is_broken),
            }
        };
        let Transport::Plain(socket) = transport else {
            return Ok(transport);
        };
        let connector = self.connector()?;
        let transport = connector.connect(socket, &to.host).map_err(failed)?;
        transport
            .handshake(patience)
            .map_err(|(_, end)| failed(end))
    }

    #[cfg(feature = "tls")]
    fn connector(&self) -> Result<&crate::transport::Connector, Error> {
        use crate::transport::{Connector, Material, Trust};

        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let identity = self.trust.identity.as_ref();
        let trust = Trust {
            authorities: self.trust.authorities.as_deref(),
            identity: identity.map(|(chain, key)| (chain.as_path(), key.as_path())),
            is_insecure: self.trust.is_insecure,
        };
        let connector = Connector::load(&trust).map_err(|unusable| {
            let option = match unusable.material {
                Material::Chain => "--cert",
                Material::Key => "--key",
                Material::Authorities => "--ca",
            };
            Error::Here {
                doing: format!("use {option} {}", unusable.file.display()),
                why: format!("it {}", unusable.reason),
            }
        })?;
        Ok(self.connector.get_or_init(|| connector))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn secure(
        &self,
        _: Transport,
        to: &Url,
        _: Patience<'_>,
    ) -> Result<Transport, Error> {
        Err(Error::Encryption {
            with: to.authority(),
            why: Why::lasting("this websock was built without it (feature \"tls\")"),
        })
    }
}
