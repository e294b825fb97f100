//! The built program, started as an operator would start it.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;

use super::http::{Request, Response};
use super::log::Log;
use super::peer::Peer;
use super::process::{self, Family, MARKER, Process};
use super::{DEADLINE, LOOK_EVERY, wait_for};

/// What is to be started, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    options: Vec<String>,
    argv: Vec<String>,
    env: Vec<(String, Option<String>)>,
    wrapper: Vec<String>,
    files: Vec<(String, String, u32)>,
    links: Vec<(String, String)>,
}

impl Setup {
    /// A service by its command line.
    pub(crate) fn new(argv: &[&str]) -> Self {
        Self {
            argv: owned(argv),
            ..Self::default()
        }
    }

    /// A service that is a few lines of shell.
    pub(crate) fn sh(script: &str) -> Self {
        Self::new(&["sh", "-c", script])
    }

    /// The same without a service.
    pub(crate) fn without_program(mut self) -> Self {
        self.argv.clear();
        self
    }

    /// More options for `websockd`.
    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(owned(options));
        self
    }

    /// A variable of the environment `websockd` is started in.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// A variable that `websockd` is started without.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.env.push((name.to_owned(), None));
        self
    }

    /// A command line that executes the one appended to it.
    pub(crate) fn wrapped(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = owned(wrapper);
        self
    }

    /// A program in the working directory, or below it.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.file_of_mode(name, text, 0o755)
    }

    /// A file there, which cannot be run.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.file_of_mode(name, text, 0o644)
    }

    /// A file with these rights.
    pub(crate) fn file_of_mode(mut self, name: &str, text: &str, mode: u32) -> Self {
        self.files.push((name.to_owned(), text.to_owned(), mode));
        self
    }

    /// A symbolic link there.
    pub(crate) fn link(mut self, name: &str, target: &str) -> Self {
        self.links.push((name.to_owned(), target.to_owned()));
        self
    }

    /// Starts a listener on a port of its own and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let mut server = self.unless_given("--port", "0").spawn();
        let address = server.log.event("listening").get("address").to_owned();
        server.port = address.parse::<SocketAddr>().unwrap().port();
        server
    }

    /// Starts it with the options there are, and waits for nothing.
    pub(crate) fn spawn(self) -> Server {
        let family = Family::new();
        let mut command = self.command(&family);
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        Server {
            log: Log::collect(child.stderr.take().unwrap()),
            family,
            child,
            port: 0,
            is_over: false,
        }
    }

    fn unless_given(self, option: &str, value: &str) -> Self {
        if self.options.iter().any(|given| given == option) {
            self
        } else {
            self.options(&[option, value])
        }
    }

    /// The command line, in its directory and process group, with standard error piped.
    pub(crate) fn command(&self, family: &Family) -> Command {
        let mut words = self.wrapper.clone();
        words.push(env!("CARGO_BIN_EXE_websockd").to_owned());
        // A service that heeds EOF has all the time it needs on a loaded machine.
        words.extend(self.clone().unless_given("--grace", "5s").options);
        words.push("--".to_owned());
        words.extend(self.argv.iter().cloned());
        for (name, text, mode) in &self.files {
            let file = place_for(family, name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(*mode)).unwrap();
        }
        for (name, target) in &self.links {
            symlink(target, place_for(family, name)).unwrap();
        }
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(family.dir())
            .env(MARKER, family.id())
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// A path below the working directory, in a directory that is there.
fn place_for(family: &Family, name: &str) -> PathBuf {
    let file = family.dir().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    file
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a process is called that waits for the next client.
const SPARE: &str = "websockd-spare";

/// A running listener. At the test's end it is stopped, and nothing of it may be left.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Log,
    port: u16,
    is_over: bool,
    family: Family,
}

impl Server {
    /// Serves `cat`: every line comes back.
    pub(crate) fn cat(options: &[&str]) -> Self {
        Setup::new(&["cat"]).options(options).start()
    }

    /// Serves a few lines of shell.
    pub(crate) fn sh(options: &[&str], script: &str) -> Self {
        Setup::sh(script).options(options).start()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn family(&self) -> &Family {
        &self.family
    }

    /// A file in the working directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Puts a file into the working directory.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// What a file in the working directory holds.
    pub(crate) fn got(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.family.dir()
    }

    /// Waits until a service has put exactly this into a file.
    #[track_caller]
    pub(crate) fn expect_file(&self, name: &str, text: &str) {
        let end = Instant::now() + DEADLINE;
        while fs::read(self.file(name)).unwrap_or_default() != text.as_bytes() {
            let got = fs::read_to_string(self.file(name));
            assert!(
                Instant::now() < end,
                "{got:?} in {name} instead of {text:?}"
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A connection over IPv4 that has said nothing yet.
    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(([127, 0, 0, 1], self.port).into())
    }

    /// A session: a connection whose upgrade has been answered with 101.
    pub(crate) fn open(&self, target: &str) -> Peer {
        self.open_with(&self.upgrade(target)).0
    }

    /// A session by a request of the test's own, and the answer to it.
    pub(crate) fn open_with(&self, request: &Request) -> (Peer, Response) {
        let mut peer = self.connect();
        let response = peer.upgrade(request);
        (peer, response)
    }

    /// A correct upgrade.
    pub(crate) fn upgrade(&self, target: &str) -> Request {
        Request::upgrade(target, self.port)
    }

    /// The answer to a request that is refused, after which the connection ends in order.
    pub(crate) fn refusal(&self, request: &Request) -> Response {
        let mut peer = self.connect();
        peer.send(&request.bytes());
        peer.refusal()
    }

    /// The process that serves this peer, as the log names it.
    pub(crate) fn session(&self, peer: &Peer) -> i32 {
        let address = peer.address().to_string();
        let open = self
            .log
            .event_where("open", |line| line.get("peer") == address);
        open.number("pid")
    }

    /// The program that runs for this peer.
    pub(crate) fn service(&self, peer: &Peer) -> Process {
        let session = self.session(peer);
        wait_for("the service", || Process::children(session).pop())
    }

    /// The processes that the listener has for clients that are there.
    pub(crate) fn sessions(&self) -> Vec<Process> {
        let mut children = Process::children(self.pid());
        children.retain(|child| child.name != SPARE);
        children
    }

    /// Waits until there are so many.
    #[track_caller]
    pub(crate) fn expect_sessions(&self, count: usize) {
        wait_for(&format!("{count} sessions"), || {
            (self.sessions().len() == count).then_some(())
        });
    }

    /// The process that waits for the next client.
    pub(crate) fn spare(&self) -> Process {
        wait_for("a spare process", || {
            let children = Process::children(self.pid());
            children.into_iter().find(|child| child.name == SPARE)
        })
    }

    /// Sends a signal to the listener.
    pub(crate) fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Waits for the listener to end by itself, and for nothing to be left of it.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = wait_for("the listener's exit", || self.child.try_wait().unwrap());
        self.is_over = true;
        self.family.wait_gone();
        status
    }

    /// Stops it as a supervisor does, and returns all it logged.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.end();
        self.log.complete()
    }

    fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "signal {:?}", status.signal());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if std::thread::panicking() {
            self.family.kill();
            let _reaped = self.child.wait();
            eprintln!("{}", self.log.so_far().join("\n"));
        } else {
            self.end();
        }
    }
}
