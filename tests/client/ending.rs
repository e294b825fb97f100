//! How it ends: whose end it is, what is still said, and what the exit status tells.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::support::host::{Guest, Host};
use crate::support::server::{Server, Setup};
use crate::support::websock::Websock;
use crate::url;

#[test]
fn a_code_that_says_that_all_is_well_is_status_0() {
    let host = Host::new();
    for code in [1000, 1001] {
        let websock = Websock::start(&[&host.url("/")]);
        host.welcome().close(code, "so long");
        let ended = websock.ended();
        assert_eq!((ended.status, &*ended.said), (Some(0), ""), "{code}");
    }
    let websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    guest.send_frame(0x88, "");
    assert_eq!(guest.frame().payload, b"");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn any_other_code_is_status_1_and_told() {
    let host = Host::new();
    for (code, reason, told) in [
        (1011, "exit status 3", "closed 1011: exit status 3\n"),
        (1008, "", "closed 1008\n"),
        (4000, "a\u{1b}[2Jb\nc", "closed 4000: a?[2Jb?c\n"),
    ] {
        let websock = Websock::start(&[&host.url("/")]);
        host.welcome().close(code, reason);
        let ended = websock.ended();
        assert_eq!((ended.status, &*ended.said), (Some(1), told));
    }
    let websock = Websock::start(&["-q", &host.url("/")]);
    host.welcome().close(1011, "");
    let ended = websock.ended();
    assert_eq!((ended.status, &*ended.said), (Some(1), ""));
}

#[test]
fn the_exit_status_of_a_service_is_told() {
    let server = Server::sh(&[], "echo last words; exit 3");
    let ended = Websock::run(&[&url(&server)], "");
    assert_eq!(ended.output, "last words\n");
    assert_eq!(ended.said, "closed 1011: exit status 3\n");
    assert_eq!(ended.status, Some(1));
}

#[test]
fn it_goes_on_hearing_after_the_end_of_input() {
    let host = Host::new();
    let mut websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    websock.put("all\n");
    websock.end_input();
    guest.expect_text("all");
    guest.send_text("and more");
    websock.expect("and more\n");
    guest.close(1000, "");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn it_closes_at_the_end_of_input_if_told_to_and_hears_what_comes_before_the_answer() {
    let host = Host::new();
    let mut websock = Websock::start(&["-e", &host.url("/")]);
    let mut guest = host.welcome();
    websock.put("all");
    websock.end_input();
    guest.expect_text("all");
    assert_eq!(guest.expect_close(1000), "");
    guest.send_text("one");
    websock.expect("one\n");
    guest.send_text("two");
    guest.send_close(1000, "");
    guest.expect_end();
    let ended = websock.ended();
    assert_eq!((ended.status, &*ended.output), (Some(0), "one\ntwo\n"));
}

#[test]
fn it_leaves_when_the_server_has_closed_though_input_goes_on() {
    let server = Server::sh(&[], "read line; echo got $line");
    let mut websock = Websock::start(&[&url(&server)]);
    websock.put("it\n");
    // Its standard input stays open.
    let status = websock.ended();
    assert_eq!((status.status, &*status.output), (Some(0), "got it\n"));
}

#[test]
fn a_server_that_does_not_answer_our_close_is_given_up() {
    let host = Host::new();
    let mut websock = Websock::start(&["-e", "--timeout", "300ms", &host.url("/")]);
    let mut guest = host.welcome();
    websock.end_input();
    guest.expect_close(1000);
    let ended = websock.ended();
    assert_eq!(ended.status, Some(111));
    assert_eq!(ended.said, "websock: connection lost: no answer to close\n");
}

#[test]
fn a_server_that_goes_without_a_word_is_lost() {
    let host = Host::new();
    let websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    guest.send_text("half of it");
    guest.send([0x81, 5, b'a']);
    websock.expect("half of it\na");
    drop(guest);
    let ended = websock.ended();
    assert_eq!(ended.status, Some(111));
    let told = "websock: connection lost: the server went without a word\n";
    assert_eq!(ended.said, told);
}

#[test]
fn a_silent_server_is_pinged_and_given_up() {
    let host = Host::new();
    let websock = Websock::start(&["--ping", "200ms", &host.url("/")]);
    let mut guest = host.welcome();
    assert_eq!(guest.frame().opcode, 0x9);
    let ended = websock.ended();
    assert_eq!(ended.status, Some(111));
    assert!(ended.said.contains("no answer to ping"), "{ended:?}");
}

#[test]
fn a_server_that_breaks_a_rule_is_told_which_and_so_are_we() {
    let host = Host::new();
    for (bytes, code, reason) in [
        (&[0x81, 0x80, 0, 0, 0, 0][..], 1002, "masked"),
        (&[0xc1, 0], 1002, "RSV"),
        (&[0x83, 0], 1002, "opcode"),
        (&[0x81, 1, 0xff], 1007, "UTF-8"),
    ] {
        let websock = Websock::start(&[&host.url("/")]);
        let mut guest = host.welcome();
        guest.send(bytes);
        let told = guest.expect_close(code);
        guest.send_fin();
        let ended = websock.ended();
        assert_eq!(ended.status, Some(1), "{bytes:?}");
        assert_eq!(ended.said, format!("closed {code}: {told}\n"), "{reason}");
    }
    let websock = Websock::start(&["--max-message", "10", &host.url("/")]);
    let mut guest = host.welcome();
    guest.send_text("hello world");
    guest.expect_close(1009);
    guest.send_fin();
    assert_eq!(websock.ended().status, Some(1));
}

#[test]
fn a_signal_closes_in_order_and_a_second_one_at_once() {
    let host = Host::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let websock = Websock::start(&[&host.url("/")]);
        let mut guest = host.welcome();
        guest.send_text("ready");
        websock.expect("ready\n");
        websock.signal(signal);
        assert_eq!(guest.expect_close(1001), "client is leaving");
        guest.send_close(1001, "");
        guest.expect_end();
        assert_eq!(websock.ended().status, Some(0));
    }
    let websock = Websock::start(&[&host.url("/")]);
    let mut guest = host.welcome();
    guest.send_text("ready");
    websock.expect("ready\n");
    websock.signal(Signal::SIGINT);
    guest.expect_close(1001);
    websock.signal(Signal::SIGINT);
    guest.expect_end();
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_signal_before_the_connection_is_open_ends_it_without_a_word() {
    let host = Host::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let websock = Websock::start(&[&host.url("/")]);
        let mut guest = host.guest();
        guest.request();
        websock.signal(signal);
        let ended = websock.ended();
        assert_eq!((ended.status, &*ended.said), (Some(0), ""), "{signal}");
        guest.expect_end();
    }
}

#[test]
fn a_reader_that_has_gone_ends_it_without_a_word() {
    let server = Server::sh(&[], "while echo x; do :; done");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let websock = Websock::start_with(&[&url(&server)], |command| {
        command.stdout(writer);
    });
    let mut first = [0; 2];
    reader.read_exact(&mut first).unwrap();
    drop(reader);
    let ended = websock.ended();
    assert_eq!((ended.status, &*ended.said), (Some(0), ""));
}

#[test]
fn what_a_server_closes_with_counts_though_all_is_said() {
    let host = Host::new();
    let mut websock = Websock::start(&["-e", &host.url("/")]);
    let mut guest = host.welcome();
    websock.end_input();
    assert_eq!(guest.frame().payload, 1000_u16.to_be_bytes());
    guest.send_close(1011, "database is gone");
    let ended = websock.ended();
    let said = "closed 1011: database is gone\n";
    assert_eq!((ended.status, &*ended.said), (Some(1), said));
}

#[test]
fn what_a_server_does_wrong_counts_though_all_is_said() {
    let host = Host::new();
    let mut websock = Websock::start(&["-e", "--max-message", "2", &host.url("/")]);
    let mut guest = host.welcome();
    websock.end_input();
    assert_eq!(guest.frame().payload, 1000_u16.to_be_bytes());
    guest.send_frame(0x81, "abc");
    let ended = websock.ended();
    let said = "closed 1009: message too big\n";
    assert_eq!((ended.status, &*ended.said), (Some(1), said));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let server = Server::cat(&[]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut websock = Websock::start_with(&["-e", &url(&server)], |command| {
        command.stdout(full);
    });
    websock.put("hello\n");
    websock.end_input();
    let ended = websock.ended();
    let said = "websock: cannot write output: No space left on device\n";
    assert_eq!((ended.status, &*ended.said), (Some(111), said));
}

// -- a program

#[test]
fn a_program_is_the_connection() {
    let server = Server::cat(&[]);
    let script = "echo question; read answer; echo $answer > got; exit 0";
    let websock = Websock::start(&[&url(&server), "--", "sh", "-c", script]);
    let dir = websock.dir().to_owned();
    let got = crate::support::wait_for("its file", || {
        let got = std::fs::read_to_string(dir.join("got")).ok()?;
        (!got.is_empty()).then_some(got)
    });
    assert_eq!(got, "question\n");
    let ended = websock.ended();
    assert_eq!((ended.status, &*ended.output), (Some(0), ""));
}

#[test]
fn how_a_program_ended_is_told_to_the_server_and_to_us() {
    let host = Host::new();
    let websock = Websock::start(&[&host.url("/"), "sh", "-c", "echo bye; exit 3"]);
    let mut guest = host.welcome();
    guest.expect_text("bye");
    assert_eq!(guest.expect_close(1011), "exit status 3");
    guest.send_close(1011, "");
    let ended = websock.ended();
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.said, "closed 1011: exit status 3\n");
}

#[test]
fn a_program_gets_the_end_of_file_the_subprotocol_and_no_password() {
    let host = Host::new();
    let script = "echo $WEBSOCKET_PROTOCOL,$WEBSOCK_PASSWORD; cat > got; echo more";
    let words = ["--protocol", "a,b", "--user", "me", &host.url("/"), "--"];
    let words = [&words[..], &["sh", "-c", script]].concat();
    let websock = Websock::start_with(&words, |command| {
        command.env("WEBSOCK_PASSWORD", "secret");
    });
    let mut guest = host.guest();
    let request = guest.request();
    let field = |name| crate::support::host::field(&request, name);
    assert_eq!(field("Sec-WebSocket-Protocol"), Some("a, b"));
    assert_eq!(field("Authorization"), Some("Basic bWU6c2VjcmV0"));
    guest.grant(&request, "Sec-WebSocket-Protocol: b\r\n");
    guest.expect_text("b,");
    guest.send_text("line");
    guest.send_close(1000, "");
    // What it still says reaches the server that has closed and hears on.
    guest.expect_text("more");
    guest.expect_close(1000);
    guest.expect_end();
    assert_eq!(websock.got("got"), b"line\n");
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn a_program_that_does_not_run_is_told_to_the_server_and_to_us() {
    let host = Host::new();
    let family = crate::support::process::Family::new();
    let script = family.dir().join("script");
    let words = ["--reconnect", &host.url("/"), script.to_str().unwrap()];
    let start = || {
        let websock = Websock::start(&words);
        (websock, host.guest())
    };
    let refused = |websock: Websock, mut guest: Guest, status, why| {
        let request = guest.request();
        guest.grant(&request, "");
        assert_eq!(guest.expect_close(1011), "client has failed at its end");
        guest.send_close(1011, "");
        guest.expect_end();
        drop(guest);
        let ended = websock.ended();
        let told = format!("websock: cannot run {}: {why}\n", script.display());
        assert_eq!((ended.status, ended.said), (Some(status), told));
    };
    for (text, why) in [
        ("#!/nonexistent/interpreter\n", "No such file or directory"),
        ("\0", "Exec format error"),
    ] {
        executable(&script, text);
        let (websock, guest) = start();
        refused(websock, guest, 126, why);
    }
    let (websock, guest) = start();
    std::fs::remove_file(&script).unwrap();
    refused(websock, guest, 127, "No such file or directory");
}

/// Puts a file there that may be executed.
fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_that_does_not_heed_the_end_of_file_is_ended() {
    let server = Setup::sh("read line").start();
    let script = "trap '' TERM; echo go; while :; do sleep 1000; done";
    let websock = Websock::start(&[&url(&server), "sh", "-c", script]);
    // The server has closed by itself; TERM is not heeded, KILL is.
    assert_eq!(websock.ended().status, Some(0));
}

// -- what others share

#[test]
fn descriptors_that_others_share_stay_as_they_are() {
    let server = Server::cat(&[]);
    let flags = |file: &std::os::fd::OwnedFd| {
        OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL).unwrap())
    };
    let (input, writer) = std::io::pipe().unwrap();
    let (_reader, output) = std::io::pipe().unwrap();
    let (socket, other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (input, output) = (input.into(), output.into());
    let (socket, _other): (std::os::fd::OwnedFd, std::os::fd::OwnedFd) =
        (socket.into(), other.into());
    for (stdin, stdout) in [(&input, &output), (&socket, &socket)] {
        let websock = Websock::start_with(&["-v", &url(&server)], |command| {
            command
                .stdin(Stdio::from(stdin.try_clone().unwrap()))
                .stdout(Stdio::from(stdout.try_clone().unwrap()));
        });
        websock.expect_said("open");
        assert!(!flags(stdin).contains(OFlag::O_NONBLOCK));
        assert!(!flags(stdout).contains(OFlag::O_NONBLOCK));
        websock.signal(Signal::SIGTERM);
        assert_eq!(websock.ended().status, Some(0));
        assert!(!flags(stdin).contains(OFlag::O_NONBLOCK));
    }
    drop(writer);
}

#[test]
fn files_and_sockets_do_for_input_and_output() {
    let server = Server::cat(&[]);
    let family = crate::support::process::Family::new();
    let (input, output) = (family.dir().join("in"), family.dir().join("out"));
    let lines: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(&input, &lines).unwrap();
    let websock = Websock::start_with(&["-e", &url(&server)], |command| {
        command
            .stdin(File::open(&input).unwrap())
            .stdout(File::create(&output).unwrap());
    });
    assert_eq!(websock.ended().status, Some(0));
    assert!(std::fs::read_to_string(&output).unwrap() == lines);

    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let websock = Websock::start_with(&["-e", &url(&server)], |command| {
        let theirs: std::os::fd::OwnedFd = theirs.into();
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
    });
    let mut writer = ours.try_clone().unwrap();
    let all = lines.clone();
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, all.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = String::new();
    (&ours).read_to_string(&mut back).unwrap();
    writing.join().unwrap();
    assert!(back == lines);
    assert_eq!(websock.ended().status, Some(0));
}

#[test]
fn no_input_at_all_is_the_end_of_input() {
    let server = Server::sh(&[], "echo hello");
    let websock = Websock::start_with(&[&url(&server)], |command| {
        command.stdin(Stdio::null());
    });
    let ended = websock.ended();
    assert_eq!((ended.status, &*ended.output), (Some(0), "hello\n"));
}
