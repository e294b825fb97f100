//! wss: whom it believes, what it shows, and which check of a certificate failed. The authority is
//! openssl's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::host::Host;
use crate::support::server::{Server, Setup};
use crate::support::tls::Pki;
use crate::support::websock::{Ended, Websock};
use crate::tools::has_program;

/// An authority, unless there is no openssl.
fn pki() -> Option<Pki> {
    has_program("openssl").then(Pki::new)
}

/// `echo here` behind a pair, its chain in a file of its own name.
fn server(pki: &Pki, chain: &str, key: &str) -> Server {
    let (chain, key) = (pki.path(chain), pki.path(key));
    Setup::sh("echo here")
        .options(&["--tls-cert", &chain, "--tls-key", &key])
        .start()
}

fn run(pki: &Pki, host: &str, port: u16, options: &[&str]) -> Ended {
    let url = format!("wss://{host}:{port}/");
    let ca = pki.path("ca.pem");
    let trust = ["--ca", &ca, &url];
    let words = match options.contains(&"-k") || options.contains(&"--ca") {
        true => [options, &[&*url]].concat(),
        false => [options, &trust].concat(),
    };
    Websock::run(&words, "")
}

#[track_caller]
fn believed(ended: &Ended) {
    assert_eq!(
        (ended.status, &*ended.output),
        (Some(0), "here\n"),
        "{ended:?}"
    );
}

#[track_caller]
fn not_believed(ended: &Ended, why: &str) {
    assert_eq!((ended.status, &*ended.output), (Some(111), ""), "{ended:?}");
    assert!(ended.said.starts_with("websock: no TLS with "), "{ended:?}");
    assert!(ended.said.contains(why), "{why}: {ended:?}");
}

#[test]
fn a_server_of_a_trusted_authority_is_believed() {
    let Some(pki) = pki() else { return };
    let server = server(&pki, "server.pem", "server.key");
    for host in ["localhost", "127.0.0.1"] {
        believed(&run(&pki, host, server.port(), &[]));
    }
    let ended = run(&pki, "localhost", server.port(), &["-v"]);
    assert!(ended.said.contains("websock: TLSv1.3\n"), "{ended:?}");
}

#[test]
fn the_systems_authorities_are_believed_unless_others_are_named() {
    let Some(pki) = pki() else { return };
    let server = server(&pki, "server.pem", "server.key");
    let url = format!("wss://localhost:{}/", server.port());
    let ended = Websock::start_with(&[&url], |command| {
        command.env("SSL_CERT_FILE", pki.path("ca.pem"));
    });
    believed(&ended.ended());
    let ended = Websock::run(&[&url], "");
    not_believed(&ended, "leads to no authority that is trusted");
}

#[test]
fn a_server_for_another_host_is_not_believed() {
    let Some(pki) = pki() else { return };
    pki.issue("other", "ca", "/CN=localhost", "DNS:other.example", "");
    let server = server(&pki, "other.pem", "other.key");
    let ended = run(&pki, "localhost", server.port(), &[]);
    not_believed(&ended, "is not for localhost, but for ");
    not_believed(&ended, "other.example");
    believed(&run(&pki, "localhost", server.port(), &["-k"]));
}

#[test]
fn a_server_signed_by_itself_is_believed_only_if_it_is_named() {
    let Some(pki) = pki() else { return };
    let subject =
        "-subj /CN=self -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE";
    pki.openssl(&format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
         -keyout self.key -out self.pem {subject}"
    ));
    let server = server(&pki, "self.pem", "self.key");
    let ended = run(&pki, "localhost", server.port(), &[]);
    not_believed(&ended, "is signed by itself");
    let own = pki.path("self.pem");
    believed(&run(&pki, "localhost", server.port(), &["--ca", &own]));
    believed(&run(&pki, "localhost", server.port(), &["-k"]));
}

#[test]
fn a_server_whose_time_has_passed_is_not_believed() {
    let Some(pki) = pki() else { return };
    pki.issue("expired", "ca", "/CN=expired", "DNS:localhost", "-days -1");
    // websockd does not even begin with it.
    let (mut child, port) = other_server(&pki, "expired");
    let ended = run(&pki, "localhost", port, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    not_believed(&ended, "the server's certificate has expired");
}

#[test]
fn a_chain_is_followed_in_whatever_order_it_comes() {
    let Some(pki) = pki() else { return };
    pki.issue("first", "ca", "/CN=first", "", "");
    pki.issue("second", "first", "/CN=second", "", "");
    pki.issue("leaf", "second", "/CN=leaf", "DNS:localhost", "");
    pki.concatenate("right.pem", &["leaf.pem", "second.pem", "first.pem"]);
    pki.concatenate(
        "wrong.pem",
        &["leaf.pem", "ca.pem", "first.pem", "second.pem"],
    );
    pki.concatenate("short.pem", &["leaf.pem", "first.pem"]);
    for chain in ["right.pem", "wrong.pem"] {
        let server = server(&pki, chain, "leaf.key");
        believed(&run(&pki, "localhost", server.port(), &[]));
    }
    let server = server(&pki, "short.pem", "leaf.key");
    let ended = run(&pki, "localhost", server.port(), &[]);
    not_believed(&ended, "leads to no authority that is trusted");
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    let Some(pki) = pki() else { return };
    pki.issue("me", "ca", "/CN=me", "DNS:me", "");
    pki.root("foreign", "/CN=foreign");
    pki.issue("stranger", "foreign", "/CN=stranger", "DNS:stranger", "");
    let pair = pki.pair("server");
    let pair = pair.each_ref().map(String::as_str);
    let ca = pki.path("ca.pem");
    let server = Setup::sh("echo $TLS_CLIENT_SUBJECT")
        .options(&pair)
        .options(&["--tls-client-ca", &ca])
        .start();
    let shown = |name: &str| {
        let (cert, key) = (
            pki.path(&format!("{name}.pem")),
            pki.path(&format!("{name}.key")),
        );
        run(
            &pki,
            "localhost",
            server.port(),
            &["--cert", &cert, "--key", &key],
        )
    };
    let ended = shown("me");
    assert_eq!(
        (ended.status, &*ended.output),
        (Some(0), "CN=me\n"),
        "{ended:?}"
    );
    // In TLS 1.3 a client learns only behind its handshake that it is refused.
    for ended in [
        shown("stranger"),
        run(&pki, "localhost", server.port(), &[]),
    ] {
        assert_eq!((ended.status, &*ended.output), (Some(111), ""), "{ended:?}");
    }
    let wrong = [
        "--cert",
        &pki.path("me.pem"),
        "--key",
        &pki.path("server.key"),
    ];
    let ended = run(&pki, "localhost", server.port(), &wrong);
    assert_eq!(ended.status, Some(111));
    assert!(
        ended.said.contains("--key") && ended.said.contains("is not the key"),
        "{ended:?}"
    );
    let absent = ["--ca", "/nonexistent"];
    let ended = run(&pki, "localhost", server.port(), &absent);
    assert!(
        ended.said.contains("--ca /nonexistent: it cannot be read"),
        "{ended:?}"
    );
}

#[test]
fn a_server_that_speaks_the_other_way_is_told() {
    let Some(pki) = pki() else { return };
    let plain = Setup::sh("echo here").start();
    let ended = run(&pki, "localhost", plain.port(), &[]);
    not_believed(&ended, "does not speak TLS");
    let server = server(&pki, "server.pem", "server.key");
    let ended = Websock::run(&[&format!("ws://localhost:{}/", server.port())], "");
    assert_eq!(ended.status, Some(111));
    assert!(ended.said.contains("answered 400: "), "{ended:?}");
}

#[test]
fn a_server_that_stalls_in_the_handshake_is_waited_for_no_longer_than_was_said() {
    let Some(pki) = pki() else { return };
    let host = Host::new();
    let ended = run(&pki, "127.0.0.1", host.port(), &["--timeout", "300ms"]);
    not_believed(&ended, "did not end in time");
}

#[test]
fn a_server_that_goes_or_stalls_in_the_handshake_is_tried_again() {
    let host = Host::new();
    let url = host.url("/").replace("ws:", "wss:");
    for (timeout, stays, why) in [
        ("30s", false, "no TLS with 127.0.0.1"),
        ("300ms", true, "did not end in time"),
    ] {
        let websock = Websock::start(&["-k", "--reconnect", "--timeout", timeout, &url]);
        let guest = Some(host.guest()).filter(|_| stays);
        websock.expect_said("; connecting again in ");
        websock.signal(Signal::SIGTERM);
        let ended = websock.ended();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert!(ended.said.contains(why), "{ended:?}");
        drop(guest);
    }
    let websock = Websock::start(&["-k", "--reconnect", &url]);
    host.guest().send("220 mail.example ESMTP\r\n");
    assert_eq!(websock.ended().status, Some(111));
}

#[test]
fn a_proxy_sees_nothing_but_the_host() {
    let Some(pki) = pki() else { return };
    let server = server(&pki, "server.pem", "server.key");
    let proxy = Host::new();
    let url = format!("wss://localhost:{}/", server.port());
    let name = format!("http://127.0.0.1:{}", proxy.port());
    let ca = pki.path("ca.pem");
    let websock = Websock::start_with(&["--ca", &ca, &url], |command| {
        command.env("HTTPS_PROXY", &name);
    });
    let mut guest = proxy.guest();
    let request = guest.request();
    assert!(request.starts_with(&format!("CONNECT localhost:{} ", server.port())));
    guest.send("HTTP/1.1 200 OK\r\n\r\n");
    guest.lead_to(server.port());
    believed(&websock.ended());
}

#[test]
fn from_wss_no_redirection_leads_to_ws() {
    let Some(pki) = pki() else { return };
    let plain = Setup::sh("echo here").start();
    let redirecting = "HTTP/1.1 302 Found\r\nLocation: ws://localhost:PORT/\r\n\r\n";
    let answer = redirecting.replace("PORT", &plain.port().to_string());
    let (mut child, port) = other_server(&pki, "server");
    let mut input = child.stdin.take().unwrap();
    input.write_all(answer.as_bytes()).unwrap();
    let ended = run(&pki, "localhost", port, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ended.status, Some(111), "{ended:?}");
    assert!(
        ended
            .said
            .contains("is not encrypted, and what we came from is"),
        "{ended:?}"
    );
    // The other way is no trouble: what is behind is not trusted without its own check.
    let secure = server(&pki, "server.pem", "server.key");
    let host = Host::new();
    let ca = pki.path("ca.pem");
    let websock = Websock::start(&["--ca", &ca, &host.url("/")]);
    let mut guest = host.guest();
    guest.request();
    let location = format!("wss://localhost:{}/", secure.port());
    guest.send(format!("HTTP/1.1 308 x\r\nLocation: {location}\r\n\r\n"));
    believed(&websock.ended());
}

/// openssl's server with a pair, for one connection: what is written to it is sent.
fn other_server(pki: &Pki, name: &str) -> (Child, u16) {
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"])
        .args(["-cert", &pki.path(&format!("{name}.pem"))])
        .args(["-key", &pki.path(&format!("{name}.key"))])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.as_mut().unwrap());
    let port = told.lines().find_map(|line| {
        let line = line.unwrap();
        let address = line.strip_prefix("ACCEPT ")?;
        address.rsplit(':').next()?.parse().ok()
    });
    (child, port.unwrap())
}
