//! python's websockets, node's ws and Rust's tungstenite talk to `websockd`.

use super::client::Client;
use super::server::Server;

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
    let mut server = Server::websockd(&["--record", "typed", "--", "cat"]);
    let told = client.echo(&server.url(), seed);
    let fact = |name: &str| fact(&told, name);
    assert!(fact("messages") >= 1000, "{told}");
    assert!(fact("bytes") >= 40 << 20, "{told}");
    let few = fact("messages") / 10;
    for kind in ["texts", "empty", "fragmented", "pings"] {
        assert!(fact(kind) >= few, "{told}");
    }
    assert_eq!(fact("close"), 1000);
    let (messages, bytes) = (fact("messages"), fact("bytes"));
    let line = server.wait_for(" close ");
    for count in [
        format!(" in_messages={messages} in_bytes={bytes} "),
        format!(" out_messages={messages} out_bytes={bytes} "),
        " code=1000 ".to_owned(),
    ] {
        assert!(line.contains(&count), "{count} is not in {line}");
    }
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
    let server = Server::websockd(&["--", "sh", "-c", "echo $HTTP_SEC_WEBSOCKET_EXTENSIONS; cat"]);
    for client in Client::all() {
        let told = client.talk(&server.url(), &["send=plainly", "receive=2", "close=1000"]);
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
    let service = "echo $WEBSOCKET_PROTOCOL";
    let server = Server::websockd(&["--protocol", "chat,log", "--", "sh", "-c", service]);
    for client in Client::all() {
        let told = client.talk(
            &server.url(),
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
    let server = Server::websockd(&["--protocol", "chat", "--", "true"]);
    for client in Client::all() {
        // Python goes on without one, the others break off.
        let told = client.talk(&server.url(), &["protocol=log"]);
        let end = match client {
            Client::Python => "close 1000\n",
            Client::Node | Client::Tungstenite => "close lost\n",
        };
        assert_eq!(told, open(end), "{client:?}");
    }
}

#[test]
fn a_page_of_another_origin_is_refused_and_the_remedy_logged() {
    let mut server = Server::websockd(&["--", "echo", "hello"]);
    for client in Client::all() {
        let told = client.talk(&server.url(), &["origin=http://evil.example"]);
        assert_eq!(told, "status 403\n", "{client:?}");
        let line = server.wait_for(" refuse ");
        assert!(line.contains(" status=403 "), "{line}");
        assert!(line.contains("--origin http://evil.example"), "{line}");
    }
}

#[test]
fn a_page_of_our_own_origin_may_connect() {
    let server = Server::websockd(&["--", "echo", "hello"]);
    let origin = format!("origin=http://{}", server.address());
    for client in Client::all() {
        let told = client.talk(&server.url(), &[&origin]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn a_page_of_a_named_origin_may_connect() {
    let server = Server::websockd(&["--origin", "good.example", "--", "echo", "hello"]);
    for client in Client::all() {
        let told = client.talk(&server.url(), &["origin=https://good.example"]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn a_page_of_any_origin_may_connect_where_that_is_asked_for() {
    let server = Server::websockd(&["--any-origin", "--", "echo", "hello"]);
    for client in Client::all() {
        let told = client.talk(&server.url(), &["origin=http://evil.example"]);
        assert_eq!(told, open("text hello\nclose 1000\n"), "{client:?}");
    }
}

#[test]
fn the_code_of_the_clients_close_comes_back() {
    let mut server = Server::websockd(&["--", "cat"]);
    for client in Client::all() {
        for code in ["1000", "3001", "4999"] {
            let close = format!("close={code}");
            let told = client.talk(&server.url(), &["send=hello", "receive=1", &close]);
            let expected = open(&format!("text hello\nclose {code}"));
            assert!(told.starts_with(&expected), "{client:?}: {told}");
            let line = server.wait_for(" close ");
            assert!(line.contains(&format!(" code={code} ")), "{line}");
        }
    }
}

#[test]
fn the_clients_close_is_the_end_of_input_and_the_answers_still_come() {
    let server = Server::websockd(&["--", "sort"]);
    for client in Client::all() {
        let told = client.talk(
            &server.url(),
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
        let server = Server::websockd(&["--", "sh", "-c", &script]);
        for client in Client::all() {
            let told = client.talk(&server.url(), &[]);
            let expected = open(&format!("text last words\n{close}"));
            assert_eq!(told, expected, "{client:?} {script}");
        }
    }
}

#[test]
fn a_server_that_stops_closes_with_1001() {
    for client in Client::all() {
        let mut server = Server::websockd(&["--", "cat"]);
        let url = server.url();
        let conversation = std::thread::spawn(move || client.talk(&url, &[]));
        server.wait_for(" open ");
        server.terminate();
        let told = conversation.join().unwrap();
        assert!(told.starts_with(&open("close 1001")), "{client:?}: {told}");
    }
}
