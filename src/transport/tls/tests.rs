//! Both sides against each other over a socket pair, with certificates that openssl makes.

use std::fs;
use std::io::{IoSlice, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustls::server::WebPkiClientVerifier;

use super::*;
use crate::sys::signal::Signals;
use crate::transport::Transport;

/// A directory of keys and certificates, gone with the test.
struct Pki(PathBuf);

impl Drop for Pki {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

impl Pki {
    /// A root `ca`, and `server` for localhost; `None` where there is no openssl.
    fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("websockd-tls-{}-{number}", std::process::id());
        let pki = Self(std::env::temp_dir().join(name));
        let is_there = Command::new("openssl").arg("version").output().is_ok();
        if !is_there {
            let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!is_ci, "openssl is missing");
            eprintln!("left out: openssl is missing, tests/tools fetches it");
            return None;
        }
        fs::create_dir(&pki.0).unwrap();
        pki.root("ca");
        pki.issue(
            "server",
            "ca",
            "DNS:localhost,IP:127.0.0.1,IP:::1",
            "-days 9",
        );
        Some(pki)
    }

    fn openssl(&self, command: &str) {
        let output = Command::new("openssl")
            .args(command.split_whitespace())
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
    }

    fn root(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
             -keyout {name}.key -out {name}.pem -subj /CN={name} \
             -addext subjectAltName=DNS:localhost"
        ));
    }

    /// `time` is -days, or -startdate and -enddate.
    fn issue(&self, name: &str, authority: &str, hosts: &str, time: &str) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        let is_authority = hosts.is_empty();
        let extensions = match is_authority {
            true => "basicConstraints=critical,CA:TRUE".to_owned(),
            false => format!("subjectAltName={hosts}"),
        };
        fs::write(self.0.join("index"), "").unwrap();
        fs::write(
            self.0.join("config"),
            format!(
                "[ca]\ndefault_ca=it\n[it]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n\
                 default_md=sha256\npolicy=any\nx509_extensions=more\n[any]\ncommonName=supplied\n\
                 [more]\n{extensions}\n"
            ),
        )
        .unwrap();
        self.openssl(&format!(
            "ca -batch -notext -config config -cert {authority}.pem -keyfile {authority}.key \
             -in {name}.csr -out {name}.pem {time}"
        ));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        (
            self.file(&format!("{name}.pem")),
            self.file(&format!("{name}.key")),
        )
    }

    fn acceptor(&self, name: &str) -> Acceptor {
        Acceptor::load(&[self.pair(name)], None).unwrap()
    }

    fn connector(&self, authorities: &str) -> Connector {
        Connector::load(&Trust {
            authorities: Some(&self.file(authorities)),
            ..Trust::default()
        })
        .unwrap()
    }
}

/// Nobody's signals, and time enough.
fn patience(signals: &Signals) -> Patience<'_> {
    Patience::until(Instant::now() + Duration::from_secs(10), signals)
}

fn sockets() -> (OwnedFd, OwnedFd) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    (ours.into(), theirs.into())
}

type Outcome = Result<Transport, String>;

/// What becomes of a handshake on the client's side and on the server's.
fn meet(acceptor: &Acceptor, connector: &Connector, host: &str) -> (Outcome, Outcome) {
    let signals = Signals::handle(&[]).unwrap();
    let (ours, theirs) = sockets();
    let told = |(_, end): (Transport, HandshakeEnd)| end.to_string();
    let client = connector.connect(ours, host).map_err(|it| it.to_string());
    let server = Transport::accept(theirs, Some(acceptor)).unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let signals = Signals::handle(&[]).unwrap();
            server.handshake(patience(&signals)).map_err(told)
        });
        let client = client.and_then(|it| it.handshake(patience(&signals)).map_err(told));
        (client, server.join().unwrap())
    })
}

/// Why a client does not go on.
fn fault(acceptor: &Acceptor, connector: &Connector, host: &str) -> String {
    let (client, _) = meet(acceptor, connector, host);
    client.map(drop).unwrap_err()
}

#[test]
fn a_server_that_is_trusted_is_talked_to_by_name_and_by_address() {
    let Some(pki) = Pki::new() else { return };
    let (acceptor, connector) = (pki.acceptor("server"), pki.connector("ca.pem"));
    for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
        let (client, server) = meet(&acceptor, &connector, host);
        assert!(client.is_ok() && server.is_ok(), "{host}");
        let security = server.unwrap().security().unwrap();
        assert_eq!((security.version, security.certificate), ("TLSv1.3", None));
    }
}

#[test]
fn the_check_that_failed_is_named() {
    let Some(pki) = Pki::new() else { return };
    pki.root("self");
    let old = "-startdate 20200101000000Z -enddate 20210101000000Z";
    pki.issue("old", "ca", "DNS:localhost", old);
    let coming = "-startdate 20990101000000Z -enddate 20990201000000Z";
    pki.issue("coming", "ca", "DNS:localhost", coming);
    pki.issue("between", "ca", "", "-days 9");
    pki.issue("leaf", "between", "DNS:localhost", "-days 9");
    let (trusted, other) = (pki.connector("ca.pem"), pki.connector("self.pem"));
    // The server's own check would not start it with those.
    let unchecked = |name: &str| {
        let (chain, key) = pki.pair(name);
        let pair = files::pair_of_any_date(&chain, &key).unwrap();
        Acceptor::new(vec![Arc::new(pair)], WebPkiClientVerifier::no_client_auth()).unwrap()
    };
    for (server, connector, host, says) in [
        (
            "old",
            &trusted,
            "localhost",
            "has expired: valid until 2021-01-01T00:00:00Z",
        ),
        (
            "coming",
            &trusted,
            "localhost",
            "is not valid yet: it will be from 2099-01-01T00:00:00Z",
        ),
        (
            "server",
            &trusted,
            "evil.example",
            "is not for evil.example, but for ",
        ),
        (
            "server",
            &trusted,
            "127.0.0.2",
            "is not for 127.0.0.2, but for ",
        ),
        (
            "server",
            &other,
            "localhost",
            "leads to no authority that is trusted",
        ),
        (
            "leaf",
            &trusted,
            "localhost",
            "leads to no authority that is trusted",
        ),
        (
            "self",
            &trusted,
            "localhost",
            "is signed by itself, and is none of those",
        ),
        (
            "self",
            &other,
            "evil.example",
            "is not for evil.example, but for ",
        ),
    ] {
        let fault = fault(&unchecked(server), connector, host);
        let expected = format!("the server's certificate {says}");
        assert!(fault.starts_with(&expected), "{server}: {fault}");
    }
    let fault = fault(&unchecked("server"), &trusted, "a b");
    assert_eq!(fault, "no certificate can be for the host \"a b\"");
}

#[test]
fn one_signed_by_itself_is_trusted_if_it_is_named() {
    let Some(pki) = Pki::new() else { return };
    pki.root("self");
    let (client, _) = meet(
        &pki.acceptor("self"),
        &pki.connector("self.pem"),
        "localhost",
    );
    assert!(client.is_ok(), "{client:?}");
}

#[test]
fn who_asks_for_no_proof_gets_none() {
    let Some(pki) = Pki::new() else { return };
    pki.root("self");
    let anyone = Connector::load(&Trust {
        is_insecure: true,
        ..Trust::default()
    });
    let (client, _) = meet(&pki.acceptor("self"), &anyone.unwrap(), "evil.example");
    assert!(client.is_ok(), "{client:?}");
}

#[test]
fn a_client_shows_the_certificate_it_was_given() {
    let Some(pki) = Pki::new() else { return };
    pki.issue("alice", "ca", "DNS:alice", "-days 9");
    let ca = pki.file("ca.pem");
    let acceptor = Acceptor::load(&[pki.pair("server")], Some(&ca)).unwrap();
    let (chain, key) = pki.pair("alice");
    let alice = Trust {
        authorities: Some(&ca),
        identity: Some((&chain, &key)),
        is_insecure: false,
    };
    let (_, server) = meet(&acceptor, &Connector::load(&alice).unwrap(), "localhost");
    let identity = server.unwrap().security().unwrap().certificate.unwrap();
    assert_eq!(identity.subject, "CN=alice");
    assert_eq!(identity.sha256.len(), 64);

    let (_, server) = meet(&acceptor, &pki.connector("ca.pem"), "localhost");
    assert_eq!(
        server.map(drop).unwrap_err(),
        "the client has shown no certificate"
    );
}

#[test]
fn a_server_that_speaks_no_tls_is_told_apart() {
    let Some(pki) = Pki::new() else { return };
    let signals = Signals::handle(&[]).unwrap();
    let (ours, theirs) = sockets();
    let mut server = UnixStream::from(theirs);
    server
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .unwrap();
    let client = pki.connector("ca.pem").connect(ours, "localhost").unwrap();
    let (_, end) = client.handshake(patience(&signals)).unwrap_err();
    assert_eq!(end.to_string(), "the peer does not speak TLS");
}

// -- readiness

/// Two ends that have shaken hands.
fn joined() -> Option<(Transport, Transport, Signals)> {
    let pki = Pki::new()?;
    let (client, server) = meet(
        &pki.acceptor("server"),
        &pki.connector("ca.pem"),
        "localhost",
    );
    Some((
        client.unwrap(),
        server.unwrap(),
        Signals::handle(&[]).unwrap(),
    ))
}

fn would_block(outcome: &io::Result<usize>) -> bool {
    outcome
        .as_ref()
        .is_err_and(|it| it.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn a_short_read_says_whether_there_is_more() {
    let Some((mut client, mut server, signals)) = joined() else {
        return;
    };
    client.write_all(&[b'x'; 1000], patience(&signals)).unwrap();
    let mut bytes = [0; 600];
    assert_eq!(server.read(&mut bytes).unwrap(), 600);
    // The socket is empty, but 400 bytes are decrypted: no edge will tell.
    assert!(server.has_more(true));
    assert_eq!(server.read(&mut bytes).unwrap(), 400);
    assert!(!server.has_more(false));
    assert!(would_block(&server.read(&mut bytes)));
}

#[test]
fn nothing_is_lost_between_reads_of_any_length() {
    let Some((mut client, mut server, signals)) = joined() else {
        return;
    };
    let sent: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let signals = Signals::handle(&[]).unwrap();
            client.write_all(&sent, patience(&signals)).unwrap();
            client.finish().unwrap();
        });
        let mut received = Vec::new();
        let mut buffer = vec![0; 70_000];
        for len in [1, 17, 4096, 16_384, 16_385, 70_000].into_iter().cycle() {
            match server.read(&mut buffer[..len]) {
                Ok(0) => break,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Nothing is held back where the kernel is asked for more.
                    patience(&signals).wait(&server, PollFlags::POLLIN).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(received == sent);
    });
    // The end stays the end.
    assert!(server.has_more(false));
    assert_eq!(server.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn what_waits_for_room_is_bounded_and_told() {
    let Some((mut client, mut server, signals)) = joined() else {
        return;
    };
    let big = vec![b'x'; 8 << 20];
    let mut taken = 0;
    loop {
        let outcome = client.write(&[IoSlice::new(&big[taken..])]);
        if would_block(&outcome) {
            break;
        }
        taken += outcome.unwrap();
        assert_eq!(client.has_room(false), !client.is_pending());
    }
    assert!(client.is_pending() && !client.has_room(true));
    assert!(taken < 2 << 20, "{taken}");
    thread::scope(|scope| {
        let rest = big.get(taken..).unwrap();
        scope.spawn(|| {
            let signals = Signals::handle(&[]).unwrap();
            client.write_all(rest, patience(&signals)).unwrap();
        });
        let mut total = 0;
        let mut buffer = vec![0; 70_000];
        while total < big.len() {
            match server.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    patience(&signals).wait(&server, PollFlags::POLLIN).unwrap();
                }
                count => total += count.unwrap(),
            }
        }
        assert_eq!(total, big.len());
    });
    assert!(!client.is_pending() && client.has_room(true));
}

#[test]
fn an_end_that_finds_no_room_follows_when_there_is_some() {
    let Some((mut client, mut server, signals)) = joined() else {
        return;
    };
    let big = vec![b'x'; 1 << 20];
    let mut taken = 0;
    loop {
        match client.write(&[IoSlice::new(&big[taken..])]) {
            Ok(count) => taken += count,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
    client.finish().unwrap();
    assert!(client.is_pending());
    thread::scope(|scope| {
        scope.spawn(|| {
            let signals = Signals::handle(&[]).unwrap();
            client.write_all(b"", patience(&signals)).unwrap();
        });
        let mut total = 0;
        let mut buffer = vec![0; 70_000];
        loop {
            match server.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => total += count,
                Err(_) => patience(&signals).wait(&server, PollFlags::POLLIN).unwrap(),
            }
        }
        assert_eq!(total, taken);
    });
}

#[test]
fn damage_is_told_after_what_was_right() {
    let Some((mut client, mut server, signals)) = joined() else {
        return;
    };
    client.write_all(b"right", patience(&signals)).unwrap();
    let Transport::Tls(stream) = client else {
        panic!("plain");
    };
    let mut socket = UnixStream::from(stream.into_socket());
    socket.write_all(b"this is no record of any kind").unwrap();
    let mut bytes = [0; 64];
    assert_eq!(server.read(&mut bytes).unwrap(), 5);
    assert!(server.has_more(false));
    let error = server.read(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(server.has_more(false));
}

// -- tickets

#[test]
fn the_key_of_the_tickets_changes_when_it_is_looked_after() {
    use rustls::server::ProducesTickets;
    use rustls::ticketer::TicketRotator;

    /// Marks what it makes with its number.
    #[derive(Debug)]
    struct Numbered(u8);

    impl ProducesTickets for Numbered {
        fn enabled(&self) -> bool {
            true
        }
        fn lifetime(&self) -> u32 {
            1
        }
        fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
            Some(vec![self.0])
        }
        fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
            (ticket == [self.0]).then(Vec::new)
        }
    }

    static MADE: AtomicU32 = AtomicU32::new(0);
    let tickets = TicketRotator::new(0, || {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Numbered(number.to_le_bytes()[0])))
    })
    .unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while MADE.load(Ordering::Relaxed) < 3 {
        assert!(Instant::now() < end, "it never changes");
        server::prepare(&tickets);
    }
}

#[test]
fn a_client_that_comes_again_resumes() {
    let Some(pki) = Pki::new() else { return };
    let acceptor = pki.acceptor("server");
    acceptor.prepare();
    let connector = pki.connector("ca.pem");
    let signals = Signals::handle(&[]).unwrap();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (client, server) = meet(&acceptor, &connector, "localhost");
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        server.write_all(b"x", patience(&signals)).unwrap();
        patience(&signals).wait(&client, PollFlags::POLLIN).unwrap();
        client.read(&mut [0; 9]).unwrap();
        let Transport::Tls(stream) = &client else {
            panic!("plain");
        };
        kinds.push(stream.connection.handshake_kind().unwrap());
    }
    assert_eq!(
        kinds,
        [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]
    );
}

// -- certificates

#[test]
fn dates_are_read_as_openssl_writes_them() {
    let Some(pki) = Pki::new() else { return };
    let at = |text: &str| humantime::parse_rfc3339(text).unwrap();
    for (start, end, not_before, not_after) in [
        (
            "200229123456Z",
            "20491231235959Z",
            "2020-02-29T12:34:56Z",
            "2049-12-31T23:59:59Z",
        ),
        (
            "19700101000000Z",
            "20500101000000Z",
            "1970-01-01T00:00:00Z",
            "2050-01-01T00:00:00Z",
        ),
        (
            "19500101000000Z",
            "99991231235959Z",
            "1970-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ),
    ] {
        let time = format!("-startdate {start} -enddate {end}");
        pki.issue("dated", "ca", "DNS:localhost", &time);
        let ders = files::certificates(&pki.file("dated.pem"), Material::Chain).unwrap();
        let certificate = certificate::Certificate::parse(&ders[0]).unwrap();
        assert_eq!(certificate.not_before, at(not_before), "{start}");
        assert_eq!(certificate.not_after, at(not_after), "{end}");
        assert_eq!(certificate.subject(), "CN=dated");
        assert!(!certificate.is_self_issued());
        // Cut anywhere it is none, and no byte of it can do harm.
        for len in 0..ders[0].len() {
            assert_eq!(certificate::Certificate::parse(&ders[0][..len]), None);
        }
        for at in 0..ders[0].len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = ders[0].to_vec();
                damaged[at] ^= bits;
                let parsed = certificate::Certificate::parse(&damaged);
                drop(parsed.map(|it| it.subject()));
            }
        }
    }
    assert!(SystemTime::now() > at("2020-01-01T00:00:00Z"));
}
