//! `--stderr tagged`: both outputs of a service as messages that say which of the two they are from, in
//! the form that websocketd 0.5 gave them.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

use support::peer::Peer;
use support::server::Server;

const OUT: &str = r#"{"stream":"stdout","data":""#;
const ERR: &str = r#"{"stream":"stderr","data":""#;
const END: &str = r#""}"#;

fn text(peer: &mut Peer) -> String {
    String::from_utf8(peer.message().payload).unwrap_or_default()
}

#[test]
fn a_line_says_which_output_it_is_from_in_both_spellings() {
    for option in ["--stderr=tagged", "--passstderr"] {
        let script = "while read -r line; do echo \"$line\"; echo \"not $line\" >&2; done; exit 3";
        let server = Server::sh(&[option], script);
        let mut peer = server.open("/");
        for word in ["one", "two"] {
            peer.send_text(word);
            let mut both = [text(&mut peer), text(&mut peer)];
            both.sort();
            assert_eq!(
                both,
                [format!("{ERR}not {word}{END}"), format!("{OUT}{word}{END}")]
            );
        }
        peer.close();
        let logged = server.log().events("service", 2);
        assert_eq!(logged[1].get("line"), "not two");
    }
}

#[test]
fn what_json_cannot_hold_is_escaped() {
    let script = r#"printf 'a"b\\c\td\r\n\r\n\ne\rf\001\033[m\303\274\n'"#;
    let server = Server::sh(&["--stderr", "tagged"], script);
    let mut peer = server.open("/");
    for line in [r#"a\"b\\c\td"#, "", "", "e\\rf\\u0001\\u001b[m\u{fc}"] {
        peer.expect_text(format!("{OUT}{line}{END}"));
    }
    peer.expect_end(1000);
}

#[test]
fn a_last_line_without_newline_is_sent_of_either() {
    let server = Server::sh(
        &["--stderr", "tagged"],
        "printf 'out\\r'; exec >&-; printf err >&2",
    );
    let mut peer = server.open("/");
    let mut both = [text(&mut peer), text(&mut peer)];
    both.sort();
    assert_eq!(
        both,
        [format!("{ERR}err{END}"), format!("{OUT}out\\r{END}")]
    );
    peer.expect_end(1000);
    assert_eq!(server.log().event("service").get("line"), "err");
}

#[test]
fn a_prompt_without_newline_holds_nothing_up() {
    let server = Server::sh(
        &["--stderr", "tagged"],
        "printf 'name: ' >&2; echo out; read -r line; echo \"$line\" >&2",
    );
    let mut peer = server.open("/");
    peer.expect_text(format!("{OUT}out{END}"));
    peer.send_text("me");
    peer.expect_text(format!("{ERR}name: me{END}"));
    peer.expect_end(1000);
}

#[test]
fn a_long_line_arrives_whole_and_the_other_output_behind_it() {
    let script = "head -c 300000 /dev/zero | tr '\\0' '\"'; echo err >&2; echo";
    let server = Server::sh(&["--stderr", "tagged"], script);
    let mut peer = server.open("/");
    let line = format!("{OUT}{}{END}", "\\\"".repeat(300_000));
    let mut both = [text(&mut peer), text(&mut peer)];
    both.sort_by_key(String::len);
    assert_eq!(both[0], format!("{ERR}err{END}"));
    assert!(both[1] == line, "{} bytes", both[1].len());
    peer.expect_end(1000);
}

#[test]
fn many_lines_of_both_arrive_in_their_order() {
    let script = "(seq 1 20000; echo end) & seq 1 20000 >&2; wait";
    let server = Server::sh(&["--stderr", "tagged"], script);
    let mut peer = server.open("/");
    let (mut out, mut err) = (0, 0);
    while (out, err) != (20_001, 20_000) {
        let line = text(&mut peer);
        let count = if line.starts_with(OUT) {
            &mut out
        } else {
            &mut err
        };
        *count += 1;
        let number = if *count > 20_000 {
            "end".to_owned()
        } else {
            count.to_string()
        };
        assert_eq!(&line[OUT.len()..], format!("{number}{END}"));
    }
    peer.expect_end(1000);
}

#[test]
fn who_holds_the_outputs_open_does_not_hold_the_session() {
    let script = "printf begun; sleep 600 & exit 0";
    let server = Server::sh(&["--stderr", "tagged", "--grace", "100ms"], script);
    let mut peer = server.open("/");
    peer.expect_text(format!("{OUT}begun{END}"));
    peer.expect_end(1000);
}

#[test]
fn text_that_is_not_utf8_is_replaced_here_too() {
    let server = Server::sh(&["--stderr", "tagged"], r"printf 'a\377b\n' >&2");
    let mut peer = server.open("/");
    peer.expect_text(format!("{ERR}a\u{fffd}b{END}"));
    peer.expect_end(1000);
}
