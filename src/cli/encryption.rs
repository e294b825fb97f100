//! Certificates and keys, loaded at start: what is wrong with one is told to who gave it, not to the
//! first client.

use super::{Failure, Options};
use crate::transport::Acceptor;

/// Loads what the options name; `None` if none of them is given.
///
/// # Errors
///
/// 100: options or files that do not go together; 111: a file that cannot be read or used.
pub(super) fn load(options: &Options) -> Result<Option<Acceptor>, Failure> {
    let is_named = !options.tls_certs.is_empty();
    match options.tls {
        Some(false) if is_named => {
            return Err(Failure::exclude("--tls=false", "--tls-cert"));
        }
        Some(true) if !is_named => {
            return Err(Failure::usage(
                "--tls: give the certificate as --tls-cert F and its key as --tls-key F",
            ));
        }
        _ => {}
    }
    let (certs, keys) = (options.tls_certs.len(), options.tls_keys.len());
    if certs != keys {
        return Err(Failure::usage(format_args!(
            "{certs} --tls-cert and {keys} --tls-key: give one key for each certificate, in the same order"
        )));
    }
    match &options.tls_client_ca {
        Some(_) if !is_named => Err(Failure::usage(
            "--tls-client-ca: clients show a certificate to a server that has one: give --tls-cert and --tls-key",
        )),
        _ if !is_named => Ok(None),
        _ => load_files(options).map(Some),
    }
}

#[cfg(feature = "tls")]
fn load_files(options: &Options) -> Result<Acceptor, Failure> {
    use super::value::quoted;
    use crate::transport::{Material, Reason};

    let certs = options.tls_certs.iter().cloned();
    let pairs: Vec<_> = certs.zip(options.tls_keys.iter().cloned()).collect();
    Acceptor::load(&pairs, options.tls_client_ca.as_deref()).map_err(|unusable| {
        let option = match unusable.material {
            Material::Chain => "--tls-cert",
            Material::Key => "--tls-key",
            Material::Authorities => "--tls-client-ca",
        };
        let file = quoted(unusable.file.as_os_str());
        let message = format!("{option} {file}: {}", unusable.reason);
        if let Reason::Mismatch(_) = unusable.reason {
            return Failure::usage(message);
        }
        Failure::of_status(111, message)
    })
}

#[cfg(not(feature = "tls"))]
fn load_files(_: &Options) -> Result<Acceptor, Failure> {
    Err(Failure::usage(
        "--tls-cert: this websockd was built without TLS (feature \"tls\")",
    ))
}
