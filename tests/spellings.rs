//! The options that websocketd has, as it spells them and with its units, on the built program.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use support::http::Request;
use support::peer::Peer;
use support::server::{Server, Setup};

#[test]
fn maxforks_is_how_many_may_come() {
    let server = Server::cat(&["--maxforks=1"]);
    let mut first = server.open("/");
    assert_eq!(server.refusal(&server.upgrade("/")).status, 503);
    first.close();
}

#[test]
fn maxforks_below_one_is_no_limit() {
    for none in ["--maxforks=0", "--maxforks=-1"] {
        let server = Server::cat(&[none]);
        for mut peer in [server.open("/"), server.open("/"), server.open("/")] {
            peer.close();
        }
    }
}

#[test]
fn maxframesize_is_in_bytes() {
    let server = Server::cat(&["--maxframesize=1000"]);
    let mut peer = server.open("/");
    peer.send_text("x".repeat(1000));
    peer.expect_text("x".repeat(1000));
    peer.send_text("x".repeat(1001));
    peer.expect_end(1009);
}

#[test]
fn pingms_is_in_milliseconds() {
    let server = Server::cat(&["--pingms", "50"]);
    let mut peer = server.open("/");
    let begin = Instant::now();
    peer.expect_ping();
    assert!(begin.elapsed() < Duration::from_secs(15));
    peer.close();
}

#[test]
fn closems_is_in_milliseconds() {
    // Deaf to the end of its input, and to nothing else. Two names that agree are no contradiction.
    let options = ["--grace", "50ms", "--closems", "50"];
    let server = Server::sh(&options, "exec sleep 600");
    let mut peer = server.open("/");
    let begin = Instant::now();
    peer.send_close(1000, "");
    assert_eq!(server.log().event("close").get("service"), "signal 15");
    assert!(begin.elapsed() < Duration::from_secs(15));
}

#[test]
fn every_loglevel_is_understood() {
    for (level, is_told) in [
        ("debug", true),
        ("trace", true),
        ("access", true),
        ("info", true),
        ("error", false),
        ("fatal", false),
    ] {
        // An address that no other test uses, so that its port can be chosen beforehand.
        let [.., a, b] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 79, a, b);
        let option = format!("--loglevel={level}");
        let setup = Setup::new(&["cat"]).options(&["--address", &address.to_string()]);
        let server = setup.options(&["--port", "8080", &option]).spawn();
        let connect = || std::net::TcpStream::connect((address, 8080)).ok();
        let mut peer = Peer::over(support::wait_for("a listener", connect));
        peer.upgrade(&Request::upgrade("/", 8080));
        peer.close();
        let lines = server.stop();
        let has_open = lines.iter().any(|line| line.contains(" info open "));
        assert_eq!(has_open, is_told, "{level}: {lines:?}");
    }
}

#[test]
fn a_unixsocket_is_alone_unless_a_port_is_asked_for() {
    for (more, count) in [(&[][..], 1), (&["--port", "0"][..], 3)] {
        let setup = Setup::new(&["cat"]).options(&["--unixsocket", "socket"]);
        let mut server = setup.options(more).spawn();
        let told = server.log().events("listening", count);
        let path = server.file("socket");
        let is_path = |address: &str| address == path.display().to_string();
        let paths = told.iter().filter(|line| is_path(line.get("address")));
        assert_eq!(paths.count(), 1, "{told:?}");
        let mut peer = Peer::over(UnixStream::connect(&path).unwrap());
        peer.upgrade(&Request::upgrade("/", 80));
        peer.send_text("line");
        peer.expect_text("line");
        peer.close();
        server.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        assert!(!path.exists());
        let told = server.log().complete();
        let told = told.iter().filter(|line| line.contains(" listening "));
        assert_eq!(told.count(), count);
    }
}

#[test]
fn passenv_says_what_is_kept() {
    let setup = Setup::sh("echo \"[$COLOUR] [$SHAPE]\"");
    let setup = setup.env("COLOUR", "red").env("SHAPE", "round");
    let marker = support::process::MARKER;
    let option = format!("--passenv=PATH,COLOUR,{marker}");
    let server = setup.options(&[&option]).start();
    let mut peer = server.open("/");
    peer.expect_text("[red] []");
    peer.expect_end(1000);
}

#[cfg(feature = "tls")]
#[test]
fn ssl_takes_its_files_and_sslca_wants_a_certificate() {
    use std::net::SocketAddr;
    use std::process::Command;

    use support::tls::Pki;

    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("openssl") || !has("curl") {
        return;
    }
    let pki = Pki::new();
    pki.issue("client", "ca", "/CN=client", "DNS:client", "");
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| pki.path(name));
    let options = [
        "--ssl",
        "--sslcert",
        &cert,
        "--sslkey",
        &key,
        "--sslca",
        &ca,
    ];
    let server = Setup::new(&["cat"]).options(&options).start();
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let status = |more: &[&str]| {
        let url = format!("https://localhost:{}/", address.port());
        let curl = Command::new("curl")
            .args([
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--noproxy",
                "*",
            ])
            .args(["--cacert", &ca])
            .args(more)
            .arg(url)
            .output()
            .unwrap();
        String::from_utf8(curl.stdout).unwrap()
    };
    let (cert, key) = (pki.path("client.pem"), pki.path("client.key"));
    assert_eq!(status(&["--cert", &cert, "--key", &key]), "426");
    assert_eq!(status(&[]), "000");
}
