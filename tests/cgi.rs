//! `--cgi-dir`: RFC 3875 as curl and a raw connection see it.
#![cfg(feature = "site")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::curl;
use support::http::{Request, Response};
use support::peer::Peer;
use support::process;
use support::server::{Server, Setup};
use support::{wait_for, wait_until_still};

const PLAIN: &str = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\n";

fn script(lines: &str) -> String {
    format!("{PLAIN}{lines}\n")
}

/// A server with one script, `/cgi/run`, whose document these lines write.
fn with_script(options: &[&str], lines: &str) -> Server {
    with_raw_script(options, &script(lines))
}

fn with_raw_script(options: &[&str], text: &str) -> Server {
    Setup::new(&["cat"])
        .options(&["--cgi-dir", "scripts"])
        .options(options)
        .file("scripts/cgi/run", text)
        .text("scripts/cgi/text", "secret")
        .file("scripts/cgi/.hidden", "#!/bin/sh\necho secret")
        .start()
}

fn text((response, body): (Response, Vec<u8>)) -> String {
    assert_eq!(response.status, 200);
    String::from_utf8_lossy(&body).into_owned()
}

fn post(server: &Server, length: &str) -> Request {
    Request::plain("/cgi/run", server.port())
        .line("POST /cgi/run HTTP/1.1")
        .with("Content-Length", length)
}

#[test]
fn a_script_finds_the_request_in_its_environment() {
    let lines = "echo \"$REQUEST_METHOD|$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING|$GATEWAY_INTERFACE\"\n\
        echo \"$SCRIPT_FILENAME|$PWD|$HTTP_X_Y|$SERVER_PROTOCOL|${CONTENT_LENGTH-unset}|${CONTENT_TYPE-unset}\"";
    let server = with_script(&[], lines);
    let dir = server.file("scripts/cgi");
    let dir = dir.display();
    let options = ["-H", "X-Y: z"];
    let answer = text(curl::get(&server, "/cgi/run/a%20b?c=%20d", &options));
    let expected =
        format!("GET|/cgi/run|/a b|c=%20d|CGI/1.1\n{dir}/run|{dir}|z|HTTP/1.1|unset|unset\n");
    assert_eq!(answer, expected);
    let options = ["-d", "a=b"];
    let answer = text(curl::get(&server, "/cgi/run", &options));
    assert!(answer.starts_with("POST|/cgi/run||"), "{answer}");
    assert!(
        answer.ends_with("|3|application/x-www-form-urlencoded\n"),
        "{answer}"
    );
}

#[test]
fn what_is_left_of_the_path_is_translated_to_the_files() {
    let server = Setup::new(&[])
        .options(&["--cgi-dir", "scripts", "--static-dir", "www"])
        .file("scripts/run", &script("echo \"$PATH_TRANSLATED\""))
        .text("www/page", "a page")
        .without_program()
        .start();
    let translated = format!("{}\n", server.file("www/a").display());
    assert_eq!(text(curl::get(&server, "/run/a", &[])), translated);
    assert_eq!(text(curl::get(&server, "/run", &[])), "\n");
    assert_eq!(text(curl::get(&server, "/page", &[])), "a page");
}

#[test]
fn a_body_of_any_framing_reaches_the_script_whole() {
    let server = with_script(&[], "echo ${CONTENT_LENGTH-unset}; cat | cksum");
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    server.put("body", &body);
    let sum = std::process::Command::new("cksum")
        .stdin(std::fs::File::open(server.file("body")).expect("the body"))
        .output()
        .expect("cksum");
    let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
    let data = format!("@{}", server.file("body").display());
    let known = text(curl::get(&server, "/cgi/run", &["--data-binary", &data]));
    assert_eq!(known, format!("3000000\n{sum}"));
    let chunked = ["--data-binary", &data, "-H", "Transfer-Encoding: chunked"];
    assert_eq!(
        text(curl::get(&server, "/cgi/run", &chunked)),
        format!("unset\n{sum}")
    );
}

#[test]
fn a_script_that_says_nothing_is_ended_in_time() {
    let options = ["--cgi-dir", "scripts", "--idle-timeout", "200ms"];
    let server = Setup::new(&["cat"])
        .options(&options)
        .file("scripts/run", "#!/bin/sh\necho $$ >pid\nexec sleep 300\n")
        .start();
    let (response, body) = curl::get(&server, "/run", &[]);
    assert_eq!(response.status, 504);
    assert_eq!(body, b"the program did not answer in time\n");
    let line = server.log().event("refuse");
    assert_eq!(
        (line.get("status"), line.get("remedy")),
        ("504", "--idle-timeout")
    );
    let pid = String::from_utf8_lossy(&server.got("scripts/pid")).into_owned();
    process::wait_gone(pid.trim().parse().expect("a pid"));
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let server = with_script(&[], "cat");
    let mut peer = server.connect();
    peer.send(&post(&server, "3").with("Expect", "100-continue").bytes());
    peer.expect_bytes(b"HTTP/1.1 100 Continue\r\n\r\n");
    peer.send(b"abc");
    assert!(document(&mut peer).ends_with("3\r\nabc\r\n0\r\n\r\n"));
}

#[test]
fn an_old_client_that_asks_first_is_not_told_what_it_cannot_read() {
    let server = with_script(&[], "echo begun >begun; cat");
    let mut peer = server.connect();
    let request = post(&server, "3").line("POST /cgi/run HTTP/1.0");
    peer.send(&request.with("Expect", "100-continue").bytes());
    server.expect_file("scripts/cgi/begun", "begun\n");
    peer.send(b"abc");
    peer.expect_bytes(b"HTTP/1.1 200 OK\r\n");
}

/// Everything up to the last chunk.
#[track_caller]
fn document(peer: &mut Peer) -> String {
    peer.read_until(b"0\r\n\r\n")
}

#[test]
fn a_body_may_not_be_longer_than_a_message() {
    let server = with_script(&["--max-message", "1000"], "cat; echo done > ended");
    let long = "x".repeat(1001);
    assert_eq!(curl::get(&server, "/cgi/run", &["-d", &long]).0.status, 413);
    let chunked = ["-d", &long, "-H", "Transfer-Encoding: chunked"];
    let mut peer = server.connect();
    let request = post(&server, "0").without("Content-Length");
    peer.send(&request.with("Transfer-Encoding", "chunked").bytes());
    peer.send(format!("3e9\r\n{long}\r\n0\r\n\r\n").as_bytes());
    let (rest, _) = peer.drain();
    assert!(
        !String::from_utf8_lossy(&rest).contains("xxx"),
        "{chunked:?}"
    );
    assert_eq!(
        curl::get(&server, "/cgi/run", &["-d", &long[1..]]).1.len(),
        1000
    );
}

#[test]
fn a_body_that_is_none_is_refused() {
    let server = with_script(&[], "cat");
    let mut peer = server.connect();
    let request = post(&server, "0").without("Content-Length");
    peer.send(
        &request
            .clone()
            .with("Transfer-Encoding", "gzip, chunked")
            .bytes(),
    );
    assert_eq!(peer.refusal().status, 400);
}

#[test]
fn status_and_fields_are_the_scripts() {
    let text = "#!/bin/sh\nprintf 'Status: 418 Short and stout\\r\\nContent-Type: a/b\\r\\nX-Y: z\\r\\nConnection: x\\r\\n\\r\\nbody'";
    let server = with_raw_script(&["--header-http", "X-Ours: yes"], text);
    let (response, body) = curl::get(&server, "/cgi/run", &[]);
    assert_eq!((response.status, body.as_slice()), (418, &b"body"[..]));
    assert_eq!(response.field("X-Y"), Some("z"));
    assert_eq!(response.field("X-Ours"), Some("yes"));
    assert_eq!(response.field("Connection"), None);
    let request = server.log().event("request");
    assert_eq!((request.get("status"), request.get("bytes")), ("418", "4"));
}

#[test]
fn a_location_leads_elsewhere_or_to_another_answer_of_ours() {
    let text = "#!/bin/sh\ncase $PATH_INFO in\n\
        /away) echo 'Location: http://example.org/'; echo;;\n\
        /here) echo \"Location: $SCRIPT_NAME/there?x=$REQUEST_METHOD\"; echo;;\n\
        /round) echo \"Location: $SCRIPT_NAME/round\"; echo;;\n\
        /out) echo 'Location: /../x'; echo;;\n\
        *) echo 'Content-Type: a/b'; echo; echo \"$REQUEST_METHOD $PATH_INFO $QUERY_STRING\";;\nesac\n";
    let server = with_raw_script(&[], text);
    let (response, _) = curl::get(&server, "/cgi/run/away", &[]);
    assert_eq!(response.status, 302);
    assert_eq!(response.field("Location"), Some("http://example.org/"));
    let (response, body) = curl::get(&server, "/cgi/run/here", &["-d", "body"]);
    assert_eq!(response.status, 200);
    assert_eq!(String::from_utf8_lossy(&body), "GET /there x=POST\n");
    assert_eq!(curl::get(&server, "/cgi/run/round", &[]).0.status, 502);
    assert_eq!(curl::get(&server, "/cgi/run/out", &[]).0.status, 403);
}

#[test]
fn another_answer_of_ours_is_in_the_clients_words() {
    let text = "#!/bin/sh\ncase $PATH_INFO in\n\
        /here) echo \"Location: $SCRIPT_NAME/there\"; echo;;\n\
        *) echo 'Content-Type: a/b'; echo; echo \"$REQUEST_METHOD $SERVER_PROTOCOL $HTTP_HOST\";;\nesac\n";
    let server = with_raw_script(&[], text);
    let request = Request::plain("/cgi/run/here", server.port());
    let mut peer = server.connect();
    let head = request.clone().line("HEAD /cgi/run/here HTTP/1.1");
    peer.send(&head.bytes());
    peer.read_until(b"\r\n\r\n");
    peer.send(&head.bytes());
    peer.expect_bytes(b"HTTP/1.1 200 OK\r\n");
    for (line, expected) in [
        ("GET /cgi/run/here HTTP/1.0", "GET HTTP/1.0 "),
        (
            "POST http://localhost:8080/cgi/run/here HTTP/1.0",
            "GET HTTP/1.0 localhost:8080",
        ),
    ] {
        let mut peer = server.connect();
        peer.send(&request.clone().without("Host").line(line).bytes());
        let (answer, _) = peer.drain();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (_, document) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(document, format!("{expected}\n"));
    }
}

#[test]
fn what_is_no_answer_is_told_as_one() {
    for lines in [
        "echo hello; echo; echo world",
        "exit 3",
        "echo 'Location: /a b'; echo",
        "echo 'Content-Type: text/plain'",
        "printf 'HTTP/1.1 200 OK\\r\\nContent-Type: a/b\\r\\n\\r\\n'",
        "head -c 20000 /dev/zero | tr '\\0' x",
    ] {
        let server = with_raw_script(&[], &format!("#!/bin/sh\n{lines}\n"));
        assert_eq!(curl::get(&server, "/cgi/run", &[]).0.status, 502, "{lines}");
        assert!(
            server.log().event("error").get("what").contains("CGI"),
            "{lines}"
        );
    }
    let server = with_raw_script(&[], "#!/nonexistent\n");
    assert_eq!(curl::get(&server, "/cgi/run", &[]).0.status, 500);
}

#[test]
fn what_is_no_script_is_not_found() {
    let server = with_script(&[], "");
    for target in [
        "/",
        "/cgi",
        "/cgi/",
        "/cgi/text",
        "/cgi/nothing",
        "/cgi/text/run",
    ] {
        assert_eq!(curl::get(&server, target, &[]).0.status, 404, "{target}");
    }
    for target in [
        "/cgi/.hidden",
        "/cgi/../cgi/run",
        "/cgi%2frun",
        "/cgi/run/..",
    ] {
        assert_eq!(curl::get(&server, target, &[]).0.status, 403, "{target}");
    }
    assert_eq!(curl::get(&server, "/cgi/run%00", &[]).0.status, 400);
}

#[test]
fn a_document_is_sent_as_it_is_written() {
    let lines = "echo one; until [ -e go ]; do sleep 0.01; done; echo two";
    let server = with_script(&[], lines);
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    let begun = peer.read_until(b"4\r\none\n\r\n");
    assert!(
        begun.contains("\r\nTransfer-Encoding: chunked\r\n"),
        "{begun}"
    );
    server.put("scripts/cgi/go", "");
    assert_eq!(document(&mut peer), "4\r\ntwo\n\r\n0\r\n\r\n");
}

#[test]
fn a_length_that_the_script_names_is_kept_or_the_connection_ends() {
    let head = "#!/bin/sh\nprintf 'Content-Type: a/b\\nContent-Length: 3\\n\\n";
    let server = with_raw_script(&[], &format!("{head}abcdef'"));
    assert_eq!(curl::get(&server, "/cgi/run", &[]).1, b"abc");
    let server = with_raw_script(&[], &format!("{head}ab'"));
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    let (rest, _) = peer.drain();
    assert!(
        rest.ends_with(b"\r\n\r\nab"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

#[test]
fn a_document_whose_script_was_killed_has_no_end() {
    for (lines, expected) in [
        ("echo part; exit 3", "5\r\npart\n\r\n0\r\n\r\n"),
        ("echo part; kill -KILL $$", "5\r\npart\n\r\n"),
    ] {
        let server = with_script(&[], lines);
        let mut peer = server.connect();
        let request = Request::plain("/cgi/run", server.port());
        peer.send(&request.with("Connection", "close").bytes());
        let (answer, _) = peer.drain();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (_, document) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(document, expected);
        let request = server.log().event("request");
        assert_eq!((request.get("status"), request.get("bytes")), ("200", "5"));
    }
}

#[test]
fn old_clients_read_to_the_end_and_head_gets_the_head() {
    let server = with_script(&[], "echo document");
    let (response, body) = curl::get(&server, "/cgi/run", &["-I"]);
    assert_eq!((response.status, body.len()), (200, 0));
    let mut peer = server.connect();
    let request = Request::plain("/cgi/run", server.port());
    peer.send(&request.line("GET /cgi/run HTTP/1.0").bytes());
    let (answer, _) = peer.drain();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.ends_with("\r\nConnection: close\r\n\r\ndocument\n"),
        "{answer}"
    );
}

#[test]
fn a_connection_brings_several_requests_to_scripts_and_then_a_session() {
    let server = with_script(&[], "cat");
    let mut peer = server.connect();
    for _ in 0..3 {
        let mut request = post(&server, "3").bytes();
        request.extend_from_slice(b"abc");
        peer.send(&request);
        assert!(document(&mut peer).ends_with("3\r\nabc\r\n0\r\n\r\n"));
    }
    peer.upgrade(&server.upgrade("/"));
    peer.send_text("hello");
    peer.expect_text("hello");
    peer.close();
}

#[test]
fn each_request_of_a_proxys_connection_has_its_own_client() {
    let server = with_script(&["--trust-proxy", "127.0.0.1"], "echo \"$REMOTE_ADDR\"");
    let mut peer = server.connect();
    for (client, expected) in [
        (Some("192.0.2.1"), "192.0.2.1"),
        (Some("192.0.2.2"), "192.0.2.2"),
        (None, "127.0.0.1"),
    ] {
        let mut request = Request::plain("/cgi/run", server.port());
        if let Some(client) = client {
            request = request.with("X-Forwarded-For", client);
        }
        peer.send(&request.bytes());
        let answer = document(&mut peer);
        assert!(answer.contains(&format!("\r\n{expected}\n")), "{answer}");
    }
}

#[test]
fn a_client_that_goes_takes_the_script_and_its_children_with_it() {
    for (option, reset) in [("--grace=10s", true), ("--idle-timeout=2s", false)] {
        let server = with_script(&[option], "sleep 1000 & echo $$; wait");
        let mut peer = server.connect();
        peer.send(&Request::plain("/cgi/run", server.port()).bytes());
        peer.read_until(b"\r\n\r\n");
        let said = peer.read_until(b"\n\r\n");
        let pid = said.lines().nth_back(1).and_then(|line| line.parse().ok());
        let pid: i32 = pid.expect("a pid");
        let children = process::Process::children(pid);
        assert_eq!(children.len(), 1, "{said}");
        if reset {
            peer.reset();
        } else {
            drop(peer);
        }
        process::wait_gone(pid);
        process::wait_gone(children[0].pid);
    }
}

#[test]
fn a_client_that_has_said_all_gets_the_document() {
    let lines = "echo one; until [ -e go ]; do sleep 0.01; done; echo two";
    let server = with_script(&[], lines);
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    peer.read_until(b"4\r\none\n\r\n");
    peer.send_fin();
    server.put("scripts/cgi/go", "");
    assert_eq!(document(&mut peer), "4\r\ntwo\n\r\n0\r\n\r\n");
}

#[test]
fn a_script_that_stays_when_it_has_answered_is_ended() {
    let server = with_script(
        &["--grace", "200ms"],
        "echo said; exec >&-; trap '' TERM; sleep 1000",
    );
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    document(&mut peer);
    let session = server.log().event("request").number("pid");
    wait_for("the script's end", || {
        process::Process::children(session).is_empty().then_some(())
    });
}

#[test]
fn a_slow_client_gets_all_that_a_script_has_left_for_it() {
    // It writes as long as there is room, and then ends.
    let lines = "echo \"$$ $PPID \"; n=0\n\
        while dd if=/dev/zero bs=4096 count=1 oflag=nonblock 2>/dev/null\n\
        do n=$((n+1)); done; echo $n >count";
    let server = with_script(&["--grace", "1ms"], lines);
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    peer.read_until(b"\r\n\r\n");
    peer.read_until(b"\r\n");
    let said = peer.read_until(b" \n");
    let mut pids = said.split_whitespace().map(|pid| pid.parse::<i32>());
    let mut pid = || pids.next().expect("a number").expect("a pid");
    let (script, session) = (pid(), pid());
    process::wait_gone(script);
    // When the grace is over, it has what it will have.
    wait_until_still("the session's descriptors", || {
        let descriptors = std::fs::read_dir(format!("/proc/{session}/fd"));
        descriptors.expect("a session").count()
    });
    let said = document(&mut peer);
    let count = String::from_utf8_lossy(&server.got("scripts/cgi/count")).into_owned();
    let count: usize = count.trim().parse().expect("a number");
    assert_eq!(said.matches('\0').count(), count * 4096);
}

#[test]
fn standard_error_goes_to_the_log() {
    let server = with_script(&[], "echo complaint >&2");
    curl::get(&server, "/cgi/run", &[]);
    assert_eq!(server.log().event("service").get("line"), "complaint");
}

#[test]
fn a_script_may_complain_after_its_document() {
    let text = "#!/bin/sh\nprintf 'Content-Type: a/b\\nContent-Length: 3\\n\\nabc'\n\
        until [ -e go ]; do sleep 0.01; done; echo complaint >&2; echo alive >end\n";
    let server = with_raw_script(&["--grace", "20s"], text);
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    peer.read_until(b"\r\n\r\nabc");
    server.put("scripts/cgi/go", "");
    assert_eq!(server.log().event("service").get("line"), "complaint");
    server.expect_file("scripts/cgi/end", "alive\n");
}

#[test]
fn a_script_counts_as_a_client() {
    let server = with_script(&["--max-clients", "1"], "echo begun; sleep 1000");
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    peer.read_until(b"begun");
    assert_eq!(curl::get(&server, "/cgi/run", &[]).0.status, 503);
}

#[test]
fn a_stop_ends_a_script() {
    let server = with_script(
        &["--grace", "200ms"],
        "echo begun; trap '' TERM; sleep 1000",
    );
    let mut peer = server.connect();
    peer.send(&Request::plain("/cgi/run", server.port()).bytes());
    peer.read_until(b"begun");
    server.stop();
}

#[test]
fn no_source_of_a_script_is_shown() {
    let server = Setup::new(&["cat"])
        .options(&["--cgi-dir", "www/cgi-bin", "--static-dir", "www"])
        .file("www/cgi-bin/run", &script("echo ran"))
        .text("www/cgi-bin/forgotten", "#!/bin/sh\necho secret")
        .text("www/page", "a page")
        .start();
    for target in ["/cgi-bin/run", "/cgi-bin/forgotten", "/forgotten"] {
        assert_eq!(curl::get(&server, target, &[]).0.status, 404, "{target}");
    }
    assert_eq!(text(curl::get(&server, "/run", &[])), "ran\n");
    assert_eq!(text(curl::get(&server, "/page", &[])), "a page");
}
