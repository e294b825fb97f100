//! The built client, started as a person or a script would start it.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::Signal;

use super::process::{self, Family, MARKER};
use super::wait_for;

/// What a stream has brought so far.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn collect(mut from: impl Read + Send + 'static) -> Self {
        let heard = Self::default();
        let all = heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 64 * 1024];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                all.0.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        heard
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// How it ended.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) output: String,
    pub(crate) said: String,
}

/// A running client. Nothing of it may be left at the test's end.
#[derive(Debug)]
pub(crate) struct Websock {
    child: Child,
    input: Option<ChildStdin>,
    output: Heard,
    said: Heard,
    family: Family,
    is_over: bool,
}

/// The command line of a client in a directory of its own, its standard streams piped. No proxy of the
/// machine's is in its way.
pub(crate) fn command(family: &Family, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websock"));
    command
        .args(words)
        .current_dir(family.dir())
        .env(MARKER, family.id())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

impl Websock {
    /// Starts it with these words.
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::start_with(words, |_| {})
    }

    /// Starts it with these words, and whatever else of its command.
    pub(crate) fn start_with(words: &[&str], more: impl FnOnce(&mut Command)) -> Self {
        let family = Family::new();
        let mut command = command(&family, words);
        more(&mut command);
        let mut child = command.spawn().unwrap();
        Self {
            input: child.stdin.take(),
            output: child
                .stdout
                .take()
                .map_or_else(Heard::default, Heard::collect),
            said: child
                .stderr
                .take()
                .map_or_else(Heard::default, Heard::collect),
            child,
            family,
            is_over: false,
        }
    }

    /// Runs it on this input to its end.
    #[track_caller]
    pub(crate) fn run(words: &[&str], input: impl AsRef<[u8]>) -> Ended {
        let mut websock = Self::start(words);
        websock.put(input);
        websock.end_input();
        websock.ended()
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.family.dir()
    }

    /// What a file in its directory holds.
    pub(crate) fn got(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir().join(name)).unwrap()
    }

    /// Writes to its standard input.
    #[track_caller]
    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        // One that has left already is what the test looks at next.
        let _gone = input.write_all(bytes.as_ref());
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Waits until exactly this has come on standard output.
    #[track_caller]
    pub(crate) fn expect(&self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        wait_for(&format!("{:?}", String::from_utf8_lossy(text)), || {
            let output = self.output.bytes();
            let is_right = text.starts_with(&output);
            assert!(is_right, "{:?}", String::from_utf8_lossy(&output));
            (output == text).then_some(())
        });
    }

    /// Waits until this has been said on standard error.
    #[track_caller]
    pub(crate) fn expect_said(&self, text: &str) {
        wait_for(text, || {
            let said = String::from_utf8_lossy(&self.said.bytes()).into_owned();
            said.contains(text).then_some(())
        });
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        let status = wait_for("the client's exit", || self.child.try_wait().unwrap());
        self.is_over = true;
        self.input = None;
        self.family.wait_gone();
        wait_for("the end of its output", || {
            (Arc::strong_count(&self.output.0) == 1 && Arc::strong_count(&self.said.0) == 1)
                .then_some(())
        });
        Ended {
            status: status.code(),
            output: String::from_utf8_lossy(&self.output.bytes()).into_owned(),
            said: String::from_utf8_lossy(&self.said.bytes()).into_owned(),
        }
    }
}

impl Drop for Websock {
    fn drop(&mut self) {
        if !self.is_over {
            let _gone = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}
