//! With which user, root directory and limits services run: on the built program, started by root.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

#[cfg(test)]
mod as_root {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use nix::sys::signal::Signal;
    use nix::unistd::Uid;

    use crate::support::http::Request;
    use crate::support::inetd::{Inetd, Stderr};
    use crate::support::process;
    use crate::support::server::{Server, Setup};

    /// Nobody in any list.
    const USER: &str = "47110:47120";

    const WHO: &str = "id -u; id -g; id -G; cat";

    /// Whether these tests can be: they start with the rights that are given up.
    fn is_root() -> bool {
        let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
        let is_root = Uid::effective().is_root();
        assert!(is_root || !is_ci, "this wants to be run by root");
        if !is_root {
            let line = b"left out: tests/privileges.rs wants to be run by root\n";
            std::io::stderr().write_all(line).unwrap();
        }
        is_root
    }

    /// Starts the program where root may not become anybody, nor leave its root directory.
    fn powerless(setup: Setup) -> Setup {
        setup.wrapped(&[
            "setpriv",
            "--bounding-set=-setuid,-setgid,-sys_chroot,-sys_resource",
        ])
    }

    /// What is said at start by a program that leaves with 111.
    #[track_caller]
    fn refusal(setup: Setup) -> String {
        let mut server = setup.options(&["--port", "0"]).spawn();
        assert_eq!(server.wait().code(), Some(111));
        server.log().event("error").get("what").to_owned()
    }

    #[track_caller]
    fn expect_lines(server: &Server, lines: &[&str]) {
        let mut peer = server.open("/");
        for line in lines {
            peer.expect_text(line);
        }
        peer.close();
    }

    /// Copies a program, and what it is linked with, into a directory that is to be a root.
    fn install(program: &str, root: &Path, name: &str) {
        let listed = Command::new("ldd").arg(program).output().unwrap().stdout;
        let listed = String::from_utf8(listed).unwrap();
        let libraries = listed
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for file in libraries {
            let to = root.join(&file[1..]);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, to).unwrap();
        }
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::copy(program, root.join("bin").join(name)).unwrap();
    }

    #[test]
    fn everybody_is_the_user_by_number() {
        if !is_root() {
            return;
        }
        let server = Server::sh(&["--user", USER], WHO);
        let mut peer = server.open("/");
        for line in ["47110", "47120", "47120"] {
            peer.expect_text(line);
        }
        let session = server.session(&peer);
        for pid in [server.pid(), session, server.service(&peer).pid] {
            assert_eq!(process::status(pid, "Uid"), 47110);
            assert_eq!(process::status(pid, "Gid"), 47120);
        }
        peer.close();
    }

    #[test]
    fn a_user_by_name_has_its_groups() {
        if !is_root() {
            return;
        }
        let of_nobody = |option: &str| {
            let id = Command::new("id").args([option, "nobody"]).output();
            String::from_utf8(id.unwrap().stdout)
                .unwrap()
                .trim()
                .to_owned()
        };
        let [user, group, groups] = ["-u", "-g", "-G"].map(of_nobody);
        let server = Server::sh(&["--user", "nobody"], WHO);
        expect_lines(&server, &[&user, &group, &groups]);
        let server = Server::sh(&["--user", "nobody:47120"], WHO);
        let all = format!("47120 {groups}");
        let mut peer = server.open("/");
        peer.expect_text(&user);
        peer.expect_text("47120");
        // The group file's own, if it names the user, come behind.
        let said = peer.message().payload;
        assert!(all.as_bytes().starts_with(&said), "{said:?}");
        peer.close();
    }

    #[test]
    fn a_session_of_inetd_is_the_user_too() {
        if !is_root() {
            return;
        }
        let setup = Setup::sh(WHO).options(&["--user", USER]);
        let (mut session, mut peer) = Inetd::tcp(&setup, Stderr::Pipe);
        peer.upgrade(&Request::upgrade("/", 80));
        peer.expect_text("47110");
        assert_eq!(process::status(session.pid(), "Uid"), 47110);
        peer.send_fin();
        session.wait();
    }

    #[test]
    fn who_cannot_become_the_user_is_told_at_start() {
        if !is_root() {
            return;
        }
        let said = refusal(powerless(Setup::new(&["cat"]).options(&["--user", USER])));
        assert!(said.contains(USER) && said.contains("root"), "{said}");
        let said = refusal(powerless(Setup::new(&["cat"]).options(&["--chroot", "/"])));
        assert!(said.contains("without being root"), "{said}");
    }

    #[test]
    fn who_is_the_user_already_may_say_so() {
        if !is_root() {
            return;
        }
        let us = format!("{}:{}", nix::unistd::getuid(), nix::unistd::getgid());
        let setup = Setup::sh("id -u; cat").options(&["--user", &us]).wrapped(&[
            "setpriv",
            "--clear-groups",
            "--bounding-set=-setuid,-setgid",
        ]);
        expect_lines(&setup.start(), &["0"]);
    }

    #[test]
    fn a_program_that_the_user_may_not_run_is_told_at_start() {
        if !is_root() {
            return;
        }
        let setup = Setup::new(&["./mine"]).file("mine", "#!/bin/sh\ncat\n");
        let said = refusal(setup.options(&["--user", USER]).wrapped(&[
            "sh",
            "-c",
            "chmod 700 mine; exec \"$@\"",
            "sh",
        ]));
        assert!(said.contains("mine") && said.contains("denied"), "{said}");
    }

    #[test]
    fn sessions_and_services_live_in_the_new_root() {
        if !is_root() {
            return;
        }
        let family = process::Family::new();
        let root = family.dir();
        install("/bin/sh", root, "only-inside");
        fs::create_dir(root.join("work")).unwrap();
        std::os::unix::fs::symlink("/bin/only-inside", root.join("bin/link")).unwrap();
        let options = ["--chroot", root.to_str().unwrap(), "--chdir", "/work"];
        for program in ["only-inside", "link", "bin/only-inside"] {
            let script = "echo /*; pwd; read line";
            let setup = Setup::new(&[program, "-c", script]).options(&options);
            let setup = setup.options(&["--stderr", "null", "--user", USER]);
            let server = setup.env("PATH", "/bin").start();
            let mut peer = server.open("/");
            let files = String::from_utf8(peer.message().payload).unwrap();
            assert!(files.contains("/work"), "{files}");
            assert!(!files.contains("/etc"), "{files}");
            peer.expect_text("/work");
            for pid in [
                server.pid(),
                server.session(&peer),
                server.service(&peer).pid,
            ] {
                assert_eq!(fs::read_link(format!("/proc/{pid}/root")).unwrap(), root);
            }
            peer.close();
        }
    }

    #[test]
    fn a_program_outside_the_new_root_is_not_found() {
        if !is_root() {
            return;
        }
        let family = process::Family::new();
        let root = family.dir().to_str().unwrap().to_owned();
        let mut server = Setup::new(&["sh"]).options(&["--chroot", &root]).spawn();
        assert_eq!(server.wait().code(), Some(127));
    }

    /// Runs a copy, which everybody may execute wherever the original is.
    const COPIED: [&str; 3] = [
        "sh",
        "-c",
        r#"cp "$0" websockd && chmod 755 . websockd && exec ./websockd "$@""#,
    ];

    /// Sends a hang-up that cannot work, and returns what is said of it.
    #[track_caller]
    fn hang_up_in_vain(server: &Server) -> String {
        server.signal(Signal::SIGHUP);
        let said = server.log().event("error").get("what").to_owned();
        assert!(said.starts_with("not restarted: "), "{said}");
        said
    }

    #[test]
    fn a_hang_up_is_heeded_by_who_is_another_user_now() {
        if !is_root() {
            return;
        }
        let setup = Setup::sh("id -u; exec cat").options(&["--user", USER]);
        let server = setup.wrapped(&COPIED).start();
        let mut before = server.open("/");
        before.expect_text("47110");
        server.signal(Signal::SIGHUP);
        server.log().event("restart");
        assert_eq!(process::status(server.pid(), "Uid"), 47110);
        expect_lines(&server, &["47110"]);
        before.send_text("untouched");
        before.expect_text("untouched");
        before.close();
    }

    #[test]
    fn a_program_that_the_user_may_not_execute_again_serves_on() {
        if !is_root() {
            return;
        }
        let setup = Setup::new(&["cat"]).options(&["--user", USER]);
        let server = setup.wrapped(&COPIED).start();
        fs::set_permissions(server.file("websockd"), Permissions::from_mode(0o700)).unwrap();
        let said = hang_up_in_vain(&server);
        assert!(said.contains("ermission denied"), "{said}");
        server.open("/").close();
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_key_that_the_user_may_not_read_again_stays_in_use() {
        use crate::support::tls::Pki;

        if !is_root() || Command::new("openssl").arg("version").output().is_err() {
            return;
        }
        let pki = Pki::new();
        fs::set_permissions(pki.file("server.key"), Permissions::from_mode(0o600)).unwrap();
        let options = pki.pair("server");
        let options = options.each_ref().map(String::as_str);
        let setup = Setup::new(&["cat"]).options(&options);
        let server = setup.options(&["--user", USER]).wrapped(&COPIED).start();
        let said = hang_up_in_vain(&server);
        assert!(said.contains("server.key"), "{said}");
        // It answers still, in TLS.
        let refusal = server.refusal(&server.upgrade("/"));
        assert!(refusal.body.contains("TLS"), "{}", refusal.body);
    }

    #[test]
    fn in_another_root_what_is_not_in_there_is_told_at_a_hang_up() {
        if !is_root() {
            return;
        }
        let family = process::Family::new();
        let root = family.dir();
        install("/bin/cat", root, "cat");
        let options = ["--chroot", root.to_str().unwrap(), "--stderr", "null"];
        let server = Setup::new(&["/bin/cat"]).options(&options).start();
        let said = hang_up_in_vain(&server);
        assert!(said.contains("No such file"), "{said}");
        server.open("/").close();
    }

    #[test]
    fn in_another_root_that_has_all_of_it_a_hang_up_is_heeded() {
        if !is_root() {
            return;
        }
        let family = process::Family::new();
        let root = family.dir();
        install("/bin/cat", root, "cat");
        let program = Path::new(env!("CARGO_BIN_EXE_websockd"));
        install(program.to_str().unwrap(), root, "websockd");
        let inside = root.join(program.parent().unwrap().strip_prefix("/").unwrap());
        fs::create_dir_all(&inside).unwrap();
        fs::copy(program, inside.join("websockd")).unwrap();
        // The root is found from inside, too.
        let itself = root.join(root.strip_prefix("/").unwrap());
        fs::create_dir_all(itself.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/", itself).unwrap();
        fs::create_dir_all(root.join("dev")).unwrap();
        fs::write(root.join("dev/null"), "").unwrap();
        fs::set_permissions(root.join("dev/null"), Permissions::from_mode(0o666)).unwrap();
        let options = ["--chroot", root.to_str().unwrap(), "--user", USER];
        let server = Setup::new(&["/bin/cat"]).options(&options).start();
        server.signal(Signal::SIGHUP);
        server.log().event("restart");
        let mut peer = server.open("/");
        peer.send_text("inside");
        peer.expect_text("inside");
        peer.close();
    }

    #[test]
    fn a_limit_that_cannot_be_had_is_told_at_start() {
        if !is_root() {
            return;
        }
        let setup = Setup::new(&["cat"]).wrapped(&["prlimit", "--nofile=100:100"]);
        let setup = setup.options(&["--limit", "nofile=101", "--user", USER]);
        let said = refusal(setup);
        assert!(said.contains("nofile"), "{said}");
    }

    #[test]
    fn a_start_that_fails_leaves_no_file_behind() {
        if !is_root() {
            return;
        }
        let setup = Setup::new(&["cat"]).options(&["--unix", "socket", "--pid-file", "pid"]);
        let confined = powerless(setup.clone().options(&["--chroot", "/"]));
        // By then the daemon is a user who may not remove them.
        let options = ["--daemon", "--user", USER, "--limit", "nofile=101"];
        let setup = setup.wrapped(&["prlimit", "--nofile=100:100"]);
        let mortal = setup.clone().options(&options);
        for setup in [confined, mortal] {
            let mut server = setup.spawn();
            assert_eq!(server.wait().code(), Some(111));
            assert!(!server.file("pid").exists() && !server.file("socket").exists());
        }
        // Where nobody is left who may.
        let mut server = setup.options(&options[1..]).spawn();
        assert_eq!(server.wait().code(), Some(111));
        assert_eq!(fs::read_to_string(server.file("pid")).unwrap(), "");
    }

    #[test]
    fn a_limit_that_is_refused_later_is_told_in_the_log() {
        if !is_root() {
            return;
        }
        let setup = Setup::new(&["cat"]).options(&["--limit", "nofile=101"]);
        let powerless = [
            "prlimit",
            "--nofile=100:100",
            "setpriv",
            "--bounding-set=-sys_resource",
        ];
        let server = setup.wrapped(&powerless).start();
        assert_eq!(server.refusal(&server.upgrade("/")).status, 500);
        let what = server.log().event("error").get("what").to_owned();
        assert!(what.starts_with("cannot limit nofile: "), "{what}");
    }
}

#[cfg(test)]
mod as_anybody {
    use crate::support::process;
    use crate::support::server::Server;

    #[test]
    fn limits_are_the_services_and_nobody_elses() {
        let options = ["--limit", "nofile=77", "--limit", "core=0", "--no-sandbox"];
        let server = Server::sh(&options, "ulimit -S -n; ulimit -H -n; cat");
        let mut peer = server.open("/");
        peer.expect_text("77");
        peer.expect_text("77");
        let [service, session] = [server.service(&peer).pid, server.session(&peer)];
        assert_eq!(process::limit(service, "Max core file size"), "0");
        for pid in [session, server.pid()] {
            assert_ne!(process::limit(pid, "Max open files"), "77");
        }
        peer.close();
    }

    #[test]
    fn a_service_that_goes_beyond_its_limit_ends_and_is_told() {
        let options = ["--limit", "cpu=1"];
        let server = Server::sh(&options, "echo ready; while :; do :; done");
        let mut peer = server.open("/");
        peer.expect_text("ready");
        // Soft and hard are one: the kernel does not ask twice.
        assert_eq!(peer.expect_end(1011), "killed by signal 9");
    }
}
