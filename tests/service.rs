//! The program that runs for each client: what it is given, and what becomes of it.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::time::{Duration, Instant};

use support::peer::Peer;
use support::process::{Process, wait_gone};
use support::server::{Server, Setup};
use support::wait_for;

/// The lines of a service that ends by itself.
#[track_caller]
fn lines(peer: &mut Peer, count: usize) -> Vec<String> {
    let lines = (0..count).map(|_| String::from_utf8_lossy(&peer.message().payload).into_owned());
    lines.collect()
}

/// Signals 32 and 33: glibc's own, which its posix_spawn leaves ignored and no program can set.
const C_LIBRARY_SIGNALS: u64 = 0b11 << 31;

#[test]
fn a_service_has_descriptors_0_1_and_2_and_no_others() {
    let server = Server::sh(&[], "ls /proc/$$/fd; echo end");
    let _other = server.open("/");
    let mut peer = server.open("/");
    assert_eq!(lines(&mut peer, 4), ["0", "1", "2", "end"]);
    peer.expect_end(1000);
}

#[test]
fn a_service_inherits_no_descriptor_that_we_inherited() {
    let setup = Setup::sh("ls /proc/$$/fd; echo end");
    let wrapper = [
        "sh",
        "-c",
        "exec 5</dev/null 9>/dev/null; exec \"$@\"",
        "sh",
    ];
    let server = setup.wrapped(&wrapper).start();
    let mut peer = server.open("/");
    assert_eq!(lines(&mut peer, 4), ["0", "1", "2", "end"]);
}

#[test]
fn a_service_leads_a_session_and_a_group_of_its_own() {
    let server = Server::cat(&[]);
    let peer = server.open("/");
    let service = server.service(&peer);
    assert_eq!((service.group, service.session), (service.pid, service.pid));
    assert_eq!(service.name, "cat");
}

#[test]
fn a_service_has_default_signals_and_an_empty_mask() {
    let setup = Setup::new(&["sed", "-n", "/^Sig[BIC]/p", "/proc/self/status"]);
    let wrapper = [
        "env",
        "--ignore-signal=HUP,INT,QUIT,PIPE,USR1,TTOU",
        "--block-signal=USR2,WINCH",
    ];
    let server = setup.wrapped(&wrapper).start();
    let mut peer = server.open("/");
    for name in ["SigBlk", "SigIgn", "SigCgt"] {
        let line = String::from_utf8(peer.message().payload).expect("text");
        let set = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(":\t"));
        let set = u64::from_str_radix(set.expect(name), 16).expect("a set of signals");
        assert_eq!(set & !C_LIBRARY_SIGNALS, 0, "{line}");
    }
}

#[test]
fn a_service_gets_its_arguments_as_they_were_given() {
    let arguments = ["two words", "", "--port", "*", "$HOME", "ü"];
    let argv = [&["printf", "[%s]\\n"], &arguments[..]].concat();
    let server = Setup::new(&argv).start();
    let mut peer = server.open("/");
    for argument in arguments {
        peer.expect_text(format!("[{argument}]"));
    }
}

#[test]
fn a_service_works_in_our_directory_with_our_umask() {
    let setup = Setup::sh("pwd; umask");
    let server = setup
        .wrapped(&["sh", "-c", "umask 0027; exec \"$@\"", "sh"])
        .start();
    let mut peer = server.open("/");
    peer.expect_text(server.dir().to_str().unwrap());
    peer.expect_text("0027");
}

#[test]
fn a_service_works_in_another_directory_if_the_operator_says_so() {
    let setup = Setup::new(&["./program"]).file("program", "#!/bin/sh\npwd\n");
    let server = setup.options(&["--chdir", "/"]).start();
    server.open("/").expect_text("/");
}

#[test]
fn a_program_is_found_by_path() {
    let setup = Setup::new(&["greet"]).file("greet", "#!/bin/sh\necho hello\n");
    let server = setup
        .wrapped(&["sh", "-c", "PATH=$PWD:$PATH exec \"$@\"", "sh"])
        .start();
    server.open("/").expect_text("hello");
}

#[test]
fn a_program_that_is_not_there_is_told_at_start() {
    for name in ["no-such-program", "./no-such-program", "/no/such/program"] {
        let mut server = Setup::new(&[name]).spawn();
        assert_eq!(server.wait().code(), Some(127));
        let said = server.log().complete().join("\n");
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_told_at_start() {
    for name in ["/etc/passwd", "/etc"] {
        let mut server = Setup::new(&[name]).spawn();
        assert_eq!(server.wait().code(), Some(126));
        let said = server.log().complete().join("\n");
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn each_client_has_a_service_of_its_own() {
    let server = Server::sh(&[], "n=0; while read line; do n=$((n+1)); echo $n; done");
    let mut first = server.open("/");
    let mut second = server.open("/");
    first.send_text("");
    first.expect_text("1");
    first.send_text("");
    first.expect_text("2");
    second.send_text("");
    second.expect_text("1");
    first.close();
    second.send_text("");
    second.expect_text("2");
    second.close();
}

#[test]
fn an_orderly_end_leaves_neither_process_nor_zombie() {
    let server = Server::cat(&[]);
    let mut peer = server.open("/");
    let (session, service) = (server.session(&peer), server.service(&peer));
    assert_eq!(Process::find(session).unwrap().parent, server.pid());
    peer.close();
    wait_for("both to be reaped", || {
        let is_left = Process::find(session).is_some() || Process::find(service.pid).is_some();
        (!is_left).then_some(())
    });
}

#[test]
fn a_crowd_that_leaves_at_once_is_reaped_whole() {
    let server = Server::cat(&[]);
    let mut crowd: Vec<_> = (0..30).map(|_| server.open("/")).collect();
    for peer in &mut crowd {
        peer.send_close(1000, "");
    }
    for peer in &mut crowd {
        peer.expect_close(1000);
        peer.expect_fin();
    }
    wait_for("all to be reaped", || {
        server.sessions().is_empty().then_some(())
    });
    server.log().events("close", 30);
}

#[test]
fn a_zombie_of_the_services_own_is_nobodys_trouble() {
    let server = Server::sh(&[], "true & exec cat");
    let mut peer = server.open("/");
    peer.send_text("still here");
    peer.expect_text("still here");
    peer.close();
}

#[test]
fn standard_error_is_logged_line_by_line() {
    let server = Server::sh(
        &[],
        "echo one >&2; printf 'tab\\there \\033[31mred\\n' >&2; printf last >&2",
    );
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.expect_end(1000);
    let logged = server.log().events("service", 3);
    let lines: Vec<_> = logged.iter().map(|line| line.get("line")).collect();
    assert_eq!(lines, ["one", "tab\there \u{1b}[31mred", "last"]);
    for line in &logged {
        assert_eq!(line.number::<i32>("pid"), session);
    }
    let raw = server.stop().join("\n");
    assert!(!raw.contains(['\u{1b}', '\t']), "{raw:?}");
}

#[test]
fn standard_error_may_be_ours() {
    let server = Server::sh(&["--stderr", "inherit"], "echo as it is >&2; cat");
    server.open("/").close();
    server
        .log()
        .line("inherited line", |line| line == "as it is");
}

#[test]
fn standard_error_may_go_nowhere() {
    let server = Server::sh(
        &["--stderr", "null"],
        "echo hidden >&2; readlink /proc/$$/fd/2",
    );
    let mut peer = server.open("/");
    peer.expect_text("/dev/null");
    peer.expect_end(1000);
    let log = server.stop().join("\n");
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn much_on_standard_error_holds_nothing_up() {
    let server = Server::sh(&[], "seq 20000 >&2; echo done");
    let mut peer = server.open("/");
    peer.expect_text("done");
    peer.expect_end(1000);
    server
        .log()
        .event_where("service", |line| line.get("line") == "20000");
}

#[test]
fn endless_standard_error_holds_nothing_up() {
    let server = Server::sh(&["--grace", "100ms"], "yes >&2 & exec cat");
    let mut peer = server.open("/");
    let session = server.session(&peer);
    let begun = Instant::now();
    peer.send_text("hello");
    peer.expect_text("hello");
    drop(peer);
    wait_gone(session);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(5), "{taken:?}");
}

#[test]
fn a_grandchild_that_holds_standard_error_does_not_keep_the_session() {
    let server = Server::sh(
        &["--grace", "300ms"],
        "sleep 1000 </dev/null >/dev/null & echo bye",
    );
    let mut peer = server.open("/");
    let session = server.session(&peer);
    peer.expect_text("bye");
    peer.expect_end(1000);
    wait_gone(session);
    server.family().wait_gone_by_name("sleep");
}
