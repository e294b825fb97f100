//! Over TLS, which is a stream like any other: rustls, given deadlines by its socket's.

use std::env;
use std::net::TcpStream;
use std::ops::DerefMut;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{ConnectionCommon, SideData, StreamOwned};
use websockd::blocking::{Acceptor, Blame, Client, Deadline, Options, WebSocket, WithDeadline};
use websockd::frame::{CloseCode, Role};

use super::streams::{self, PATIENCE, Stream, far, past};

/// Both ends of a TLS connection over TCP, the handshake still to be done.
/// `None` where nobody makes a certificate.
fn tls() -> Option<(impl Stream, impl Stream)> {
    let (certificate, key) = identity()?;
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(client), name).unwrap();
    let server = ServerConnection::new(Arc::new(server)).unwrap();
    let (here, there) = streams::tcp();
    Some((limited(client, here), limited(server, there)))
}

fn limited<C, D>(connection: C, socket: TcpStream) -> impl Stream
where
    C: DerefMut<Target = ConnectionCommon<D>> + Send + 'static,
    D: SideData + 'static,
{
    let stream = StreamOwned::new(connection, socket);
    WithDeadline::new(stream, |tls: &mut StreamOwned<C, TcpStream>, deadline| {
        tls.sock.set_deadline(deadline)
    })
}

/// A certificate for localhost that vouches for itself, and its key.
fn identity() -> Option<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args([
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "-",
            "-out",
            "-",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .stdin(Stdio::null())
        .output();
    let Ok(made) = made else {
        assert!(env::var("CI").as_deref() != Ok("true"), "no openssl");
        eprintln!("left out: TLS, for want of openssl");
        return None;
    };
    assert!(made.status.success(), "{}", made.stderr.escape_ascii());
    Some((
        CertificateDer::from_pem_slice(&made.stdout).unwrap(),
        PrivateKeyDer::from_pem_slice(&made.stdout).unwrap(),
    ))
}

#[test]
fn a_conversation_over_tls_from_handshake_to_close() {
    let Some((here, there)) = tls() else { return };
    let server = thread::spawn(move || {
        let mut server = Acceptor::new().attach_until(there, far()).unwrap();
        while let Some(message) = server.recv().unwrap() {
            server.send(message).unwrap();
        }
    });
    let mut client = Client::new("localhost", "/")
        .attach_until(here, far())
        .unwrap();
    for len in [0, 1, 125, 16_384, 200_000] {
        let message = "a".repeat(len);
        client.send(&message).unwrap();
        assert!(
            client.recv().unwrap().unwrap() == message.as_bytes(),
            "{len}"
        );
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    server.join().unwrap();
}

#[test]
fn what_is_done_without_waiting_over_tls_goes_on_and_loses_nothing() {
    let Some((here, there)) = tls() else { return };
    let options = Options::new().max_message_len(None);
    let mut client = WebSocket::without_handshake(here, Role::Client, &[], &options);
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &options);
    let begun = Instant::now();
    assert!(server.recv_until(past()).unwrap_err().is_timeout());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());

    let long = "0123456789".repeat(1_000_000);
    client.send_until(&long, past()).unwrap();
    let end = far();
    let heard = loop {
        assert!(Instant::now() < end, "it never comes");
        assert!(!matches!(client.flush_until(past()), Err(error) if !error.is_timeout()));
        match server.recv_until(past()) {
            Err(error) if error.is_timeout() => {}
            outcome => break outcome.unwrap().unwrap(),
        }
    };
    assert!(heard == long.as_bytes());
    assert!(client.is_flushed());

    let deadline = Instant::now() + Duration::from_millis(40);
    assert!(client.recv_until(deadline).unwrap_err().is_timeout());
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_tls_stream_that_just_ends_is_lost() {
    let Some((here, there)) = tls() else { return };
    let server = thread::spawn(move || Acceptor::new().attach_until(there, far()).unwrap().recv());
    let client = Client::new("localhost", "/").attach_until(here, far());
    drop(client.unwrap().force_close());
    let error = server.join().unwrap().unwrap_err();
    assert_eq!(error.blame(), Blame::Machine, "{error:?}");
}
