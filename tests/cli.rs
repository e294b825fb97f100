//! The command line of the built program: what it prints, where, and with which exit status.
//!
//! What is printed is compared with `tests/golden/`; `UPDATE=1 cargo test --test cli` writes it anew.

#![cfg(feature = "daemon")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A command line each; the fields are separated by blanks, `''` is an empty one.
const MISTAKES: &[&str] = &[
    // what there is not
    "",
    "--inetd",
    "--xyzzy cat",
    "--adress ::1 cat",
    "-x cat",
    "-port=80 cat",
    "-0x cat",
    "--directory /srv",
    // a value missing, or too much
    "-p",
    "--origin",
    "-b=true cat",
    "--help=1",
    // a value that is none of the option's
    "--port 65536 cat",
    "-p http cat",
    "--address 127.0.0.1:80 cat",
    "--address a/b cat",
    "--inetd=maybe cat",
    "--record jpeg cat",
    "--binary=maybe cat",
    "--invalid-utf8 ignore cat",
    "--protocol a/b cat",
    "--protocol a,,b cat",
    "--stderr client cat",
    "--stderr tagged -b cat",
    "--passstderr --record typed cat",
    "--passstderr --stderr log cat",
    "--env HOME cat",
    "--env =1 cat",
    "--pass-env A=1 cat",
    "--pass-env A,,B cat",
    "--chdir /nonexistent cat",
    "--chdir Cargo.toml cat",
    "--dir /nonexistent",
    "--dir Cargo.toml",
    "--grace 5 cat",
    "--closems soon cat",
    "--origin * cat",
    "--origin https://example.org/chat cat",
    "--same-origin=1 cat",
    "--host example.org:80 cat",
    "--host *,example.org cat",
    "--max-clients many cat",
    "--max-message 16MB cat",
    "--maxframesize -1 cat",
    "--handshake-timeout 0 cat",
    "--idle-timeout 1us cat",
    "--write-timeout 1000y cat",
    "--ping 30 cat",
    "--pingms '' cat",
    "--user no-such-one cat",
    "--user root:no-such-one cat",
    "--user 65534 cat",
    "--chroot /nonexistent cat",
    "--chroot Cargo.toml cat",
    "--limit nofile cat",
    "--limit files=3 cat",
    "--limit nofile=many cat",
    "--log-level loud cat",
    "--loglevel loud cat",
    "--log-format xml cat",
    "--header X-A cat",
    "--header-ws Upgrade:h2c cat",
    "--header-ws Sec-WebSocket-Protocol:chat cat",
    "--require-origin=yes cat",
    // two that exclude each other
    "-p 1 --port 2 cat",
    "--record line -b cat",
    "-0 --binary cat",
    "--grace 1s --closems 2000 cat",
    "--console --devconsole=false cat",
    "--limit nofile=3 --limit nofile=4 cat",
    "--list cat",
    "--list",
    "--dir src cat",
    "--inetd -p 80 cat",
    "--inetd --unix socket cat",
    "--unix= cat",
    "--unix-mode 888 cat",
    "--backlog 0 cat",
    "--inetd --daemon cat",
    "--inetd --pid-file pid cat",
    "--pid-file '' cat",
    "--syslog=maybe cat",
    "--inetd --address ::1 cat",
    "--origin example.org --any-origin cat",
    "--same-origin --any-origin cat",
    "--same-origin=false --any-origin=false cat",
    "--env A=1 --env A=2 cat",
    // no such program
    "no-such-program",
    "''",
    "./no-such-program",
    "/",
    "./Cargo.toml",
];

/// The same for the client.
#[cfg(feature = "client")]
const MISTAKES_OF_THE_CLIENT: &[&str] = &[
    // what there is not
    "",
    "-e",
    "--xyzzy ws://localhost",
    "--protocl chat ws://localhost",
    "-close-on-eof ws://localhost",
    // a value missing, or too much
    "--timeout",
    "-e=true ws://localhost",
    "ws://localhost --user",
    // an address that is none
    "localhost",
    "localhost:8080",
    "http://localhost",
    "ws://",
    "ws://local host",
    "ws://localhost:99999",
    "ws://localhost/#top",
    "ws://me:secret@localhost",
    // a value that is none of the option's
    "--unix '' ws://localhost",
    "--proxy socks5://localhost ws://localhost",
    "--protocol a/b ws://localhost",
    "--header Upgrade:x ws://localhost",
    "--header x ws://localhost",
    "--origin '' ws://localhost",
    "--user me:word ws://localhost",
    "--timeout 0 ws://localhost",
    "--record jpeg ws://localhost",
    "--invalid-utf8 ignore ws://localhost",
    "--max-message 16MB ws://localhost",
    "--ping 30 ws://localhost",
    "--ca '' ws://localhost",
    // one without the other, and two that exclude each other
    "--cert cert.pem ws://localhost",
    "--key key.pem ws://localhost",
    "-k --ca ca.pem ws://localhost",
    "-q -v ws://localhost",
    "--unix socket --proxy localhost ws://localhost",
    "--user me --header Authorization:x ws://localhost",
    "--header authorization:x ws://me@localhost",
    "-0 -b ws://localhost",
    // no such program
    "ws://localhost no-such-program",
    "ws://localhost -- ./no-such-program",
    "-- ws://localhost /",
];

fn websockd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websockd"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

#[cfg(feature = "client")]
fn websock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websock"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

fn run(line: &str) -> Output {
    run_by(websockd(), line)
}

fn run_by(mut program: Command, line: &str) -> Output {
    let words = line.split_whitespace();
    program
        .args(words.map(|word| word.trim_matches('\'')))
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn compare(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, actual).expect("golden text is written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == actual,
        "{} differs (UPDATE=1 writes it); now it is:\n{actual}",
        path.display()
    );
}

/// What a text asked for looks like: on stdout, nothing else.
fn asked_for(line: &str) -> String {
    let output = run(line);
    assert_eq!(text(&output.stderr), "", "{line}");
    assert_eq!(output.status.code(), Some(0), "{line}");
    text(&output.stdout).to_owned()
}

#[test]
fn help_is_the_text_in_golden() {
    let help = asked_for("--help");
    assert_eq!(asked_for("-h"), help);
    assert_eq!(asked_for("-p 1 --help --nonsense"), help);
    compare("help.txt", &help);
}

#[cfg(feature = "client")]
#[test]
fn help_of_the_client_is_the_text_in_golden() {
    let asked_for = |line: &str| {
        let output = run_by(websock(), line);
        assert_eq!(text(&output.stderr), "", "{line}");
        assert_eq!(output.status.code(), Some(0), "{line}");
        text(&output.stdout).to_owned()
    };
    let help = asked_for("--help");
    assert_eq!(asked_for("-h"), help);
    assert_eq!(asked_for("ws://localhost -k --help --nonsense"), help);
    assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    compare("help_websock.txt", &help);
    let version = format!("websock {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked_for("-V"), version);
}

#[test]
fn version_is_the_packages() {
    let version = format!("websockd {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked_for("--version"), version);
    assert_eq!(asked_for("-V"), version);
}

#[test]
fn license_is_the_file() {
    let file = include_str!("../LICENSE-MIT");
    let license = format!("SPDX-License-Identifier: MIT OR Apache-2.0\n\n{file}");
    assert_eq!(asked_for("--license"), license);
}

#[test]
fn every_mistake_is_told_in_one_line() {
    tell_mistakes("websockd", MISTAKES, websockd, "mistakes.txt");
}

#[cfg(feature = "client")]
#[test]
fn every_mistake_is_told_in_one_line_by_the_client() {
    let golden = "mistakes_websock.txt";
    tell_mistakes("websock", MISTAKES_OF_THE_CLIENT, websock, golden);
}

fn tell_mistakes(program: &str, mistakes: &[&str], start: impl Fn() -> Command, golden: &str) {
    let mut actual = String::new();
    for line in mistakes {
        let output = run_by(start(), line);
        let stderr = text(&output.stderr);
        let status = output.status.code().expect("it left by itself");
        assert_eq!(text(&output.stdout), "", "{line}");
        assert_eq!(stderr.lines().count(), 1, "{line}: {stderr}");
        let begin = format!("{program}: ");
        assert!(stderr.starts_with(&begin), "{line}: {stderr}");
        assert!(!stderr.contains("secret"), "{line}: {stderr}");
        assert!([100, 126, 127].contains(&status), "{line}: {status}");
        let typed = format!("$ {program} {line}");
        writeln!(actual, "{}\n{stderr}[{status}]\n", typed.trim_end()).expect("a string");
    }
    compare(golden, &actual);
}

#[test]
fn a_reader_that_left_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = websockd()
        .arg("--help")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("the program runs");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_text_that_cannot_be_written_is_an_error() {
    let full = File::options().write(true).open("/dev/full");
    let output = websockd()
        .arg("--help")
        .stdout(full.expect("/dev/full"))
        .stderr(Stdio::piped())
        .output()
        .expect("the program runs");
    assert_eq!(
        text(&output.stderr),
        "websockd: cannot write on standard output: No space left on device\n"
    );
    assert_eq!(output.status.code(), Some(111));
}

#[test]
fn without_any_descriptor_it_leaves_with_the_right_status() {
    for (line, status) in [("--help", 0), ("no-such-program", 127)] {
        let shell = format!("exec \"$0\" {line} <&- >&- 2>&-");
        let ended = Command::new("sh")
            .args(["-c", &shell, env!("CARGO_BIN_EXE_websockd")])
            .status()
            .expect("sh runs");
        assert_eq!(ended.code(), Some(status), "{line}");
    }
}

#[test]
fn under_inetd_a_mistake_is_not_told_to_the_client() {
    let (mut client, server) = UnixStream::pair().expect("a pair of sockets");
    let copy = || OwnedFd::from(server.try_clone().expect("another descriptor"));
    let mut command = websockd();
    command.args(["--inetd", "no-such-program"]);
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let ended = command.status().expect("the program runs");
    assert_eq!(ended.code(), Some(127));
    drop((command, server));
    let deadline = Some(Duration::from_secs(10));
    client.set_read_timeout(deadline).expect("a deadline");
    let mut told = String::new();
    client.read_to_string(&mut told).expect("end of stream");
    assert_eq!(told, "");
}
