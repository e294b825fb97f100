//! Encrypted connections, with openssl, curl and python at the other end. The authority is made by
//! openssl for each test.
#![cfg(feature = "tls")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong"
)]

#[cfg(test)]
#[path = "interop/tools.rs"]
#[allow(dead_code, reason = "every test file uses its own part")]
mod tools;

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use support::http::Request;
use support::peer::{End, Peer};
use support::process::{memory, wait_gone};
use support::server::{Server, Setup};
use support::tls::Pki;
use support::wait_for;

/// `cat` behind the pair `server` of a new authority.
fn cat(options: &[&str]) -> Option<(Pki, Server)> {
    start(Setup::new(&["cat"]).options(options))
}

fn start(setup: Setup) -> Option<(Pki, Server)> {
    if !tools::has_program("openssl") {
        return None;
    }
    let pki = Pki::new();
    let server = setup.options(&refs(&pki.pair("server"))).start();
    Some((pki, server))
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// A session through openssl.
fn open(pki: &Pki, server: &Server, options: &str) -> support::tls::TlsPeer {
    let mut peer = pki.connect(server.port(), options);
    assert_eq!(peer.upgrade(&server.upgrade("/")).status, 101);
    peer
}

/// A plain request in one line, after which the server closes.
fn page(server: &Server) -> String {
    let bytes = Request::plain("/", server.port()).bytes();
    String::from_utf8(bytes).unwrap()
}

/// What `websockd` says of a command line that it does not start with, and its exit status.
fn refusal(options: &[String]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_websockd"))
        .args(["--port", "0"])
        .args(options)
        .args(["--", "cat"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

// -- sessions

#[test]
fn a_session_goes_through_either_version_and_is_closed_in_order() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let mut peer = open(&pki, &server, option);
        peer.send_text("hello");
        peer.expect_text("hello");
        peer.close();
        let line = server
            .log()
            .event_where("open", |line| line.get("tls") == version);
        let pid = line.get("pid").to_owned();
        let close = server
            .log()
            .event_where("close", |line| line.get("pid") == pid);
        assert_eq!(close.get("code"), "1000");
    }
}

#[test]
fn versions_before_1_2_are_refused() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    // Without the level openssl would not even ask.
    let told = pki.tell(server.port(), "-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "");
    assert!(
        told.contains(" alert ") && !told.contains("\nNew, TLS"),
        "{told}"
    );
    server.log().event("insecure");
}

#[test]
fn both_ends_say_close_notify() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let told = pki.tell(server.port(), "-msg", &page(&server));
    let closes = |way: &str| {
        told.lines()
            .any(|line| line.starts_with(way) && line.contains("close_notify"))
    };
    assert!(closes("<<<") && closes(">>>"), "{told}");
    assert!(!told.contains("unexpected eof"), "{told}");
}

#[test]
fn a_session_that_is_closed_by_the_server_ends_with_close_notify_as_well() {
    let Some((pki, server)) = start(Setup::new(&["echo", "bye"])) else {
        return;
    };
    let mut peer = pki.connect(server.port(), "-msg");
    peer.send(&server.upgrade("/").bytes());
    // With -msg the records are told between the bytes, so it is looked for, not parsed.
    peer.send_close(1000, "");
    let (bytes, _) = peer.drain();
    let told = String::from_utf8_lossy(&bytes);
    assert!(
        told.contains("bye") && told.contains("close_notify"),
        "{told}"
    );
}

#[test]
fn a_client_that_offers_other_protocols_only_is_refused() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let told = pki.tell(server.port(), "-alpn h2", "");
    assert!(told.contains("no application protocol"), "{told}");
    let told = pki.tell(server.port(), "-alpn h2,http/1.1", &page(&server));
    assert!(told.contains("ALPN protocol: http/1.1"), "{told}");
}

#[test]
fn ten_mebibytes_come_back_through_typed_records_with_stalls() {
    let Some((pki, server)) = cat(&["--record", "typed"]) else {
        return;
    };
    let mut peer = open(&pki, &server, "");
    let payload: Vec<u8> = (0..10_u32 << 20)
        .map(|at| at.wrapping_mul(0x9e37_79b1).to_be_bytes()[0])
        .collect();
    let frame = support::frame::binary(&payload);
    let mut writer = peer.writer();
    std::thread::spawn(move || {
        for (number, piece) in frame.chunks(700_001).enumerate() {
            writer.write_all(piece).unwrap();
            // A silence in the middle of a record of TLS, and of a frame.
            if number % 4 == 0 {
                std::thread::sleep(Duration::from_millis(150));
            }
        }
    });
    let mut echoed = Vec::new();
    while echoed.len() < payload.len() {
        let frame = peer.frame();
        echoed.extend(frame.payload);
    }
    assert!(echoed == payload);
    peer.close();
}

#[test]
fn what_comes_with_the_request_in_one_record_is_not_lost() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let mut peer = pki.connect(server.port(), "");
    let mut bytes = server.upgrade("/").bytes();
    for number in 0..3000 {
        bytes.extend(support::frame::text(number.to_string()));
    }
    peer.send(&bytes);
    assert_eq!(peer.response().status, 101);
    for number in 0..3000 {
        peer.expect_text(number.to_string());
    }
    peer.close();
}

#[test]
fn a_client_that_reads_nothing_stalls_its_own_service_in_bounded_memory() {
    let setup = Setup::new(&["cat", "/dev/zero"]).options(&["-b", "--grace", "200ms"]);
    let Some((pki, server)) = start(setup) else {
        return;
    };
    let peer = open(&pki, &server, "");
    let session = server.log().event("open").number("pid");
    let service = wait_for("the service", || {
        support::process::Process::children(session).pop()
    });
    support::wait_until_still("a full socket", || support::process::written(service.pid));
    let held = memory(session);
    assert!(held < 3 << 20, "{} KiB", held >> 10);
    let mut other = open(&pki, &server, "");
    assert_eq!(other.message().opcode, support::frame::BINARY);
    drop(peer);
}

#[test]
fn a_client_that_reads_nothing_is_dropped_after_the_write_timeout() {
    let options = ["--write-timeout", "500ms", "--grace", "200ms"];
    let Some((pki, server)) = start(Setup::sh("exec yes").options(&options)) else {
        return;
    };
    let _peer = open(&pki, &server, "");
    let session = server.log().event("open").number("pid");
    let close = server.log().event("close");
    assert_eq!(close.get("reason"), "write timeout");
    wait_gone(session);
}

#[test]
fn a_client_that_vanishes_ends_its_service() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    open(&pki, &server, "").kill();
    assert_eq!(server.log().event("close").get("code"), "1006");
}

#[test]
fn python_talks_over_tls() {
    let Some(python) = tools::find("venv/bin/python3") else {
        return;
    };
    let Some((pki, server)) = cat(&["--record", "typed"]) else {
        return;
    };
    let output = Command::new(python)
        .arg(tools::data("peer.py"))
        .args(["echo", &format!("wss://localhost:{}/", server.port()), "7"])
        .env("SSL_CERT_FILE", pki.file("ca.pem"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("close 1000"), "{told}{said}");
}

#[test]
fn curl_gets_the_page_and_the_redirection() {
    if !tools::has_program("curl") || !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    // An address that no other test uses, so that ports can be chosen beforehand.
    let address = format!(
        "127.77.{}.{}",
        std::process::id() >> 8 & 0xff,
        std::process::id() & 0xff
    );
    let mut options = pki.pair("server").to_vec();
    options.extend(
        [
            "--address",
            &address,
            "--port",
            "8443",
            "--redirect-port",
            "8080",
            "--console",
        ]
        .map(str::to_owned),
    );
    let _server = Setup::new(&["cat"]).options(&refs(&options)).start();
    let curl = |more: &[&str], url: &str| {
        let output = Command::new("curl")
            .args(["-sS", "--cacert", &pki.path("ca.pem"), "--noproxy", "*"])
            .args(["--resolve", &format!("localhost:8080:{address}")])
            .args(["--resolve", &format!("localhost:8443:{address}")])
            .args(more)
            .arg(url)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        format!("{}{said}", String::from_utf8(output.stdout).unwrap())
    };
    assert!(curl(&[], "https://localhost:8443/").contains("<!DOCTYPE html>"));
    let head = curl(&["-i"], "http://localhost:8080/a%20b?c=d");
    assert!(
        head.starts_with("HTTP/1.1 301 Moved Permanently\r\n"),
        "{head}"
    );
    let location = "\r\nLocation: https://localhost:8443/a%20b?c=d\r\n";
    assert!(head.contains(location), "{head}");
    let followed = curl(&["-L"], "http://localhost:8080/");
    assert!(followed.contains("<!DOCTYPE html>"), "{followed}");
    let other = curl(
        &["-i", "-H", "Host: evil.example"],
        "http://localhost:8080/",
    );
    assert!(other.starts_with("HTTP/1.1 421 "), "{other}");
    let none = curl(&["-i", "-0", "-H", "Host:"], "http://localhost:8080/");
    assert!(none.starts_with("HTTP/1.1 400 "), "{none}");
}

#[cfg(feature = "site")]
#[test]
fn files_and_scripts_come_whole_and_a_session_follows_on_the_same_connection() {
    if !tools::has_program("curl") || !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    let mut options = pki.pair("server").to_vec();
    options.extend(["--static-dir", "www", "--cgi-dir", "scripts"].map(str::to_owned));
    let server = Setup::new(&["cat"])
        .options(&refs(&options))
        .text("www/page", "a page")
        .file(
            "scripts/back",
            "#!/bin/sh\necho 'Content-Type: a/b'\necho\ncat\n",
        )
        .start();
    let large: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    server.put("www/large", &large);
    let url = |path: &str| format!("https://localhost:{}{path}", server.port());
    let curl = |more: &[&str]| {
        let output = Command::new("curl")
            .args([
                "-sS",
                "-4",
                "--cacert",
                &pki.path("ca.pem"),
                "--noproxy",
                "*",
            ])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let data = format!("@{}", server.file("www/large").display());
    assert!(curl(&[&url("/large")]) == large);
    assert!(curl(&["--data-binary", &data, &url("/back")]) == large);
    assert_eq!(curl(&["-r", "4999999-", &url("/large")]).len(), 1);
    // Two requests, and curl says that it needed one connection.
    let format = "%{num_connects}\n";
    let twice = curl(&["-w", format, &url("/page"), &url("/page")]);
    assert_eq!(String::from_utf8_lossy(&twice), "a page1\na page0\n");
}

// -- who speaks no TLS, or no longer

#[test]
fn plain_http_is_told_to_speak_tls() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let response = server.refusal(&server.upgrade("/"));
    assert_eq!(response.status, 400);
    assert_eq!(
        response.body,
        "this port speaks TLS: connect to it by https:// or wss://\n"
    );
    assert_eq!(server.log().event("refuse").get("status"), "400");
    open(&pki, &server, "").close();
}

#[test]
fn a_handshake_has_the_time_of_the_request() {
    let Some((_pki, server)) = cat(&["--handshake-timeout", "300ms"]) else {
        return;
    };
    let hello = client_hello();
    for count in [0, 1, 5, hello.len() / 2, hello.len() - 1, hello.len()] {
        let mut peer = server.connect();
        peer.send(&hello[..count]);
        let (_, end) = peer.drain();
        assert_eq!(end, End::Fin, "after {count} bytes");
    }
    for line in server.log().events("insecure", 6) {
        assert_eq!(line.get("reason"), "the handshake did not end in time");
    }
}

/// What openssl says first.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let pki = Pki::new();
    let _client = pki.connect(listener.local_addr().unwrap().port(), "");
    let (mut stream, _) = listener.accept().unwrap();
    let mut header = [0; 5];
    stream.read_exact(&mut header).unwrap();
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    let mut hello = header.to_vec();
    hello.resize(5 + length, 0);
    stream.read_exact(&mut hello[5..]).unwrap();
    hello
}

#[test]
fn a_hello_cut_short_or_damaged_at_any_byte_ends_only_itself() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let mut bystander = open(&pki, &server, "");
    let hello = client_hello();
    for at in 0..hello.len() {
        let mut damaged = hello.clone();
        damaged[at] ^= 0x55;
        let mut peer = server.connect();
        peer.send(&damaged);
        peer.send_fin();
        peer.drain();

        let mut peer = server.connect();
        peer.send(&hello[..at]);
        if at % 2 == 0 {
            peer.reset();
        } else {
            peer.send_fin();
            peer.drain();
        }
    }
    bystander.send_text("still here");
    bystander.expect_text("still here");
    bystander.close();
    open(&pki, &server, "").close();
}

/// Connects a client and a server and damages one byte of what the client says: that at `at`.
/// Ends when either has.
fn damage(listener: &TcpListener, to: u16, at: usize) {
    let (mut client, _) = listener.accept().unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    let (mut from, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let answers = std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut back);
        let _gone = back.shutdown(Shutdown::Both);
    });
    let mut total = 0;
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        if let Some(byte) = at
            .checked_sub(total)
            .and_then(|at| bytes[..count].get_mut(at))
        {
            *byte ^= 0x55;
        }
        total += count;
        if server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _gone = server.shutdown(Shutdown::Write);
    answers.join().unwrap();
}

#[test]
fn a_client_damaged_at_any_byte_behind_its_hello_ends_only_itself() {
    let Some((pki, server)) = cat(&["--handshake-timeout", "1s"]) else {
        return;
    };
    let mut bystander = open(&pki, &server, "");
    let hello = client_hello().len();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // A change of cipher, a Finished, and the beginning of a request.
    for at in hello..hello + 6 + 74 + 20 {
        std::thread::scope(|scope| {
            let through = scope.spawn(|| damage(&listener, server.port(), at));
            let told = pki.tell(port, "", &page(&server));
            // RFC 8446 5.1: the version of a record is to be ignored; the second byte of it is.
            let is_ignored = matches!(at - hello, 2 | 8 | 82);
            assert_eq!(
                told.contains("HTTP/1.1 426"),
                is_ignored,
                "byte {} of it: {told}",
                at - hello
            );
            through.join().unwrap();
        });
    }
    bystander.send_text("still here");
    bystander.expect_text("still here");
    bystander.close();
}

#[test]
fn garbage_within_a_session_ends_it_and_no_other() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let mut bystander = open(&pki, &server, "");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        let through = scope.spawn(|| damage(&listener, server.port(), 200_000));
        let mut peer = pki.connect(port, "");
        assert_eq!(peer.upgrade(&server.upgrade("/")).status, 101);
        // It is not taken to its end.
        let _broken = peer
            .writer()
            .write_all(&support::frame::text("x".repeat(300_000)));
        server
            .log()
            .event_where("close", |line| line.get("code") == "1006");
        drop(peer);
        through.join().unwrap();
    });
    bystander.send_text("still here");
    bystander.expect_text("still here");
    bystander.close();
}

// -- certificates

#[test]
fn sessions_are_resumed_though_each_is_a_process_of_its_own() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let first = pki.tell(
            server.port(),
            &format!("{version} -sess_out session"),
            &page(&server),
        );
        assert!(first.contains("\nNew, "), "{first}");
        for _ in 0..3 {
            let again = pki.tell(
                server.port(),
                &format!("{version} -sess_in session"),
                &page(&server),
            );
            assert!(
                again.contains("\nReused, ") && again.contains("HTTP/1.1 426"),
                "{again}"
            );
        }
    }
}

#[test]
fn a_ticket_of_another_server_is_a_full_handshake() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let other = Setup::new(&["cat"])
        .options(&refs(&pki.pair("server")))
        .start();
    pki.tell(other.port(), "-sess_out session", &page(&other));
    let told = pki.tell(server.port(), "-sess_in session", &page(&server));
    assert!(
        told.contains("\nNew, ") && told.contains("HTTP/1.1 426"),
        "{told}"
    );
}

#[test]
fn the_certificate_is_chosen_by_the_host() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    pki.issue(
        "other",
        "ca",
        "/CN=other",
        "DNS:other.example,DNS:*.other.example",
        "",
    );
    pki.request("rsa", "-newkey rsa:2048", "/CN=rsa");
    pki.sign("rsa", "ca", "DNS:other.example", "");
    let pairs = ["server", "other", "rsa"]
        .map(|name| pki.pair(name))
        .concat();
    let server = Setup::new(&["cat"]).options(&refs(&pairs)).start();
    let rsa = "-servername other.example -sigalgs rsa_pss_rsae_sha256";
    for (options, subject) in [
        ("-noservername", "CN = server"),
        ("-servername localhost", "CN = server"),
        ("-servername other.example", "CN = other"),
        ("-servername a.other.example", "CN = other"),
        ("-servername a.b.other.example", "CN = server"),
        ("-servername unknown.example", "CN = server"),
        (rsa, "CN = rsa"),
    ] {
        let told = pki.tell(server.port(), options, &page(&server));
        assert!(
            told.contains(&format!("subject={subject}\n")),
            "{options}: {told}"
        );
    }
}

#[test]
fn a_hang_up_brings_a_new_certificate_and_a_bad_one_is_left_where_it_is() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let mut old = open(&pki, &server, "");
    let shown = || {
        let told = pki.tell(server.port(), "", &page(&server));
        let subject = told.lines().find_map(|line| line.strip_prefix("subject="));
        subject.unwrap().to_owned()
    };
    assert_eq!(shown(), "CN = server");
    let chain = pki.file("server.pem");
    let good = std::fs::read(&chain).unwrap();
    std::fs::write(&chain, "").unwrap();
    server.signal(Signal::SIGHUP);
    let what = server.log().event("error").get("what").to_owned();
    assert!(what.contains("--tls-cert"), "{what}");
    assert_eq!(shown(), "CN = server");

    std::fs::write(&chain, good).unwrap();
    pki.request("server", "-new -key server.key", "/CN=renewed");
    pki.sign("server", "ca", "DNS:localhost", "");
    server.signal(Signal::SIGHUP);
    server.log().event("restart");
    wait_for("the new certificate", || {
        (shown() == "CN = renewed").then_some(())
    });
    old.send_text("still here");
    old.expect_text("still here");
    old.close();
}

#[test]
fn keys_of_every_form_and_kind_are_read() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    pki.request("rsa", "-newkey rsa:2048", "/CN=rsa");
    pki.request(
        "p384",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-384",
        "/CN=p384",
    );
    pki.request("ed", "-newkey ed25519", "/CN=ed");
    for name in ["rsa", "p384", "ed"] {
        pki.sign(name, "ca", "DNS:localhost", "");
    }
    pki.openssl("rsa -in rsa.key -traditional -out rsa1.key");
    pki.openssl("ec -in server.key -out sec1.key");
    let begins = |file: &str| std::fs::read_to_string(pki.file(file)).unwrap();
    assert!(begins("rsa1.key").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert!(begins("sec1.key").starts_with("-----BEGIN EC PRIVATE KEY-----"));
    for (cert, key) in [
        ("rsa", "rsa"),
        ("rsa", "rsa1"),
        ("server", "sec1"),
        ("p384", "p384"),
        ("ed", "ed"),
    ] {
        let files = [format!("{cert}.pem"), format!("{key}.key")].map(|name| pki.path(&name));
        let [cert, key] = files.each_ref().map(String::as_str);
        let server = Setup::new(&["cat"])
            .options(&["--sslcert", cert, "--sslkey", key, "--ssl"])
            .start();
        let told = pki.tell(server.port(), "", &page(&server));
        assert!(
            told.contains("HTTP/1.1 426") && told.contains("Verification: OK"),
            "{key}: {told}"
        );
    }
}

#[test]
fn a_chain_is_sent_whole() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    pki.issue("between", "ca", "/CN=between", "", "");
    pki.issue("leaf", "between", "/CN=leaf", "DNS:localhost", "");
    pki.concatenate("chain.pem", &["leaf.pem", "between.pem"]);
    pki.concatenate("reversed.pem", &["between.pem", "leaf.pem"]);
    let pair = |cert: &str| {
        [
            "--tls-cert",
            &pki.path(cert),
            "--tls-key",
            &pki.path("leaf.key"),
        ]
        .map(str::to_owned)
    };
    let server = Setup::new(&["cat"])
        .options(&refs(&pair("chain.pem")))
        .start();
    let told = pki.tell(server.port(), "", &page(&server));
    assert!(told.contains("Verification: OK"), "{told}");
    // Its first certificate is not that of the key.
    let (status, said) = refusal(&pair("reversed.pem"));
    assert_eq!(status, 100, "{said}");
    assert!(
        said.contains("leaf.key") && said.contains("server's own certificate first"),
        "{said}"
    );
}

/// Certificate, key, exit status, the option to blame, and what is wrong with its file.
#[rustfmt::skip] // a table
const UNUSABLE: &[(&str, &str, i32, &str, &str)] = &[
    ("absent.pem", "server.key", 111, "--tls-cert", "cannot be read: No such file or directory"),
    ("server.pem", "absent.key", 111, "--tls-key", "cannot be read: No such file or directory"),
    ("empty", "server.key", 111, "--tls-cert", "holds no certificate in PEM"),
    ("server.pem", "empty", 111, "--tls-key", "holds no private key in PEM"),
    ("server.pem", "server.pem", 111, "--tls-key", "holds no private key in PEM"),
    ("damaged.pem", "server.key", 111, "--tls-cert", "is damaged"),
    ("hollow.pem", "server.key", 111, "--tls-cert", "is damaged"),
    ("expired.pem", "expired.key", 111, "--tls-cert", "has expired: it was valid until 20"),
    ("server.pem", "locked.key", 111, "--tls-key", "is encrypted"),
    ("server.pem", "locked1.key", 111, "--tls-key", "is encrypted"),
    ("server.pem", "x25519.key", 111, "--tls-key", "is of no kind that is used here"),
    ("server.pem", "ca.key", 100, "--tls-key", "is not the key of the first certificate in"),
];

#[test]
fn files_that_cannot_be_used_are_named_at_start() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    pki.issue("expired", "ca", "/CN=expired", "DNS:localhost", "-days -1");
    pki.openssl("pkey -in server.key -aes128 -passout pass:secret -out locked.key");
    pki.openssl("ec -in server.key -aes128 -passout pass:secret -out locked1.key");
    pki.openssl("genpkey -algorithm x25519 -out x25519.key");
    std::fs::write(pki.file("empty"), "").unwrap();
    std::fs::write(
        pki.file("damaged.pem"),
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    std::fs::write(
        pki.file("hollow.pem"),
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for (cert, key, status, option, says) in UNUSABLE {
        let words = ["--tls-cert", &pki.path(cert), "--tls-key", &pki.path(key)];
        let (found, said) = refusal(&words.map(str::to_owned));
        assert_eq!(found, *status, "{said}");
        let file = if *option == "--tls-cert" { cert } else { key };
        let begins = format!("websockd: {option} {:?}: {says}", pki.path(file));
        // A long path is cut; its option and what is wrong are not.
        let is_told = said.starts_with(&begins)
            || said.starts_with(&format!("websockd: {option} \"")) && said.contains(says);
        assert!(is_told, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let mut options = pki.pair("server").to_vec();
    options.extend(["--tls-client-ca".to_owned(), pki.path("server.key")]);
    let (status, said) = refusal(&options);
    assert_eq!(status, 111, "{said}");
    assert!(
        said.contains("--tls-client-ca") && said.contains("holds no certificate"),
        "{said}"
    );
}

#[test]
fn a_client_has_to_show_a_certificate_and_the_service_is_told_whose() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    pki.root("other", "/CN=other-root");
    pki.issue(
        "alice",
        "ca",
        r"/C=DE/O=Exämple,\+Co/CN=alice",
        "DNS:alice",
        "",
    );
    pki.issue("stale", "ca", "/CN=stale", "DNS:stale", "-days -1");
    pki.issue("stranger", "other", "/CN=stranger", "DNS:stranger", "");
    let mut options = pki.pair("server").to_vec();
    options.extend(["--tls-client-ca".to_owned(), pki.path("ca.pem")]);
    let server = Setup::sh("echo $HTTPS; echo $TLS_CLIENT_SUBJECT; echo $TLS_CLIENT_SHA256")
        .env("TLS_CLIENT_SUBJECT", "CN=forged")
        .options(&refs(&options))
        .start();

    let fingerprint = pki.openssl("x509 -in alice.pem -noout -fingerprint -sha256");
    let fingerprint = String::from_utf8(fingerprint).unwrap();
    let fingerprint = fingerprint.trim().split('=').nth(1).unwrap();
    let fingerprint = fingerprint.replace(':', "").to_lowercase();
    for (version, file) in [("-tls1_2", "2"), ("-tls1_3", "3")] {
        let options = format!("{version} -cert alice.pem -key alice.key -sess_out {file}");
        // The second time nothing is shown, but the ticket tells.
        for options in [options, format!("{version} -sess_in {file}")] {
            let mut peer = pki.connect(server.port(), &options);
            assert_eq!(peer.upgrade(&server.upgrade("/")).status, 101, "{options}");
            peer.expect_text("on");
            peer.expect_text("CN=alice,O=Exämple\\,\\+Co,C=DE");
            peer.expect_text(&fingerprint);
            peer.expect_close(1000);
            peer.send_close(1000, "");
            peer.drain();
        }
    }
    let line = server.log().event("open");
    assert!(line.get("client").starts_with("CN=alice,"), "{line:?}");

    for (options, reason) in [
        ("", "the client has shown no certificate"),
        (
            "-cert stale.pem -key stale.key",
            "the client's certificate has expired",
        ),
        (
            "-cert stranger.pem -key stranger.key",
            "the client's certificate leads to no authority that is trusted",
        ),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let told = pki.tell(
                server.port(),
                &format!("{version} {options}"),
                &page(&server),
            );
            assert!(!told.contains("HTTP/1.1"), "{options}: {told}");
            assert!(told.contains(" alert "), "{options}: {told}");
            server
                .log()
                .event_where("insecure", |line| line.get("reason").starts_with(reason));
        }
    }
}

#[test]
fn what_a_client_says_of_our_certificate_is_logged() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    pki.root("other", "/CN=other-root");
    let told = pki.tell(server.port(), "-CAfile other.pem", "");
    assert!(told.contains("unable to get local issuer"), "{told}");
    assert_eq!(
        server.log().event("insecure").get("reason"),
        "the client refused: it does not trust the authority of our certificate"
    );
}

#[test]
fn a_page_of_this_server_is_one_of_https() {
    let Some((pki, server)) = cat(&[]) else {
        return;
    };
    let port = server.port();
    for (scheme, status) in [("https", 101), ("http", 403)] {
        let mut peer = pki.connect(port, "");
        let request = server
            .upgrade("/")
            .with("Origin", &format!("{scheme}://localhost:{port}"));
        peer.send(&request.bytes());
        assert_eq!(peer.response().status, status, "{scheme}");
    }
}

#[test]
fn one_client_of_inetd_is_encrypted_too() {
    if !tools::has_program("openssl") {
        return;
    }
    let pki = Pki::new();
    let family = support::process::Family::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut peer = pki.connect(port, "");
    let (accepted, _) = listener.accept().unwrap();
    let mut child = Setup::new(&["cat"])
        .options(&refs(&pki.pair("server")))
        .command(&family)
        .stdin(std::os::fd::OwnedFd::from(accepted))
        .spawn()
        .unwrap();
    assert_eq!(peer.upgrade(&Request::upgrade("/", port)).status, 101);
    peer.send_text("hello");
    peer.expect_text("hello");
    peer.close();
    assert!(child.wait().unwrap().success());
    family.wait_gone();
}

/// A connection that is not encrypted is what it always was.
#[test]
fn without_a_certificate_nothing_is_said_of_tls() {
    let server = Setup::sh("echo ${HTTPS-unset}").start();
    let mut peer: Peer = server.open("/");
    peer.expect_text("unset");
    assert_eq!(server.log().event("open").find("tls"), None);
}
