//! `--reverse-lookup`: the client's name for the service, by a name server of the test's own.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

#[cfg(test)]
mod as_root {
    use std::io::Write;
    use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::process::Command;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use nix::sys::signal::Signal;
    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect as connect_to, socket,
    };

    use crate::support::peer::Peer;
    use crate::support::server::{Server, Setup};

    const LOOK_UP: &[&str] = &["--reverse-lookup"];

    /// Who gets an answer: a name, its labels as they are on the wire.
    const NAMED: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 1);
    const NAMED_AS: &[&str] = &["client", "example"];
    /// Who is said to be somebody else.
    const LIAR: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 2);
    const LIE: &[&str] = &["192", "0", "2", "1"];
    /// Who is called what no program expects.
    const ODD: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 3);
    const ODDITY: &[&str] = &["a\n$(b)", "example"];
    /// Whose name is asked for in vain.
    const UNKNOWN: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 4);

    /// The resolver asks nobody but the server in `resolv.conf`.
    const RESOLVER: [&str; 5] = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        r#"mount --bind "$PWD/resolv.conf" /etc/resolv.conf &&
           mount --bind "$PWD/nsswitch.conf" /etc/nsswitch.conf && exec "$0" "$@""#,
    ];

    /// Whether these tests can be: they mount, and serve at a port below 1024.
    fn may_serve_names() -> bool {
        let probe = ["--mount", "mount", "-t", "tmpfs", "none", "/mnt"];
        let status = Command::new("unshare").args(probe).status();
        let may = status.is_ok_and(|status| status.success());
        let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        assert!(may || !is_ci, "this wants to mount");
        if !may {
            let line = b"left out: tests/names.rs wants to mount\n";
            std::io::stderr().write_all(line).unwrap();
        }
        may
    }

    /// A name server; what it is asked for is told, so that a test can wait for it.
    struct NameServer {
        address: Ipv4Addr,
        asked: Receiver<Ipv4Addr>,
    }

    impl NameServer {
        /// One at an address that no other test has.
        fn start() -> Self {
            let [.., a, b] = std::process::id().to_be_bytes();
            let address = Ipv4Addr::new(127, 53, a, b);
            let socket = UdpSocket::bind((address, 53)).unwrap();
            let (told, asked) = channel();
            std::thread::spawn(move || {
                let mut query = [0; 512];
                while let Ok((len, from)) = socket.recv_from(&mut query) {
                    let client = asked_for(&query[12..len]);
                    let labels = match client {
                        NAMED => NAMED_AS,
                        LIAR => LIE,
                        ODD => ODDITY,
                        _ => &[],
                    };
                    if !labels.is_empty() {
                        let _lost = socket.send_to(&answer(&query[..len], labels), from);
                    }
                    if told.send(client).is_err() {
                        return;
                    }
                }
            });
            Self { address, asked }
        }

        fn setup(&self) -> Setup {
            Setup::sh("echo \"$REMOTE_ADDR $REMOTE_HOST [$TCPREMOTEHOST]\"; cat")
                .file("resolv.conf", &format!("nameserver {}\n", self.address))
                .file("nsswitch.conf", "hosts: dns\n")
                .wrapped(&RESOLVER)
        }

        /// Waits until the name of this address has been asked for.
        fn expect(&self, client: Ipv4Addr) {
            while self.asked.recv_timeout(crate::support::DEADLINE).unwrap() != client {}
        }
    }

    /// The address whose name is asked for: 4.3.2.1.in-addr.arpa.
    fn asked_for(mut question: &[u8]) -> Ipv4Addr {
        let mut octets = [0; 4];
        for octet in octets.iter_mut().rev() {
            let (label, rest) = question[1..].split_at(question[0].into());
            *octet = std::str::from_utf8(label).unwrap().parse().unwrap();
            question = rest;
        }
        octets.into()
    }

    /// RFC 1035 4.1: the query's question, and one PTR record for it.
    fn answer(query: &[u8], labels: &[&str]) -> Vec<u8> {
        let mut name = Vec::new();
        for label in labels {
            name.push(u8::try_from(label.len()).unwrap());
            name.extend_from_slice(label.as_bytes());
        }
        name.push(0);
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let mut answer = query[..2].to_vec();
        answer.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend_from_slice(&query[12..end]);
        answer.extend_from_slice(&[0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0]);
        answer.push(u8::try_from(name.len()).unwrap());
        answer.extend_from_slice(&name);
        answer
    }

    /// A connection from an address of loopback that has asked for a session.
    fn from(server: &Server, client: Ipv4Addr) -> Peer {
        let mut peer = connect(server, client);
        peer.send(&server.upgrade("/").bytes());
        peer
    }

    fn connect(server: &Server, client: Ipv4Addr) -> Peer {
        let family = AddressFamily::Inet;
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(
            socket.as_raw_fd(),
            &SockaddrIn::from(SocketAddrV4::new(client, 0)),
        )
        .unwrap();
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, server.port());
        connect_to(socket.as_raw_fd(), &SockaddrIn::from(to)).unwrap();
        Peer::over(socket)
    }

    #[track_caller]
    fn expect_host(server: &Server, client: Ipv4Addr, host: &str) {
        let mut peer = from(server, client);
        peer.accepted();
        peer.expect_text(format!("{client} {host}"));
        peer.close();
    }

    #[test]
    fn the_service_is_told_the_name_and_no_lie() {
        if !may_serve_names() {
            return;
        }
        let names = NameServer::start();
        let server = names.setup().options(LOOK_UP).start();
        expect_host(&server, NAMED, "client.example [client.example]");
        expect_host(&server, LIAR, "127.1.1.2 []");
        expect_host(&server, ODD, "127.1.1.3 []");
    }

    #[cfg(feature = "site")]
    #[test]
    fn a_script_is_told_the_name_too() {
        use crate::support::http::Request;

        if !may_serve_names() {
            return;
        }
        let names = NameServer::start();
        let script = "#!/bin/sh\necho Content-Type: text/plain\necho\necho $REMOTE_HOST\n";
        let setup = names.setup().options(LOOK_UP).file("scripts/name", script);
        let server = setup.options(&["--cgi-dir", "scripts"]).start();
        for (client, host) in [(NAMED, "client.example\n"), (LIAR, "127.1.1.2\n")] {
            let mut peer = connect(&server, client);
            let request = Request::plain("/name", server.port());
            peer.send(&request.line("GET /name HTTP/1.0").bytes());
            let (bytes, _) = peer.drain();
            let answer = String::from_utf8_lossy(&bytes).into_owned();
            assert!(answer.ends_with(&format!("\r\n\r\n{host}")), "{answer}");
        }
    }

    #[test]
    fn who_waits_for_a_name_keeps_nobody_waiting_and_waits_not_long() {
        if !may_serve_names() {
            return;
        }
        let names = NameServer::start();
        let server = names.setup().options(LOOK_UP).start();
        let begin = Instant::now();
        let mut slow = from(&server, UNKNOWN);
        names.expect(UNKNOWN);
        expect_host(&server, NAMED, "client.example [client.example]");
        slow.accepted();
        slow.expect_text("127.1.1.4 127.1.1.4 []");
        slow.close();
        // The resolver alone would have taken ten.
        assert!(begin.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn who_waits_for_a_name_is_no_longer_than_the_listener() {
        if !may_serve_names() {
            return;
        }
        let names = NameServer::start();
        let mut server = names.setup().options(LOOK_UP).start();
        let mut slow = from(&server, UNKNOWN);
        names.expect(UNKNOWN);
        server.signal(Signal::SIGTERM);
        slow.accepted();
        while !slow.frame().is_control() {}
        slow.send_close(1001, "");
        assert_eq!(server.wait().code(), Some(0));
    }

    #[test]
    fn no_name_is_looked_up_unless_it_is_wanted() {
        if !may_serve_names() {
            return;
        }
        let names = NameServer::start();
        let server = names.setup().start();
        expect_host(&server, NAMED, "127.1.1.1 []");
        assert!(names.asked.try_recv().is_err());
    }
}
