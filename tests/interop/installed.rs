//! The files that are installed from examples/, each run by what it is for. All that a test puts into
//! one is another port, another path of the program, and another user.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::superserver::{ReservedPort, SuperServer, user};
use super::tools;
use crate::support::http::Request;
use crate::support::peer::Peer;
use crate::support::process::Family;

const WEBSOCKD: &str = env!("CARGO_BIN_EXE_websockd");

/// A file of examples/, and the ports that stand in it now.
fn example(name: &str, ports: &[&str]) -> (String, Vec<ReservedPort>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let mut text = fs::read_to_string(file).unwrap();
    assert!(text.contains("/usr/sbin/websockd"));
    text = text.replace("/usr/sbin/websockd", WEBSOCKD);
    text = text.replace("nobody", &user());
    let reserved = ports.iter().map(|port| {
        assert!(text.contains(port), "{port} in {name}");
        let reserved = ReservedPort::new(port);
        text = text.replace(port, &reserved.named().1.to_string());
        reserved
    });
    let reserved = reserved.collect();
    (text, reserved)
}

/// The service of all examples is date: one line, and that is all that is on the wire.
#[track_caller]
fn expect_date(address: SocketAddr) {
    let mut peer = Peer::connect(address);
    let response = peer.upgrade(&Request::upgrade("/", address.port()));
    assert_eq!(response.status, 101);
    let line = String::from_utf8(peer.message().payload).unwrap();
    assert!(line.contains(':'), "{line:?}");
    peer.expect_end(1000);
}

#[track_caller]
fn expect_dates(server: &SuperServer, services: &[&str]) {
    for service in services {
        for _ in 0..3 {
            expect_date(server.address_of(service).into());
        }
    }
}

#[test]
fn inetd_conf_is_understood_by_openbsd_inetd() {
    let (configuration, ports) = example("inetd.conf", &["8080", "8081"]);
    if let Some(inetd) = SuperServer::openbsd_inetd(&configuration, &ports) {
        expect_dates(&inetd, &["8080", "8081"]);
    }
}

#[test]
fn inetd_conf_is_understood_by_inetutils_inetd() {
    let (configuration, ports) = example("inetd.conf", &["8080", "8081"]);
    if let Some(inetd) = SuperServer::inetutils_inetd(&configuration, &ports) {
        expect_dates(&inetd, &["8080", "8081"]);
    }
}

#[test]
fn xinetd_starts_one_for_each_client_or_one_for_all() {
    let (configuration, ports) = example("xinetd", &["8080", "8081"]);
    if let Some(xinetd) = SuperServer::xinetd(&configuration, &ports) {
        expect_dates(&xinetd, &["8080", "8081"]);
    }
}

#[test]
fn s6_supervise_runs_its_run_script() {
    if !tools::has_program("s6-supervise") {
        return;
    }
    let (script, ports) = example("s6/run", &["8080"]);
    let family = Family::new();
    let service = family.dir().join("service");
    fs::create_dir(&service).unwrap();
    fs::write(service.join("run"), script).unwrap();
    fs::set_permissions(service.join("run"), Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("s6-supervise");
    command.arg(&service).stdout(Stdio::null());
    let s6 = SuperServer::listening(command, family, &ports);
    expect_dates(&s6, &["8080"]);
    let said = Command::new("s6-svc")
        .arg("-h")
        .arg(&service)
        .status()
        .unwrap();
    assert!(said.success());
    expect_dates(&s6, &["8080"]);
}

/// The words of a line of a unit.
fn words<'u>(unit: &'u str, name: &str) -> Vec<&'u str> {
    let line = unit.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.strip_prefix('=')).unwrap();
    value.trim_start_matches('-').split(' ').collect()
}

/// Runs a pair of units as far as it goes without systemd as process 1: the sockets, and the command.
fn systemd(socket: &str, service: &str, options: &[&str]) {
    let file = Path::new("systemd").join(socket);
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(file);
    let port = ReservedPort::new("");
    let socket = fs::read_to_string(file).unwrap();
    let socket = socket.replace("8080", &port.named().1.to_string());
    let is_each = socket.contains("\nAccept=yes\n");
    assert_eq!(is_each, options.contains(&"--accept"));
    let place = words(&socket, "ListenStream").concat();
    let (service, _) = example(&format!("systemd/{service}"), &[]);
    let program = words(&service, "ExecStart");
    if let Some(systemd) = SuperServer::systemd(options, &[place], &[port], &program) {
        expect_dates(&systemd, &[""]);
    }
}

#[test]
fn the_units_with_one_for_all_serve() {
    systemd("websockd.socket", "websockd.service", &[]);
}

#[test]
fn the_units_with_one_for_each_client_serve() {
    systemd(
        "websockd-each.socket",
        "websockd-each@.service",
        &["--accept"],
    );
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units_and_little_exposed() {
    if !tools::has_program("systemd-analyze") {
        return;
    }
    let family = Family::new();
    let names = [
        "websockd.socket",
        "websockd.service",
        "websockd-each.socket",
        "websockd-each@.service",
    ];
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd");
    for name in names {
        let text = fs::read_to_string(examples.join(name)).unwrap();
        let text = text.replace("/usr/sbin/websockd", WEBSOCKD);
        fs::write(family.dir().join(name), text).unwrap();
    }
    let analyze = |arguments: &[&str], names: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).current_dir(family.dir());
        command.args(names.iter().map(|name| format!("./{name}")));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    };
    let output = analyze(&["verify"], &names);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // Out of 100; a unit without any of this has 96.
    let limits = ["security", "--offline=yes", "--threshold=10"];
    analyze(&limits, &[names[1]]);
    analyze(&limits, &[names[3]]);
}
