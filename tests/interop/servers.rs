//! `websock` talks to python's websockets and node's ws.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::client::Client;
use super::tools;
use crate::support::websock::Websock;

/// A server of others. It ends with the test.
struct Other {
    child: Child,
    port: u16,
}

impl Other {
    /// `None` if it cannot be run here.
    fn start(kind: Client) -> Option<Self> {
        if !kind.is_there() {
            return None;
        }
        let mut command = match kind {
            Client::Python => {
                let mut command = Command::new(tools::find("venv/bin/python3")?);
                command.arg(tools::data("serve.py"));
                command
            }
            Client::Node => {
                let mut command = Command::new("node");
                command
                    .arg(tools::data("serve.js"))
                    .env("NODE_PATH", tools::find("node_modules")?);
                command
            }
            Client::Tungstenite => return None,
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { child, port })
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn a_thousand_messages_come_back_from_python_as_they_went() {
    exchange(Client::Python);
}

#[test]
fn a_thousand_messages_come_back_from_node_as_they_went() {
    exchange(Client::Node);
}

/// Both types, every form of the length on the wire, and what fills every buffer on the way.
fn exchange(kind: Client) {
    let Some(server) = Other::start(kind) else {
        return;
    };
    let mut records = Vec::new();
    let edges = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 18, 1 << 20];
    let small = (0..1000_usize).map(|number| number * 7919 % 3000);
    for (ordinal, length) in edges.into_iter().chain(small).enumerate() {
        for kind in ["t", "b"] {
            records.extend(format!("{kind} {length:020}").bytes());
            let bytes = (0..length).map(|at| match kind {
                "t" => b"any text\n"[(at + ordinal) % 9],
                _ => u8::try_from((at * 31 + ordinal) % 256).unwrap(),
            });
            records.extend(bytes);
        }
    }
    let words = [
        "--record",
        "typed",
        "--protocol",
        "other,chat",
        &server.url(),
    ];
    let mut websock = Websock::start(&words);
    websock.put(&records);
    websock.expect(&records);
    let goodbye = "close 4321 that was all";
    websock.put(format!("t {:020}{goodbye}", goodbye.len()));
    let ended = websock.ended();
    assert_eq!(ended.status, Some(1), "{kind:?}");
    assert_eq!(ended.said, "closed 4321: that was all\n", "{kind:?}");
}

#[test]
fn either_side_closes_in_order() {
    for kind in [Client::Python, Client::Node] {
        let Some(server) = Other::start(kind) else {
            continue;
        };
        let ended = Websock::run(
            &["--protocol", "chat", &server.url()],
            "hello\nclose 1000 bye\n",
        );
        let expected = (Some(0), "hello\n", "");
        let got = (ended.status, &*ended.output, &*ended.said);
        assert_eq!(got, expected, "{kind:?}");
        let ended = Websock::run(&["-e", "--protocol", "chat", &server.url()], "");
        assert_eq!((ended.status, &*ended.said), (Some(0), ""), "{kind:?}");
    }
}

#[test]
fn the_subprotocol_is_the_one_they_chose() {
    for kind in [Client::Python, Client::Node] {
        let Some(server) = Other::start(kind) else {
            continue;
        };
        let words = ["--protocol", "other,chat", &server.url(), "--", "sh", "-c"];
        let script =
            "echo $WEBSOCKET_PROTOCOL; read answer; echo $answer >&2; echo 'close 1000 bye'; cat";
        let ended = Websock::run(&[&words[..], &[script]].concat(), "");
        assert_eq!(
            (ended.status, &*ended.said),
            (Some(0), "chat\n"),
            "{kind:?}"
        );
    }
}
