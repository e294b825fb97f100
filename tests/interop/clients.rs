//! python's websockets, node's ws and Rust's tungstenite talk to `websockd`.

use nix::sys::signal::Signal;

use super::client::Client;
use crate::support::server::{Server, Setup};

#[test]
fn a_thousand_messages_from_python_come_back_as_they_went() {
    exchange(Client::Python, 20_261_121);
}

#[test]
fn a_thousand_messages_from_node_come_back_as_they_went() {
    exchange(Client::Node, 20_261_122);
}

#[test]
fn a_thousand_messages_from_tungstenite_come_back_as_they_went() {
    exchange(Client::Tungstenite, 20_261_123);
}

/// Both sides must have counted the same, and the exchange must have been what its name says.
fn exchange(client: Client, seed: u32) {
    if !client.is_there() {
        return;
    }
    let server = Server::cat(&["--record", "typed"]);
    let told = client.echo(&url(&server), seed);
    let fact = |name: &str| fact(&told, name);
    assert!(fact("messages") >= 1000, "{told}");
    assert!(fact("bytes") >= 40 << 20, "{told}");
    let few = fact("messages") / 10;
    for kind in ["texts", "empty", "fragmented", "pings"] {
        assert!(fact(kind) >= few, "{told}");
    }
    assert_eq!(fact("close"), 1000);
    let line = server.log().event("close");
    for way in ["in", "out"] {
        for count in ["messages", "bytes"] {
            let logged: u64 = line.number(&format!("{way}_{count}"));
            assert_eq!(logged, fact(count), "{way} {count}");
        }
    }
    assert_eq!(line.get("code"), "1000");
}

fn url(server: &Server) -> String {
    format!("ws://127.0.0.1:{}/", server.port())
}

fn fact(told: &str, name: &str) -> u64 {
    told.lines()
        .find_map(|line| line.strip_prefix(name)?.split(' ').nth(1)?.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {told}"))
}

/// What a client tells of a conversation that was agreed to without a subprotocol.
fn open(rest: &str) -> String {
    format!("status 101\nprotocol -\nextensions -\n{rest}")
}

#[test]
fn an_offer_of_permessage_deflate_is_declined() {
    let server = Server::sh(&[], "echo $HTTP_SEC_WEBSOCKET_EXTENSIONS; cat");
    for client in Client::all() {
        let told = client.talk(&url(&server), &["send=plainly", "receive=2", "close=1000"]);
        // That it was offered at all is what the service tells.
        let (offer, rest) = told
            .strip_prefix(&open("text permessage-deflate"))
            .and_then(|rest| rest.split_once('\n'))
            .unwrap_or_else(|| panic!("{client:?} did not offer it: {told}"));
        assert!(
            rest.starts_with("text plainly\nclose 1000"),
            "{client:?} {offer}: {rest}"
        );
    }
}

#[test]
fn the_servers_preference_among_the_subprotocols_offered_is_taken() {
    let server = Server::sh(&["--protocol", "chat,log"], "echo $WEBSOCKET_PROTOCOL");
    for client in Client::all() {
        let told = client.talk(
            &url(&server),
            &["protocol=other", "protocol=log", "protocol=chat"],
        );
        assert_eq!(
            told, "status 101\nprotocol chat\nextensions -\ntext chat\nclose 1000\n",
            "{client:?}"
        );
    }
}

#[test]
fn no_subprotocol_is_told_to_a_client_that_offers_none_of_ours() {
    let server = Setup::new(&["true"])
        .options(&["--protocol", "chat"])
        .start();
    for client in Client::all() {
        // Python goes on without one, the others break off.
        let told = client.talk(&url(&server), &["protocol=log"]);
        let end = match client {
            Client::Python => "close 1000\n",
            Client::Node | Client::Tungstenite => "close lost\n",
        };
        assert_eq!(told, open(end), "{client:?}");
    }
}

fn hello(options: &[&str]) -> Server {
    Setup::new(&["echo", "hello"]).options(options).start()
}

#[test]
fn a_page_of_another_origin_is_refused_and_the_remedy_logged() {
    let server = hello(&[]);
    for (client, count) in Client::all().zip(1..) {
        let told = client.talk(&url(&server), &["origin=http://evil.example"]);
        assert_eq!(told, "status 403\n", "{client:?}");
        let lines = server.log().events("refuse", count);
        let line = lines.last().unwrap();
        assert_eq!(line.get("status"), "403");
        assert_eq!(line.get("origin"), "http://evil.example");
        assert!(line.get("remedy").starts_with("--origin"), "{line:?}");
    }
}

#[test]
fn a_page_of_our_own_origin_may_connect() {
    let server = hello(&[]);
    let origin = format!("origin=http://127.0.0.1:{}", server.port());
    for client in Client::all() {
        let told = client.talk(&url(&server), &[&origin]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn a_page_of_a_named_origin_may_connect() {
    let server = hello(&["--origin", "good.example"]);
    for client in Client::all() {
        let told = client.talk(&url(&server), &["origin=https://good.example"]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn a_page_of_any_origin_may_connect_where_that_is_asked_for() {
    let server = hello(&["--any-origin"]);
    for client in Client::all() {
        let told = client.talk(&url(&server), &["origin=http://evil.example"]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn the_code_of_the_clients_close_comes_back() {
    let server = Server::cat(&[]);
    let codes =
        Client::all().flat_map(|client| ["1000", "3001", "4999"].map(|code| (client, code)));
    for ((client, code), count) in codes.zip(1..) {
        let close = format!("close={code}");
        let told = client.talk(&url(&server), &["send=hello", "receive=1", &close]);
        let expected = open(&format!("text hello\nclose {code}"));
        assert!(told.starts_with(&expected), "{client:?}: {told}");
        let lines = server.log().events("close", count);
        assert_eq!(lines.last().unwrap().get("code"), code, "{client:?}");
    }
}

#[test]
fn the_clients_close_is_the_end_of_input_and_the_answers_still_come() {
    let server = Setup::new(&["sort"]).start();
    for client in Client::all() {
        let told = client.talk(
            &url(&server),
            &["send=b", "send=c", "send=a", "receive=0", "close=1000"],
        );
        let expected = open("text a\ntext b\ntext c\nclose 1000");
        assert!(told.starts_with(&expected), "{client:?}: {told}");
    }
}

#[test]
fn how_the_service_ended_is_told_by_code_and_reason() {
    for (script, close) in [
        ("exit 0", "close 1000\n"),
        ("exit 3", "close 1011 exit status 3\n"),
        ("kill -9 $$", "close 1011 killed by signal 9\n"),
    ] {
        let script = format!("echo last words; {script}");
        let server = Server::sh(&["--grace", "60s"], &script);
        for (client, count) in Client::all().zip(1..) {
            let told = client.talk(&url(&server), &[]);
            let expected = open(&format!("text last words\n{close}"));
            assert_eq!(told, expected, "{client:?} {script}");
            // Its end is seen, not waited for.
            let lines = server.log().events("close", count);
            let seconds: f64 = lines.last().unwrap().number("seconds");
            assert!(seconds < 30.0, "{client:?} {script}: {seconds} s");
        }
    }
}

#[test]
fn a_server_that_stops_closes_with_1001() {
    for client in Client::all() {
        let server = Server::cat(&[]);
        let url = url(&server);
        let conversation = std::thread::spawn(move || client.talk(&url, &[]));
        server.log().event("open");
        server.signal(Signal::SIGTERM);
        let told = conversation.join().unwrap();
        assert!(told.starts_with(&open("close 1001")), "{client:?}: {told}");
    }
}
