//! Why there is no connection: what failed is named, and the status is 111.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

use nix::sys::signal::Signal;
use nix::sys::socket::{Backlog, listen};

use crate::support::host::Host;
use crate::support::process::Family;
use crate::support::server::{Server, Setup};
use crate::support::wait_for;
use crate::support::websock::Websock;
use crate::url;

/// What is said when it cannot connect.
#[track_caller]
fn refused(words: &[&str]) -> String {
    let ended = Websock::run(words, "");
    assert_eq!((ended.status, &*ended.output), (Some(111), ""), "{ended:?}");
    let line = ended.said.strip_prefix("websock: ").unwrap_or_default();
    assert_eq!(line.lines().count(), 1, "{ended:?}");
    line.trim_end().to_owned()
}

#[test]
fn a_name_without_address_is_told() {
    let line = refused(&["ws://no-such-host.invalid/"]);
    let begin = "cannot resolve no-such-host.invalid: ";
    assert!(
        line.starts_with(begin) && line.len() > begin.len(),
        "{line}"
    );
}

#[test]
fn an_address_that_takes_no_connection_is_told() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let line = refused(&[&format!("ws://127.0.0.1:{port}/")]);
    let expected =
        format!("cannot connect to 127.0.0.1 port {port} (127.0.0.1): Connection refused");
    assert_eq!(line, expected);
    let line = refused(&["--unix", "nowhere", "ws://localhost/"]);
    assert_eq!(line, "cannot connect to nowhere: No such file or directory");
}

#[test]
fn the_next_address_of_a_host_is_tried() {
    // localhost is ::1 and 127.0.0.1 on most machines, and at least one of them.
    let server = Setup::sh("echo here").options(&["-a", "127.0.0.1"]).start();
    let ended = Websock::run(&[&format!("ws://localhost:{}/", server.port())], "");
    assert_eq!((ended.status, &*ended.output), (Some(0), "here\n"));
}

#[test]
fn a_refusal_is_told_with_its_status_and_the_first_line_of_its_body() {
    let server = Server::cat(&["--origin", "https://example.org"]);
    let line = refused(&["--origin", "https://evil.example", &url(&server)]);
    let begin = format!("{} answered 403: ", url(&server));
    assert!(
        line.starts_with(&begin) && line.len() > begin.len(),
        "{line}"
    );

    let host = Host::new();
    for (answer, told) in [
        (
            "404 Not Found\r\nContent-Length: 9\r\n\r\n\n no way\n",
            "404: no way",
        ),
        ("500 x\r\nContent-Length: 0\r\n\r\n", "500"),
        (
            "401 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwho?\n\r\n0\r\n\r\n",
            "401: who?",
        ),
        ("403 x\r\nContent-Length: 6\r\n\r\n\x1b[2Jno", "403: [2Jno"),
    ] {
        let websock = Websock::start(&[&host.url("/")]);
        let mut guest = host.guest();
        guest.request();
        guest.send(format!("HTTP/1.1 {answer}"));
        let ended = websock.ended();
        let expected = format!("websock: {} answered {told}\n", host.url("/"));
        assert_eq!((ended.status, ended.said), (Some(111), expected));
    }
}

#[test]
fn an_answer_that_is_no_websockets_is_told() {
    let host = Host::new();
    let switching = "101 Switching Protocols\r\nConnection: Upgrade\r\n";
    for (answer, told) in [
        (format!("HTTP/1.1 {switching}\r\n"), "Upgrade header"),
        (
            format!("HTTP/1.1 {switching}Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"),
            "Sec-WebSocket-Accept does not match",
        ),
        ("220 mail.example ESMTP\r\n\r\n".to_owned(), "HTTP"),
        (String::new(), "the connection ended"),
    ] {
        let websock = Websock::start(&[&host.url("/")]);
        let mut guest = host.guest();
        guest.request();
        guest.send(answer);
        drop(guest);
        let ended = websock.ended();
        let begin = format!("websock: no WebSocket at {}: ", host.url("/"));
        assert_eq!(ended.status, Some(111));
        assert!(ended.said.starts_with(&begin), "{ended:?}");
        assert!(ended.said.contains(told), "{told}: {ended:?}");
    }
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_was_said() {
    let host = Host::new();
    let websock = Websock::start(&["--timeout", "300ms", &host.url("/")]);
    let mut guest = host.guest();
    guest.request();
    guest.send("HTTP/1.1 101 Swi");
    let ended = websock.ended();
    assert_eq!(ended.status, Some(111));
    assert!(
        ended.said.contains("no answer in time (--timeout)"),
        "{ended:?}"
    );
}

#[test]
fn interim_answers_are_passed_over() {
    let host = Host::new();
    let websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.guest();
    let request = guest.request();
    guest.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    guest.grant(&request, "");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn what_was_asked_for_is_in_the_request() {
    let host = Host::new();
    let words = [
        "--header",
        "X-A: b",
        "--header",
        "X-C: d",
        "--origin",
        "https://o.example",
    ];
    let url = host.url("/a b?c");
    let websock = Websock::start(&[&words[..], &[&url]].concat());
    let mut guest = host.guest();
    let request = guest.request();
    let field = |name| crate::support::host::field(&request, name);
    assert!(
        request.starts_with("GET /a%20b?c HTTP/1.1\r\n"),
        "{request}"
    );
    let authority = format!("127.0.0.1:{}", host.port());
    assert_eq!(field("Host"), Some(&*authority));
    assert_eq!((field("X-A"), field("X-C")), (Some("b"), Some("d")));
    assert_eq!(field("Origin"), Some("https://o.example"));
    assert_eq!(field("Sec-WebSocket-Version"), Some("13"));
    guest.grant(&request, "");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_unix_socket_is_reached_in_the_name_of_the_url() {
    let server = Setup::sh("echo $HTTP_HOST").options(&["--unix", "socket", "--port", "0"]);
    let server = server.start();
    let path = server.file("socket");
    let words = ["--unix", path.to_str().unwrap(), "ws://localhost/"];
    let ended = Websock::run(&words, "");
    assert_eq!((ended.status, &*ended.output), (Some(0), "localhost\n"));
}

#[test]
fn a_unix_socket_with_a_full_queue_is_waited_for_no_longer_than_was_said() {
    let family = Family::new();
    let path = family.dir().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    // One waits in the queue, and has all of it.
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let _first = UnixStream::connect(&path).unwrap();
    let words = ["--unix", path.to_str().unwrap(), "ws://localhost/"];
    let line = refused(&[&["--timeout", "300ms"], &words[..]].concat());
    let expected = format!(
        "cannot connect to {}: no answer in time (--timeout)",
        path.display()
    );
    assert_eq!(line, expected);

    let websock = Websock::start(&[&["-v"], &words[..]].concat());
    websock.expect_said("connecting to ");
    listener.accept().unwrap();
    listener.set_nonblocking(true).unwrap();
    let (mut second, _) = wait_for("the second", || listener.accept().ok());
    let mut begin = [0; 16];
    second.read_exact(&mut begin).unwrap();
    assert_eq!(begin.as_slice(), b"GET / HTTP/1.1\r\n");
    websock.signal(Signal::SIGTERM);
    assert_eq!(websock.ended().status, Some(0));
}

// -- redirections

#[test]
fn redirections_are_followed_five_times() {
    for (count, status) in [(5, Some(0)), (6, Some(111))] {
        let host = Host::new();
        let websock = Websock::start(&[&host.url("/0")]);
        for hop in 1..=count {
            let mut guest = host.guest();
            let request = guest.request();
            assert!(
                request.starts_with(&format!("GET /{} ", hop - 1)),
                "{request}"
            );
            let code = [301, 302, 307, 308][hop % 4];
            guest.send(format!("HTTP/1.1 {code} x\r\nLocation: {hop}\r\n\r\n"));
        }
        if status == Some(0) {
            host.welcome().close(1000, "");
        }
        let ended = websock.ended();
        assert_eq!(ended.status, status, "{ended:?}");
        assert_eq!(
            ended.said.contains("too many"),
            status != Some(0),
            "{ended:?}"
        );
    }
}

#[test]
fn what_was_said_to_one_server_is_not_repeated_to_another() {
    let (one, other) = (Host::new(), Host::new());
    let words = [
        "--user",
        "me",
        "--header",
        "Cookie: a=b",
        "--header",
        "X-A: b",
    ];
    let url = one.url("/");
    let websock = Websock::start_with(&[&words[..], &[&url]].concat(), |command| {
        command.env("WEBSOCK_PASSWORD", "secret");
    });
    let mut guest = one.guest();
    let request = guest.request();
    assert!(request.contains("Authorization: Basic") && request.contains("Cookie"));
    let location = format!("http://127.0.0.1:{}/x", other.port());
    guest.send(format!("HTTP/1.1 302 x\r\nLocation: {location}\r\n\r\n"));
    let mut guest = other.guest();
    let request = guest.request();
    assert!(
        !request.contains("Authorization") && !request.contains("Cookie"),
        "{request}"
    );
    assert!(request.contains("X-A: b"));
    guest.grant(&request, "");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

// -- proxies

#[test]
fn a_proxy_is_asked_to_connect() {
    let proxy = Host::new();
    let name = format!("http://me:word@127.0.0.1:{}", proxy.port());
    let none: [(&str, &str); 0] = [];
    for (words, env) in [
        (
            vec!["--proxy", &*name, "ws://server.example:81/"],
            &none[..],
        ),
        (vec!["ws://server.example:81/"], &[("http_proxy", &*name)]),
        (
            vec!["ws://server.example:81/"],
            &[("all_proxy", &*name), ("no_proxy", "other.example")],
        ),
    ] {
        let websock = Websock::start_with(&words, |command| {
            command.envs(env.iter().copied());
        });
        let mut guest = proxy.guest();
        let request = guest.request();
        let first = "CONNECT server.example:81 HTTP/1.1\r\nHost: server.example:81\r\n";
        assert!(request.starts_with(first), "{request}");
        assert!(request.contains("Proxy-Authorization: Basic bWU6d29yZA=="));
        guest.send("HTTP/1.1 200 Connection established\r\n\r\n");
        let request = guest.request();
        assert!(request.starts_with("GET / HTTP/1.1\r\nHost: server.example:81\r\n"));
        assert!(!request.contains("Proxy-"), "{request}");
        guest.grant(&request, "");
        guest.close(1000, "");
        assert_eq!(websock.ended().status, Some(0));
    }
}

#[test]
fn no_proxy_is_asked_where_none_is_wanted() {
    let server = Setup::sh("echo here").start();
    for (name, value) in [("no_proxy", "127.0.0.1"), ("NO_PROXY", "*")] {
        let websock = Websock::start_with(&[&url(&server)], |command| {
            command
                .env("http_proxy", "http://127.0.0.1:1")
                .env(name, value);
        });
        let ended = websock.ended();
        assert_eq!((ended.status, &*ended.output), (Some(0), "here\n"));
    }
    let websock = Websock::start_with(&["--proxy", "none", &url(&server)], |command| {
        command.env("http_proxy", "http://127.0.0.1:1");
    });
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_proxy_that_refuses_is_told() {
    let proxy = Host::new();
    let name = format!("127.0.0.1:{}", proxy.port());
    let websock = Websock::start(&["--proxy", &name, "ws://server.example/"]);
    let mut guest = proxy.guest();
    guest.request();
    guest.send("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let ended = websock.ended();
    let expected = format!("websock: proxy {name}: it answered 407\n");
    assert_eq!((ended.status, ended.said), (Some(111), expected));
}

// -- connecting again

#[test]
fn a_lost_connection_is_taken_up_again_until_the_server_is_done() {
    let host = Host::new();
    let mut websock = Websock::start(&["--reconnect", &host.url("/")]);
    let mut guest = host.welcome();
    websock.put("one\n");
    guest.expect_text("one");
    drop(guest);
    let mut guest = host.welcome();
    websock.put("two\n");
    guest.expect_text("two");
    guest.close(1012, "restart");
    let mut guest = host.guest();
    guest.request();
    guest.send("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
    let guest = host.welcome();
    guest.close(1000, "");
    let ended = websock.ended();
    assert_eq!(ended.status, Some(0));
    assert_eq!(
        ended.said.matches("; connecting again in").count(),
        3,
        "{ended:?}"
    );
}

#[track_caller]
fn tried_again(websock: Websock, why: &str) {
    websock.expect_said(&format!("{why}; connecting again in "));
    websock.signal(Signal::SIGTERM);
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_server_that_goes_before_it_has_answered_is_tried_again() {
    let host = Host::new();
    for answer in ["", "HTTP/1.1 101 Swi"] {
        let websock = Websock::start(&["--reconnect", &host.url("/")]);
        let mut guest = host.guest();
        guest.request();
        guest.send(answer);
        drop(guest);
        tried_again(websock, "the connection ended");
    }
}

#[test]
fn a_server_that_does_not_answer_in_time_is_tried_again() {
    let host = Host::new();
    let websock = Websock::start(&["--reconnect", "--timeout", "300ms", &host.url("/")]);
    let mut guest = host.guest();
    guest.request();
    tried_again(websock, "no answer in time (--timeout)");
}

#[test]
fn a_server_that_leaves_is_tried_again_and_the_code_is_told() {
    let host = Host::new();
    for (code, reason, told) in [
        (1001, "", "websock: closed 1001"),
        (1012, "restart", "websock: closed 1012: restart"),
    ] {
        let websock = Websock::start(&["--reconnect", &host.url("/")]);
        host.welcome().close(code, reason);
        tried_again(websock, told);
    }
}

#[test]
fn a_proxy_that_goes_is_silent_or_has_too_much_to_do_is_tried_again() {
    let proxy = Host::new();
    let name = format!("127.0.0.1:{}", proxy.port());
    let start = |timeout| {
        let words = ["--reconnect", "--timeout", timeout, "--proxy", &name];
        let websock = Websock::start(&[&words[..], &["ws://server.example/"]].concat());
        let mut guest = proxy.guest();
        guest.request();
        (websock, guest)
    };
    for status in [408, 429, 502] {
        let (websock, mut guest) = start("30s");
        guest.send(format!("HTTP/1.1 {status} x\r\n\r\n"));
        tried_again(websock, &format!("it answered {status}"));
    }
    let (websock, guest) = start("30s");
    drop(guest);
    tried_again(websock, "the connection ended");
    let (websock, _silent) = start("300ms");
    tried_again(websock, "no answer in time (--timeout)");
}

/// A text as a typed record.
fn typed(text: &str) -> String {
    format!("t {:020}{text}", text.len())
}

#[test]
fn what_was_not_sent_of_a_record_goes_out_on_the_next_connection() {
    let host = Host::new();
    for (record, one, two) in [
        ("line", "one\n".to_owned(), "half\n".to_owned()),
        ("nul", "one\0".to_owned(), "half\0".to_owned()),
        ("typed", typed("one"), typed("half")),
    ] {
        let mut websock = Websock::start(&["--reconnect", "--record", record, &host.url("/")]);
        let mut guest = host.welcome();
        let (begin, end) = two.split_at(two.len() - 3);
        websock.put(one + begin);
        guest.expect_text("one");
        drop(guest);
        let mut guest = host.welcome();
        websock.put(end);
        guest.expect_text("half");
        guest.close(1000, "");
        assert_eq!(websock.ended().status, Some(0), "{record}");
    }
}

#[test]
fn what_is_left_of_a_record_that_was_begun_is_not_sent_as_another() {
    let host = Host::new();
    let long = "x".repeat(100_000);
    for (record, one, two) in [
        ("line", long.clone() + "\n", "two\n".to_owned()),
        ("nul", long.clone() + "\0", "two\0".to_owned()),
        ("typed", typed(&long), typed("two")),
    ] {
        let mut websock = Websock::start(&["--reconnect", "--record", record, &host.url("/")]);
        let mut guest = host.welcome();
        let (begin, end) = one.split_at(90_000);
        websock.put(begin);
        assert!(!guest.frame().is_last, "{record}");
        drop(guest);
        let mut guest = host.welcome();
        websock.put(end);
        websock.put(two);
        guest.expect_text("two");
        guest.close(1000, "");
        assert_eq!(websock.ended().status, Some(0), "{record}");
    }
}

#[test]
fn what_will_not_be_otherwise_is_not_tried_again() {
    let host = Host::new();
    let websock = Websock::start(&["--reconnect", &host.url("/")]);
    let mut guest = host.guest();
    guest.request();
    guest.send("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(websock.ended().status, Some(111));
    let websock = Websock::start(&["--reconnect", &host.url("/")]);
    host.welcome().close(1008, "not you");
    assert_eq!(websock.ended().status, Some(1));
    let websock = Websock::start(&["--reconnect", &host.url("/")]);
    let mut guest = host.guest();
    guest.request();
    guest.send("220 mail.example ESMTP\r\n\r\n");
    assert_eq!(websock.ended().status, Some(111));
    let words = ["--reconnect", "--proxy", &host.url("")["ws://".len()..]];
    let websock = Websock::start(&[&words[..], &["ws://server.example/"]].concat());
    let mut guest = host.guest();
    guest.request();
    guest.send("HTTP/1.1 407 x\r\n\r\n");
    assert_eq!(websock.ended().status, Some(111));
}

#[test]
fn a_signal_ends_the_pause_before_the_next_attempt() {
    let words = ["--reconnect", "ws://127.0.0.1:1/"];
    let websock = Websock::start(&words);
    websock.expect_said("connecting again");
    websock.signal(Signal::SIGTERM);
    assert_eq!(websock.ended().status, Some(0));
}
