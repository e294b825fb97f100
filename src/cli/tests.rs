//! The table walked, and command lines read into configurations. The sentences of every usage error
//! are in `tests/cli.rs`, on the built program.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::{collection, sample};

#[cfg(feature = "client")]
use super::flags::DIAL;
use super::flags::{Flag, Preset, Table, Takes};
use super::*;
use crate::daemon::{InvalidUtf8, Program, ServiceStderr, Services, Source, UnixSocket};
use crate::handshake::server::{Hosts, Origins};
use crate::record::Record;

fn outcome(line: &str) -> Result<Outcome, Failure> {
    parse(line.split_whitespace().map(OsString::from))
}

fn config(line: &str) -> Config {
    match outcome(line) {
        Ok(Outcome::Serve { config, .. }) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

fn program(line: &str) -> Program {
    match config(line).services {
        Services::Program(program) => program,
        other @ (Services::Dir(_) | Services::None) => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    let failure = outcome(line).expect_err(line);
    assert_eq!(failure.status, 100, "{line}: {failure}");
    failure.to_string()
}

// -- the table

#[test]
fn the_table_of_the_server_is_in_order() {
    check_table(&SERVE);
}

#[cfg(feature = "client")]
#[test]
fn the_table_of_the_client_is_in_order() {
    check_table(&DIAL);
}

fn check_table<O: Spoken>(table: &Table<O>) {
    let names: Vec<_> = table.names().collect();
    let different: HashSet<_> = names.iter().collect();
    assert_eq!(names.len(), different.len(), "a name is given twice");
    for name in &names {
        assert!(table.find(name).is_some(), "{name}");
        check_name(name);
    }
    for flag in table.all() {
        check_entry(flag);
    }
    assert!(table.all().is_sorted_by_key(|flag| flag.section));
    for line in help::help(table).lines() {
        assert!(line.len() <= 80, "{line}");
    }
    // Every default is a value of its option.
    assert!(said::nothing(table).is_ok());
}

/// Names are lower case words with hyphens.
fn check_name(name: &str) {
    let Some(word) = name.strip_prefix("--") else {
        return;
    };
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    assert!(word.len() > 1 && word.bytes().all(is_plain), "{name}");
    assert!(!word.starts_with('-') && !word.ends_with('-'), "{name}");
}

/// An entry is ASCII and says what the option does.
fn check_entry<O>(flag: &Flag<O>) {
    let default = flag.default.printed().unwrap_or_default();
    assert!(!flag.help.is_empty(), "--{}", flag.long);
    assert!(!flag.help.ends_with('.'), "--{}", flag.long);
    assert!(
        flag.help.is_ascii() && default.is_ascii(),
        "--{}",
        flag.long
    );
    if let Some(name) = flag.takes.name() {
        assert!(!name.is_empty() && name.is_ascii(), "--{}", flag.long);
    }
    if let (Preset::Value(value), Takes::OneOf(_, choices)) = (flag.default, flag.takes) {
        assert!(choices.contains(&value), "--{}", flag.long);
    }
}

#[test]
fn every_default_is_a_value_of_its_option() {
    for flag in SERVE.all() {
        match (flag.default, flag.takes) {
            (Preset::Value(value), Takes::OneOf(_, choices)) => assert!(choices.contains(&value)),
            (Preset::Value(value), _) => {
                let line = format!("--{}={value} sh", flag.long);
                assert!(outcome(&line).is_ok(), "{line}");
            }
            (Preset::Words(_) | Preset::Nothing, _) => {}
        }
    }
}

#[test]
fn the_printed_default_addresses_are_the_real_ones() {
    let (address, _) = SERVE.find("--address").expect("--address");
    let Source::Listen { addresses, .. } = config("-p 1 sh").source else {
        panic!("not listening");
    };
    assert_eq!(address.default.printed(), Some(&*addresses.join(" and ")));
}

#[test]
fn every_choice_of_an_option_is_accepted_and_means_something_else() {
    for flag in SERVE.all() {
        let Takes::OneOf(_, choices) = flag.takes else {
            continue;
        };
        let meanings: HashSet<_> = choices
            .iter()
            .map(|choice| {
                let line = format!("--{} {choice} sh", flag.long);
                format!("{:?}", outcome(&line).expect(&line))
            })
            .collect();
        assert_eq!(meanings.len(), choices.len(), "--{}", flag.long);
    }
}

// -- what holds by itself

#[test]
fn without_options_everything_is_as_the_table_says() {
    let config = config("sh");
    assert_eq!(config.source, Source::Auto { port: 8080 });
    assert_eq!(config.record, Record::Line);
    assert_eq!(config.invalid_utf8, InvalidUtf8::Replace);
    assert_eq!(config.stderr, ServiceStderr::Log);
    assert_eq!(config.policy.origins, Origins::Same);
    assert_eq!(config.policy.hosts, Hosts::Local);
    assert_eq!(config.grace, Duration::from_millis(500));
    assert_eq!(config.max_message, Some(16 << 20));
    assert_eq!(config.handshake_timeout, Duration::from_secs(10));
    assert_eq!(config.idle_timeout, None);
    assert_eq!(config.write_timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.ping, Some(Duration::from_secs(30)));
    assert_eq!(config.max_clients, Some(1024));
    assert_eq!((config.pass_env, config.chdir), (None, None));
    assert!(!config.console && config.env.is_empty());
    assert_eq!((config.user, config.chroot), (None, None));
    assert!(config.sandbox && config.limits.is_empty());
}

// -- forms

#[test]
fn a_value_may_follow_or_be_joined() {
    for line in [
        "--port 81 sh",
        "--port=81 sh",
        "-p 81 sh",
        "-p81 sh",
        "-p=81 sh",
    ] {
        let Source::Listen { port, .. } = config(line).source else {
            panic!("{line}");
        };
        assert_eq!(port, 81, "{line}");
    }
}

#[test]
fn a_boolean_may_be_true_or_false() {
    assert_eq!(config("--inetd sh").source, Source::Inetd);
    assert_eq!(config("--inetd=true sh").source, Source::Inetd);
    assert_eq!(config("--inetd=false sh").source, config("sh").source);
    assert_eq!(config("--binary=false sh").record, Record::Line);
}

#[test]
fn what_follows_the_program_is_its_own() {
    let words = |line| program(line).argv;
    assert_eq!(
        words("sh -p 80 -- --help"),
        ["sh", "-p", "80", "--", "--help"]
    );
    assert_eq!(words("--inetd -- sh -c true"), ["sh", "-c", "true"]);
}

#[test]
fn saying_the_same_twice_is_no_contradiction() {
    assert_eq!(config("--record nul -0 sh").record, Record::Nul);
    assert_eq!(config("-b --binary --binary=true sh").record, Record::Raw);
}

#[test]
fn what_excludes_each_other_is_refused() {
    for line in [
        "--record line -b sh",
        "-0 -b sh",
        "-p 1 --port 2 sh",
        "--ping 1s --pingms 2 sh",
        "--console --devconsole=false sh",
        "--inetd --port 1 sh",
        "--inetd --address ::1 sh",
        "--origin a --any-origin sh",
        "--same-origin --any-origin sh",
        "--same-origin=false --any-origin=false sh",
    ] {
        let sentence = refused(line);
        assert!(sentence.contains(" exclude each other"), "{sentence}");
    }
}

#[test]
fn help_version_and_license_need_nothing_else() {
    for (line, begin) in [
        ("--help", "Usage: websockd "),
        ("-h", "Usage: websockd "),
        ("--inetd --port 1 --version", "websockd "),
        ("-V --nonsense", "websockd "),
        ("--license", "SPDX-License-Identifier: MIT OR Apache-2.0\n"),
    ] {
        match outcome(line) {
            Ok(Outcome::Print(text)) => assert!(text.starts_with(begin), "{line}: {text}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_long_option_with_one_dash_is_explained() {
    assert!(refused("-port=80 sh").contains("--port"));
    assert!(refused("-sameorigin sh").contains("--sameorigin"));
}

#[test]
fn an_unknown_option_brings_the_nearest_known_one_to_mind() {
    for (line, name) in [
        ("--adress ::1 sh", "--address"),
        ("--max-mess 1 sh", "--max-message"),
        ("--devconsol sh", "--devconsole"),
        ("--hanshake-timout 1s sh", "--handshake-timeout"),
    ] {
        let sentence = refused(line);
        assert!(
            sentence.contains(&format!("did you mean {name}?")),
            "{sentence}"
        );
    }
    assert!(!refused("--xyzzy sh").contains("did you mean"));
    assert!(!refused("--x sh").contains("did you mean"));
}

#[test]
fn a_value_that_is_no_text_is_refused_and_shown_escaped() {
    let port = OsStr::from_bytes(b"\xff\x1b[2J").to_owned();
    let failure = parse(["-p".into(), port, "sh".into()]).expect_err("no port");
    let sentence = failure.to_string();
    assert!(sentence.contains(r#"-p "\xFF\u{1b}[2J""#), "{sentence}");
}

#[test]
fn a_long_value_is_cut_in_messages() {
    let sentence = refused(&format!("--port {} sh", "9".repeat(10_000)));
    assert!(sentence.len() < 200, "{sentence}");
}

// -- websocketd's spellings

#[test]
fn a_bare_number_in_websocketds_spelling_has_websocketds_unit() {
    assert_eq!(config("--closems 250 sh").grace, Duration::from_millis(250));
    assert_eq!(config("--closems=2s sh").grace, Duration::from_secs(2));
    assert_eq!(
        config("--pingms 1500 sh").ping,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(config("--maxframesize 65536 sh").max_message, Some(65536));
    assert!(refused("--grace 250 sh").contains("500ms"));
}

#[test]
fn websocketds_way_to_say_default_or_none_is_understood() {
    assert_eq!(config("--closems 0 sh").grace, config("sh").grace);
    assert_eq!(config("--pingms 0 sh").ping, None);
    assert_eq!(config("--maxforks 0 sh").max_clients, None);
    assert_eq!(config("--maxforks=-1 sh").max_clients, None);
    assert_eq!(config("--maxforks 7 sh").max_clients, Some(7));
}

#[test]
fn websocketds_levels_are_ours() {
    for (theirs, ours) in [
        ("debug", Level::Debug),
        ("trace", Level::Debug),
        ("access", Level::Info),
        ("info", Level::Info),
        ("error", Level::Error),
        ("fatal", Level::Error),
    ] {
        match outcome(&format!("--loglevel={theirs} sh")) {
            Ok(Outcome::Serve { level, .. }) => assert_eq!(level, ours, "{theirs}"),
            other => panic!("{theirs}: {other:?}"),
        }
    }
}

#[test]
fn same_origin_false_lets_in_any_page_unless_some_are_named() {
    assert_eq!(config("--sameorigin=false sh").policy.origins, Origins::Any);
    assert_eq!(
        config("--sameorigin=false --origin a sh").policy.origins,
        Origins::Listed(vec!["a".to_owned()])
    );
    assert_eq!(
        config("--any-origin=false sh").policy.origins,
        Origins::Same
    );
}

// -- values

#[test]
fn zero_is_none_where_the_table_says_so() {
    let config = config(
        "--grace 0 --idle-timeout 0 --write-timeout 0 --ping 0s --max-message 0 --max-clients 0 sh",
    );
    assert_eq!(config.grace, Duration::ZERO);
    assert_eq!((config.idle_timeout, config.write_timeout), (None, None));
    assert_eq!(
        (config.ping, config.max_message, config.max_clients),
        (None, None, None)
    );
    refused("--handshake-timeout 0 sh");
}

#[test]
fn sizes_have_units_of_1024() {
    for (size, bytes) in [
        ("1", 1),
        ("4096", 4096),
        ("64K", 65536),
        ("1k", 1024),
        ("2M", 2 << 20),
        ("1G", 1 << 30),
    ] {
        let line = format!("--max-message {size} sh");
        assert_eq!(config(&line).max_message, Some(bytes), "{line}");
    }
    for size in [
        "K",
        "-1",
        "+1",
        "1T",
        "1KB",
        "1.5M",
        "18446744073709551615G",
        "99999999999999999999",
    ] {
        refused(&format!("--max-message={size} sh"));
    }
}

#[test]
fn durations_are_between_a_millisecond_and_a_year() {
    for (text, duration) in [
        ("1ms", 1),
        ("10s", 10_000),
        ("2m", 120_000),
        ("1h30m", 5_400_000),
        ("365d", 31_536_000_000),
    ] {
        let line = format!("--idle-timeout {text} sh");
        assert_eq!(
            config(&line).idle_timeout,
            Some(Duration::from_millis(duration)),
            "{line}"
        );
    }
    for text in ["10", "1us", "366d", "99999999999y", "-1s", "s", "1x"] {
        refused(&format!("--idle-timeout={text} sh"));
    }
}

#[test]
fn ports_are_sixteen_bits() {
    for port in ["65536", "-1", "+1", "http", "8080x"] {
        refused(&format!("--port={port} sh"));
    }
}

#[test]
fn addresses_are_literals_names_or_all() {
    let source = config("-a 127.0.0.1 -a [::1] -a * --address localhost -a fe80::1%eth0 sh").source;
    let addresses = ["127.0.0.1", "::1", "*", "localhost", "fe80::1%eth0"];
    assert_eq!(
        source,
        Source::Listen {
            addresses: addresses.map(str::to_owned).to_vec(),
            port: 8080,
            unix: None
        }
    );
    assert!(refused("-a 127.0.0.1:81 sh").contains("--port 81"));
    assert!(refused("-a [::1]:81 sh").contains("--port 81"));
    refused("--address=a/b sh");
    refused("--address= sh");
}

#[test]
fn a_unix_socket_stands_alone_unless_tcp_is_asked_for() {
    let unix = config("--unix /run/s --unix-mode 600 sh").source;
    let socket = UnixSocket {
        path: "/run/s".into(),
        mode: 0o600,
    };
    let listen = |addresses: &[&str]| Source::Listen {
        addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
        port: 8080,
        unix: Some(socket.clone()),
    };
    assert_eq!(unix, listen(&[]));
    let both = config("--unix /run/s --unix-mode=0600 -p 8080 sh").source;
    assert_eq!(both, listen(&["127.0.0.1", "::1"]));
    for mode in ["0o660", "+660", "668", "01000", "", "rw"] {
        refused(&format!("--unix-mode={mode} sh"));
    }
    for backlog in ["0", "-1", "2147483648"] {
        refused(&format!("--backlog={backlog} sh"));
    }
}

#[test]
#[cfg(feature = "proxy")]
fn proxies_are_addresses_and_networks() {
    config("--trust-proxy 192.0.2.7,10.0.0.0/8 --trust-proxy ::1,unix --proxy-protocol sh");
    for proxy in [
        "proxy.example",
        "10.0.0.0/33",
        "",
        "10.0.0.1,",
        "10.0.0.0-10.0.0.9",
    ] {
        assert!(refused(&format!("--trust-proxy={proxy} sh")).contains("--trust-proxy"));
    }
}

#[test]
#[cfg(not(feature = "proxy"))]
fn proxies_are_not_known_to_a_program_built_without() {
    for option in [
        "--proxy-protocol",
        "--trust-proxy=10.0.0.0/8",
        "--trust-proxy=any",
    ] {
        assert!(refused(&format!("{option} sh")).contains("built without"));
    }
}

#[test]
fn origins_are_lists_of_scheme_host_and_port() {
    let origins = config("--origin a.example,https://b.example:8443 --origin null sh")
        .policy
        .origins;
    let listed = ["a.example", "https://b.example:8443", "null"];
    assert_eq!(origins, Origins::Listed(listed.map(str::to_owned).to_vec()));
    for origin in [
        "*",
        "http://a/b",
        "a/b",
        "a,,b",
        "",
        "://a",
        "1x://a",
        "a:99999",
        "user@a",
    ] {
        refused(&format!("--origin={origin} sh"));
    }
}

#[test]
fn hosts_are_names_without_port_or_any() {
    let hosts = config("--host a.example,127.0.0.1 --host [::1],2001:db8::1 sh")
        .policy
        .hosts;
    let listed = ["a.example", "127.0.0.1", "[::1]", "2001:db8::1"];
    assert_eq!(hosts, Hosts::Listed(listed.map(str::to_owned).to_vec()));
    assert_eq!(config("--host * sh").policy.hosts, Hosts::Any);
    for host in ["a:80", "*,a", "", "a/b", "[::1]:80"] {
        refused(&format!("--host={host} sh"));
    }
}

#[test]
fn protocols_are_tokens_in_order() {
    let protocols = config("--protocol chat,v2.bin --protocol x!y sh")
        .policy
        .protocols;
    assert_eq!(protocols, ["chat", "v2.bin", "x!y"]);
    for name in ["a/b", "a;b", "\"a\"", "", "a,", "\u{e9}"] {
        refused(&format!("--protocol={name} sh"));
    }
}

#[test]
fn variables_are_set_and_passed_by_name() {
    let config =
        config("--env A=1 --env B= --env C=x=y --env A=1 --pass-env HOME,LANG --passenv TERM sh");
    let env: Vec<_> = config
        .env
        .iter()
        .map(|(n, v)| (n.to_str(), v.to_str()))
        .collect();
    assert_eq!(
        env,
        [
            (Some("A"), Some("1")),
            (Some("B"), Some("")),
            (Some("C"), Some("x=y"))
        ]
    );
    assert_eq!(
        config.pass_env.expect("restricted"),
        ["HOME", "LANG", "TERM"]
    );
    refused("--env =x sh");
    refused("--env A sh");
    refused("--env A=1 --env A=2 sh");
    refused("--pass-env A,,B sh");
    refused("--pass-env A=1 sh");
}

#[test]
fn no_variable_is_passed_if_none_is_named() {
    assert_eq!(config("--pass-env= sh").pass_env, Some(Vec::new()));
}

#[test]
fn the_directory_must_be_one() {
    assert_eq!(
        config("--chdir / sh").chdir.as_deref(),
        Some(Path::new("/"))
    );
    let relative = config("--chdir src sh").chdir.expect("set");
    assert!(relative.is_absolute() && relative.ends_with("src"));
    refused("--chdir /nonexistent sh");
    refused("--chdir Cargo.toml sh");
}

// -- PROGRAM

#[test]
fn limits_have_the_names_of_prlimit_and_sizes_or_none() {
    let line = "--limit nofile=64 --limit as=512M --limit core=unlimited --limit nofile=64 sh";
    let limits = config(line).limits;
    let limits: Vec<_> = limits.iter().map(|limit| (limit.name, limit.max)).collect();
    let expected = [
        ("nofile", Some(64)),
        ("as", Some(512 << 20)),
        ("core", None),
    ];
    assert_eq!(limits, expected);
    refused("--limit nofile=64 --limit nofile=65 sh");
    refused("--limit nofile=-1 sh");
    refused("--limit NOFILE=1 sh");
}

#[test]
fn a_program_in_another_root_is_found_there() {
    // Whoever reads this file can look into the root; nobody has to be root for that.
    let root = std::env::temp_dir().join(format!("websockd-root-{}", std::process::id()));
    let bin = root.join("bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    std::fs::copy("/bin/sh", bin.join("only-there")).expect("a program");
    std::os::unix::fs::symlink("/bin/only-there", root.join("link")).expect("a link");
    let root_option = format!("--chroot {}", root.display());
    for name in ["/bin/only-there", "/link", "bin/only-there", "/../link"] {
        let found = config(&format!("{root_option} --chdir bin {name}"));
        let Services::Program(program) = found.services else {
            panic!("{name}");
        };
        assert_eq!(program.path, Path::new("/").join(name));
        assert_eq!(found.chdir.as_deref(), Some(Path::new("/bin")));
    }
    let absent = outcome(&format!("{root_option} /bin/sh")).expect_err("it is not there");
    let missing = outcome(&format!("{root_option} --chdir etc /link")).expect_err("no such");
    std::fs::remove_dir_all(root).expect("removed");
    assert_eq!((absent.status, missing.status), (127, 100));
}

#[test]
fn a_directory_of_programs_takes_the_place_of_program() {
    let services = config("--dir /usr/../usr").services;
    assert_eq!(services, Services::Dir("/usr/../usr".into()));
    let here = std::env::current_dir().expect("a directory");
    assert_eq!(
        config("--dir src").services,
        Services::Dir(here.join("src"))
    );
    assert!(refused("--dir src sh").contains("exclude each other"));
    assert!(refused("--dir Cargo.toml").contains("directory"));
}

#[cfg(feature = "site")]
#[test]
fn a_directory_of_files_needs_no_program() {
    let alone = config("--static-dir src");
    assert_eq!(alone.services, Services::None);
    assert!(
        alone
            .static_dir
            .is_some_and(|dir| dir.is_absolute() && dir.ends_with("src"))
    );
    assert_eq!(
        config("--static-dir src sh").services,
        config("sh").services
    );
    assert!(config("--static-dir src --list --dir src").list);
    assert!(refused("--static-dir Cargo.toml sh").contains("directory"));
    assert!(refused("--list sh").contains("--static-dir"));
}

#[test]
fn the_program_is_found_once_and_absolute() {
    let program = program("sh -c true");
    assert!(program.path.is_absolute() && program.path.ends_with("sh"));
    assert_eq!(program.argv[0], "sh");
}

#[test]
fn a_program_that_cannot_run_has_the_shells_status() {
    for (line, status) in [
        ("no-such-program", 127),
        ("./no-such-program", 127),
        ("Cargo.toml/x", 127),
        ("/", 126),
        ("./Cargo.toml", 126),
    ] {
        let failure = outcome(line).expect_err(line);
        assert_eq!(failure.status, status, "{failure}");
    }
    assert_eq!(parse([OsString::new()]).expect_err("empty").status, 127);
    refused("");
}

#[cfg(not(feature = "site"))]
#[test]
fn the_console_is_refused_where_it_was_not_built_in() {
    assert!(refused("--console sh").contains("site"));
}

// -- anything at all

/// A word as it may stand on a command line: mostly what has a meaning, sometimes any bytes.
fn word() -> impl Strategy<Value = OsString> {
    let names: Vec<_> = SERVE.names().collect();
    let values = [
        "0",
        "1s",
        "true",
        "a,b",
        "=",
        "--",
        "sh",
        "*",
        "99999999999999999999",
    ];
    let joined = (
        sample::select(names.clone()),
        sample::select(values.to_vec()),
    )
        .prop_map(|(name, value)| format!("{name}={value}").into());
    prop_oneof![
        sample::select(names).prop_map(OsString::from),
        sample::select(values.to_vec()).prop_map(OsString::from),
        joined,
        collection::vec(1..=u8::MAX, 0..12).prop_map(OsString::from_vec),
    ]
}

proptest! {
    #[test]
    fn every_command_line_has_an_outcome(words in collection::vec(word(), 0..8)) {
        match parse(words) {
            Ok(Outcome::Serve { config, .. } | Outcome::Check(config)) => match config.services {
                Services::Program(program) => prop_assert!(program.path.is_absolute()),
                Services::Dir(dir) => prop_assert!(dir.is_absolute()),
                Services::None => {}
            },
            Ok(Outcome::Print(text)) => prop_assert!(text.ends_with('\n')),
            Err(failure) => {
                let sentence = failure.to_string();
                prop_assert!([100, 111, 126, 127].contains(&failure.status), "{}", sentence);
                prop_assert!(!sentence.contains(char::is_control), "{:?}", sentence);
            }
        }
    }
}

// -- the same option twice

#[test]
fn the_last_word_under_one_name_holds() {
    let port = |line: &str| {
        let Source::Listen { port, .. } = config(line).source else {
            panic!("{line}");
        };
        port
    };
    assert_eq!(port("--port 1 --port 2 sh"), 2);
    assert_eq!(port("--port=1 --port 2 -p 2 sh"), 2);
    assert!(!config("--reverse-lookup --reverse-lookup=false sh").reverse_lookup);
    refused("--port=1 --port 2 -p 1 sh");
    refused("--maxforks 1 --max-clients 2 sh");
}

// -- the client

#[cfg(feature = "client")]
mod dial {
    use super::*;
    use crate::dial::{self, Choice, Voice};

    fn dialled(line: &str) -> dial::Config {
        match parse_dial(line.split_whitespace().map(OsString::from)) {
            Ok(DialOutcome::Dial(config)) => *config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_options_everything_is_as_the_table_says() {
        let config = dialled("ws://a/b");
        assert_eq!(config.url.to_string(), "ws://a/b");
        assert_eq!((config.program, config.unix), (None, None));
        assert_eq!(config.proxy, Choice::Environment);
        assert_eq!(config.record, Record::Line);
        assert_eq!(config.invalid_utf8, InvalidUtf8::Replace);
        assert_eq!(config.timeout, Duration::from_secs(30));
        assert_eq!(config.ping, Some(Duration::from_secs(30)));
        assert_eq!(config.max_message, None);
        assert_eq!(config.voice, Voice::Normal);
        assert_eq!((config.origin, config.user), (None, None));
        assert_eq!(config.trust, dial::Trust::default());
        assert!(!config.close_on_eof && !config.reconnect && !config.ready);
    }

    #[test]
    fn options_may_stand_before_and_behind_the_address() {
        for line in [
            "-e --record typed ws://a -- sh -e",
            "ws://a -e --record=typed sh -e",
            "-e ws://a --record typed -- sh -e",
            "-e --record typed -- ws://a sh -e",
            "-e --record typed -- ws://a -- sh -e",
        ] {
            let config = dialled(line);
            assert!(config.close_on_eof, "{line}");
            assert_eq!(config.record, Record::Typed, "{line}");
            let argv = config.program.map(|program| program.argv);
            assert_eq!(argv, Some(vec!["sh".into(), "-e".into()]), "{line}");
        }
    }

    #[test]
    fn the_user_may_stand_in_the_address() {
        let user = |line| dialled(line).user;
        assert_eq!(user("ws://me@a").as_deref(), Some("me"));
        assert_eq!(user("--user you ws://me@a").as_deref(), Some("you"));
        assert_eq!(dialled("ws://me@a/b").url.to_string(), "ws://a/b");
    }
}
