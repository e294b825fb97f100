//! `--dir`: the path of the request names the program, below the directory and nowhere else.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::server::{Server, Setup};

const SAY: &str = "#!/bin/sh\necho \"$0|$SCRIPT_NAME|$PATH_INFO|$PATH_TRANSLATED|$QUERY_STRING\"\n";

fn setup() -> Setup {
    Setup::new(&[])
        .options(&["--dir", "programs"])
        .file("programs/say", SAY)
        .file("programs/with space/say", SAY)
        .file("programs/.hidden/say", SAY)
        .file("programs/.say", SAY)
        .text("programs/text", "#!/bin/sh\necho source\n")
        .text("programs/sub/deep/text", "")
        .file("outside", SAY)
        .link("programs/link", "say")
        .link("programs/out", "../outside")
        .link("programs/out-to-nothing", "../nothing")
        .link("programs/up", "..")
        .link("programs/absolute", "/bin/sh")
}

/// What the program at this path says of itself.
#[track_caller]
fn said(server: &Server, target: &str) -> String {
    let mut peer = server.open(target);
    let message = peer.message();
    peer.expect_end(1000);
    String::from_utf8_lossy(&message.payload).into_owned()
}

#[track_caller]
fn status(server: &Server, target: &str) -> u16 {
    server.refusal(&server.upgrade(target)).status
}

#[test]
fn the_path_names_the_program_and_the_rest_is_path_info() {
    let server = setup().start();
    let dir = server.file("programs");
    let dir = dir.display();
    for (target, expected) in [
        ("/say", "say|/say||/say|"),
        ("/say?a=%20b", "say|/say||/say|a=%20b"),
        ("/say/", "say|/say|/|/say/|"),
        ("/say/a/b%20c", "say|/say|/a/b c|/say/a/b c|"),
        ("/say//.a", "say|/say|//.a|/say//.a|"),
        ("/%73ay", "say|/say||/say|"),
        ("/link/x", "link|/link|/x|/link/x|"),
        (
            "/with%20space/say/x",
            "with space/say|/with space/say|/x|/with space/say/x|",
        ),
    ] {
        assert_eq!(
            said(&server, target),
            format!("{dir}/{expected}"),
            "{target}"
        );
    }
}

#[test]
fn what_is_no_program_is_not_found() {
    let server = setup().start();
    for target in [
        "/",
        "/nothing",
        "/nothing/say",
        "/sub",
        "/sub/",
        "/sub/deep",
        "/text",
        "/text/more",
        "//say",
        "/sub//say",
        "/SAY",
    ] {
        assert_eq!(status(&server, target), 404, "{target}");
    }
}

#[test]
fn no_path_leads_out_and_none_tells_what_is_there() {
    let server = setup().start();
    for target in [
        "/../outside",
        "/../nothing",
        "/./say",
        "/sub/../say",
        "/say/..",
        "/say/../../outside",
        "/%2e%2e/outside",
        "/.%2e/outside",
        "/%2e%2E/nothing",
        "/..%2foutside",
        "/sub%2f..%2fsay",
        "/sub%2Fdeep",
        "/.say",
        "/.nothing",
        "/.hidden/say",
        "/out",
        "/out-to-nothing",
        "/up/outside",
        "/..\\outside",
        "/up/nothing",
        "/absolute",
        "/absolute/x",
    ] {
        assert_eq!(status(&server, target), 403, "{target}");
    }
    assert_eq!(status(&server, "/say%00"), 400);
    assert_eq!(status(&server, "/%00/say"), 400);
    // Encoded twice it is a name like any other.
    assert_eq!(status(&server, "/%252e%252e/outside"), 404);
}

#[test]
fn a_page_that_may_not_connect_does_not_learn_what_is_there() {
    let server = setup().start();
    for target in ["/say", "/nothing"] {
        let request = server.upgrade(target).with("Origin", "http://evil.example");
        assert_eq!(server.refusal(&request).status, 403, "{target}");
    }
}

#[test]
fn a_program_that_the_system_does_not_run_is_our_fault() {
    let server = setup().file("programs/broken", "#!/nonexistent\n").start();
    assert_eq!(status(&server, "/broken"), 500);
    assert!(server.log().event("error").get("what").contains("broken"));
}

#[test]
fn a_program_that_comes_later_is_found_and_one_that_went_is_not() {
    let server = setup().start();
    assert_eq!(status(&server, "/later"), 404);
    let (from, to) = (server.file("programs/say"), server.file("programs/later"));
    std::fs::rename(from, to).expect("renamed");
    assert!(said(&server, "/later").contains("/later|"));
    assert_eq!(status(&server, "/say"), 404);
}
