//! The service's environment: RFC 3875 4.1, what UCSPI adds, and the request's headers.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use std::collections::BTreeMap;

use support::golden;
use support::http::Request;
use support::peer::Peer;
use support::process::MARKER;
use support::server::{Server, Setup};

/// Reads what `env` prints to the end.
#[track_caller]
fn environment(peer: &mut Peer) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    loop {
        let frame = peer.frame();
        if frame.is_control() {
            return variables;
        }
        let line = String::from_utf8_lossy(&frame.payload).into_owned();
        let (name, value) = line.split_once('=').unwrap_or((&line, ""));
        variables.insert(name.to_owned(), value.to_owned());
    }
}

/// The environment a service gets for a request.
fn for_request(server: &Server, request: &Request) -> BTreeMap<String, String> {
    environment(&mut server.open_with(request).0)
}

fn is_unset(variables: &BTreeMap<String, String>, name: &str) -> bool {
    variables.get(name).is_none_or(String::is_empty)
}

#[test]
fn a_plain_session_has_the_variables_of_the_golden_file() {
    let setup = Setup::new(&["env"]);
    let server = setup.wrapped(&["env", "-i", "PATH=/usr/bin:/bin"]).start();
    let request = server.upgrade("/a%20b/c?x=1&y=%20");
    let origin = format!("http://localhost:{}", server.port());
    let (mut peer, _) = server.open_with(&request.with("Origin", &origin));
    let ours = peer.address().port().to_string();
    let mut text = String::new();
    for (name, value) in environment(&mut peer) {
        let value = match name.as_str() {
            "UNIQUE_ID" => "ANY".to_owned(),
            "REMOTE_PORT" | "TCPREMOTEPORT" => value.replace(&ours, "OURS"),
            "SERVER_SOFTWARE" => value.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
            _ => value.replace(&server.port().to_string(), "PORT"),
        };
        text.push_str(&format!("{name}={value}\n"));
    }
    golden::check("environment.txt", &text);
}

#[test]
fn addresses_and_ports_are_those_of_the_sockets() {
    let server = Setup::new(&["env"]).start();
    let mut peer = server.open("/");
    let ours = peer.address().port().to_string();
    let theirs = server.port().to_string();
    let variables = environment(&mut peer);
    for (name, value) in [
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", &ours),
        ("SERVER_PORT", &theirs),
        ("PROTO", "TCP"),
        ("TCPREMOTEIP", "127.0.0.1"),
        ("TCPREMOTEPORT", &ours),
        ("TCPLOCALIP", "127.0.0.1"),
        ("TCPLOCALPORT", &theirs),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
}

#[test]
fn addresses_of_ipv6_are_written_without_brackets() {
    let server = Setup::new(&["env"]).options(&["--address", "::1"]).start();
    let mut peer = Peer::connect((std::net::Ipv6Addr::LOCALHOST, server.port()).into());
    let host = format!("[::1]:{}", server.port());
    peer.upgrade(&server.upgrade("/").set("Host", &host));
    let ours = peer.address().port().to_string();
    let variables = environment(&mut peer);
    assert_eq!(variables["REMOTE_ADDR"], "::1");
    assert_eq!(variables["REMOTE_PORT"], ours);
    assert_eq!(variables["TCPREMOTEIP"], "::1");
    assert_eq!(variables["TCPLOCALIP"], "::1");
}

#[test]
fn the_path_is_decoded_and_the_query_is_not() {
    let server = Setup::new(&["env"]).start();
    let variables = for_request(&server, &server.upgrade("/a%20b/%C3%BC?q=%20+x&r"));
    assert_eq!(variables["PATH_INFO"], "/a b/ü");
    assert_eq!(variables["QUERY_STRING"], "q=%20+x&r");
    assert_eq!(variables["REQUEST_URI"], "/a%20b/%C3%BC?q=%20+x&r");
    assert_eq!(variables["REQUEST_METHOD"], "GET");
    assert_eq!(variables["SERVER_PROTOCOL"], "HTTP/1.1");
    assert_eq!(variables["SERVER_NAME"], "localhost");
}

#[test]
fn a_request_without_a_query_has_an_empty_one() {
    let server = Setup::new(&["env"]).start();
    let variables = for_request(&server, &server.upgrade("/"));
    assert_eq!(variables["QUERY_STRING"], "");
    assert_eq!(variables["PATH_INFO"], "/");
}

#[test]
fn each_session_has_an_id_of_its_own() {
    let server = Setup::new(&["env"]).start();
    let first = for_request(&server, &server.upgrade("/"));
    let second = for_request(&server, &server.upgrade("/"));
    assert!(!first["UNIQUE_ID"].is_empty());
    assert_ne!(first["UNIQUE_ID"], second["UNIQUE_ID"]);
}

#[test]
fn headers_become_variables() {
    let server = Setup::new(&["env"]).start();
    let request = server
        .upgrade("/")
        .with("User-Agent", "test/1.0 (ü)")
        .with("x-a-1b", "=\"$v\"");
    let request = request
        .with("X-Many", "one")
        .with("X-Many", "two")
        .with("X-Empty", "");
    let variables = for_request(&server, &request);
    assert_eq!(
        variables["HTTP_HOST"],
        format!("localhost:{}", server.port())
    );
    assert_eq!(variables["HTTP_USER_AGENT"], "test/1.0 (ü)");
    assert_eq!(variables["HTTP_X_A_1B"], "=\"$v\"");
    assert_eq!(variables["HTTP_X_MANY"], "one, two");
    assert!(is_unset(&variables, "HTTP_X_EMPTY"));
}

#[test]
fn the_header_proxy_does_not_become_a_variable() {
    let server = Setup::new(&["env"]).start();
    for name in ["Proxy", "PROXY", "proxy"] {
        let variables = for_request(&server, &server.upgrade("/").with(name, "evil.example"));
        assert!(!variables.contains_key("HTTP_PROXY"), "{name}");
    }
}

#[test]
fn a_header_with_an_underscore_does_not_become_a_variable() {
    let server = Setup::new(&["env"]).start();
    let request = server
        .upgrade("/")
        .with("X-User", "right")
        .with("X_User", "wrong");
    let variables = for_request(&server, &request.with("X_Other", "wrong"));
    assert_eq!(variables["HTTP_X_USER"], "right");
    assert!(!variables.contains_key("HTTP_X_OTHER"));
}

#[test]
fn our_own_environment_is_inherited() {
    let server = Setup::new(&["env"]).env("COLOUR", "a=b c").start();
    let variables = for_request(&server, &server.upgrade("/"));
    assert_eq!(variables["COLOUR"], "a=b c");
}

#[test]
fn what_our_environment_says_of_another_request_is_not_passed_on() {
    let stale = [
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTPS",
        "HTTP_COOKIE",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "WEBSOCKET_PROTOCOL",
    ];
    let setup = Setup::new(&["env"]);
    let setup = stale
        .iter()
        .fold(setup, |setup, name| setup.env(name, "stale"));
    let server = setup
        .env("QUERY_STRING", "stale")
        .env("REMOTE_ADDR", "192.0.2.1")
        .start();
    let variables = for_request(&server, &server.upgrade("/?fresh"));
    for name in stale {
        assert!(is_unset(&variables, name), "{name}");
    }
    assert_eq!(variables["QUERY_STRING"], "fresh");
    assert_eq!(variables["REMOTE_ADDR"], "127.0.0.1");
}

#[test]
fn what_systemd_tells_us_is_not_passed_on() {
    let setup = Setup::new(&["env"])
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "1");
    let server = setup.env("LISTEN_FDNAMES", "x").start();
    let variables = for_request(&server, &server.upgrade("/"));
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        assert!(!variables.contains_key(name), "{name}");
    }
}

#[test]
fn a_path_is_set_where_there_is_none() {
    let server = Setup::new(&["/usr/bin/env"]).without_env("PATH").start();
    let variables = for_request(&server, &server.upgrade("/"));
    assert!(
        variables["PATH"].split(':').any(|dir| dir == "/bin"),
        "{variables:?}"
    );
}

#[test]
fn variables_may_be_added_by_the_operator() {
    let setup = Setup::new(&["env"]).env("INHERITED", "old");
    let options = ["--env", "A=b=c", "--env=EMPTY=", "--env", "INHERITED=new"];
    let server = setup.options(&options).start();
    let variables = for_request(&server, &server.upgrade("/"));
    assert_eq!(variables["A"], "b=c");
    assert_eq!(variables["EMPTY"], "");
    assert_eq!(variables["INHERITED"], "new");
}

#[test]
fn inherited_variables_may_be_restricted_by_the_operator() {
    let setup = Setup::new(&["env"])
        .env("COLOUR", "red")
        .env("SHAPE", "round")
        .env("SIZE", "big");
    let pass = format!("COLOUR,SHAPE,ABSENT,{MARKER}");
    let server = setup.options(&["--pass-env", &pass]).start();
    let variables = for_request(&server, &server.upgrade("/"));
    assert_eq!(
        (variables["COLOUR"].as_str(), variables["SHAPE"].as_str()),
        ("red", "round")
    );
    for name in ["SIZE", "ABSENT", "HOME"] {
        assert!(!variables.contains_key(name), "{name}");
    }
    assert_eq!(variables["REMOTE_ADDR"], "127.0.0.1");
    assert!(variables.contains_key("PATH"));
}
