//! The three clients behind one shape.

use std::fmt::Display;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{exchange, peer, tools};
use crate::support::process::signal;

/// Any exchange is over long before this.
const PATIENCE: Duration = Duration::from_secs(120);

/// An independent implementation of RFC 6455 as the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Client {
    /// The package websockets.
    Python,
    /// The package ws.
    Node,
    /// The crate tungstenite.
    Tungstenite,
}

impl Client {
    /// Those that are there.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::Python, Self::Node, Self::Tungstenite]
            .into_iter()
            .filter(|client| client.is_there())
    }

    /// Whether it can be run; says so if not, and fails where nothing may be left out.
    pub(super) fn is_there(self) -> bool {
        match self {
            Self::Python => tools::find("venv/bin/python3").is_some(),
            Self::Node => tools::has_program("node") && tools::find("node_modules/ws").is_some(),
            Self::Tungstenite => true,
        }
    }

    /// Sends more than a thousand messages and compares what comes back; the facts, one a line.
    ///
    /// # Panics
    /// If anything comes back otherwise than it went.
    pub(super) fn echo(self, url: &str, seed: u32) -> String {
        match self {
            Self::Python | Self::Node => self.run(&["echo", url, &seed.to_string()]),
            Self::Tungstenite => exchange::echo(url, seed),
        }
    }

    /// Holds a conversation; what happened, one fact a line. The words are told in peer.py.
    pub(super) fn talk(self, url: &str, words: &[&str]) -> String {
        match self {
            Self::Python | Self::Node => self.run(&[&["talk", url], words].concat()),
            Self::Tungstenite => peer::talk(url, words),
        }
    }

    fn run(self, arguments: &[&str]) -> String {
        let mut command = match self {
            Self::Python => {
                let mut command = Command::new(tools::find("venv/bin/python3").unwrap());
                command.arg(tools::data("peer.py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command
                    .arg(tools::data("peer.js"))
                    .env("NODE_PATH", tools::find("node_modules").unwrap());
                command
            }
            Self::Tungstenite => panic!("this one is no program"),
        };
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(PATIENCE) else {
            signal(pid, Signal::SIGKILL);
            panic!("{self:?} does not end");
        };
        let output = output.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}: {complaint}{told}");
        told
    }
}

/// Six clients, of all kinds that are there, in conversation with an echo service at the same time.
///
/// # Panics
/// If one of them hears what another said.
pub(super) fn six_at_a_time(address: impl Display) {
    let url = &format!("ws://{address}/");
    let clients: Vec<_> = Client::all().collect();
    thread::scope(|scope| {
        for (ordinal, client) in clients.iter().cycle().take(6).enumerate() {
            scope.spawn(move || {
                let send = format!("send=client {ordinal}");
                let told = client.talk(url, &[&send, "receive=1", "close=1000"]);
                let expected = format!("\ntext client {ordinal}\nclose 1000");
                assert!(told.contains(&expected), "{client:?}: {told}");
            });
        }
    });
}
