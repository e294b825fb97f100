//! On a terminal: what its keys do, and that its window may close.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::pty::openpty;

use crate::support::host::{Host, field};
use crate::support::process::Family;
use crate::support::server::Server;
use crate::support::wait_for;
use crate::support::websock::command;
use crate::url;

/// How often the screen is looked at, in milliseconds.
const LOOK_EVERY: u8 = 20;

/// A client that has a terminal of its own, and the other side of it.
struct Seat {
    child: Child,
    /// The only hold on that side: without it the window is closed.
    keys: Option<Arc<File>>,
    screen: Arc<Mutex<Vec<u8>>>,
    family: Family,
}

impl Seat {
    fn take(words: &[&str]) -> Self {
        let terminal = openpty(None, None).unwrap();
        // It must not hold the other side itself, or its window would never be closed.
        fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let family = Family::new();
        let theirs = |terminal: &OwnedFd| Stdio::from(terminal.try_clone().unwrap());
        let plain = command(&family, words);
        // It leads a session whose terminal this is, as a shell's job would.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--"]).arg(plain.get_program());
        command.args(plain.get_args()).current_dir(family.dir());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command
            .stdin(theirs(&terminal.slave))
            .stdout(theirs(&terminal.slave))
            .stderr(theirs(&terminal.slave))
            .spawn()
            .unwrap();
        let keys = Arc::new(File::from(terminal.master));
        let from = Arc::downgrade(&keys);
        let screen = Arc::default();
        let shown: Arc<Mutex<Vec<u8>>> = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Some(from) = from.upgrade() {
                let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
                if poll(&mut fds, LOOK_EVERY).unwrap() == 0 {
                    continue;
                }
                match (&*from).read(&mut bytes) {
                    Ok(count @ 1..) => shown.lock().unwrap().extend(bytes.iter().take(count)),
                    // Nobody has the terminal any more.
                    Ok(0) | Err(_) => break,
                }
            }
        });
        Self {
            child,
            keys: Some(keys),
            screen,
            family,
        }
    }

    fn type_in(&mut self, text: &str) {
        let mut keys = &**self.keys.as_ref().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn expect(&self, text: &str) {
        wait_for(text, || self.shown().contains(text).then_some(()));
    }

    /// Waits for its end: the exit status, and all that was on the screen.
    #[track_caller]
    fn ended(mut self) -> (Option<i32>, String) {
        let status = wait_for("the client's exit", || self.child.try_wait().unwrap());
        self.family.wait_gone();
        (status.code(), self.shown())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn lines_that_are_typed_are_sent_and_the_end_of_input_leaves_with_a_word() {
    let server = Server::sh(
        &[],
        "while read line; do echo \"got $line\"; done; echo bye",
    );
    let mut seat = Seat::take(&[&url(&server)]);
    seat.type_in("one\n");
    seat.expect("got one");
    seat.type_in("two\nthree\n");
    seat.expect("got three");
    seat.type_in("\x04");
    seat.expect("closed 1000");
    let (status, shown) = seat.ended();
    assert_eq!(status, Some(0), "{shown}");
    // The server's last word is still shown.
    assert!(shown.contains("bye\r\nclosed 1000"), "{shown}");
}

#[test]
fn the_interrupt_key_closes_in_order() {
    let host = Host::new();
    let mut seat = Seat::take(&[&host.url("/")]);
    let mut guest = host.welcome();
    guest.send_text("ready");
    seat.expect("ready");
    seat.type_in("\x03");
    guest.expect_close(1001);
    guest.send_close(1001, "");
    guest.expect_end();
    seat.expect("closed 1001");
    assert_eq!(seat.ended().0, Some(0));
}

#[test]
fn a_window_that_is_closed_closes_in_order() {
    let host = Host::new();
    let mut seat = Seat::take(&[&host.url("/")]);
    let mut guest = host.welcome();
    guest.send_text("ready");
    seat.expect("ready");
    seat.keys = None;
    guest.expect_close(1001);
    guest.send_close(1001, "");
    guest.expect_end();
    assert_eq!(seat.ended().0, Some(0));
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let host = Host::new();
    let mut seat = Seat::take(&["--user", "me", &host.url("/")]);
    seat.expect("Password for me: ");
    seat.type_in("secret\n");
    let mut guest = host.guest();
    let request = guest.request();
    assert_eq!(field(&request, "Authorization"), Some("Basic bWU6c2VjcmV0"));
    guest.grant(&request, "");
    // Behind it the terminal shows again what is typed.
    seat.type_in("open\n");
    guest.expect_text("open");
    guest.close(1000, "");
    let (status, shown) = seat.ended();
    assert_eq!(status, Some(0));
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("open"), "{shown}");
}

#[test]
fn who_gives_no_password_leaves_the_terminal_as_it_was() {
    for (key, status) in [("\x03", 0), ("\x04", 111)] {
        let mut seat = Seat::take(&["--user", "me", "ws://127.0.0.1:1/"]);
        seat.expect("Password for me: ");
        seat.type_in(key);
        let keys = Arc::clone(seat.keys.as_ref().unwrap());
        assert_eq!(seat.ended().0, Some(status), "{key:?}");
        let settings = nix::sys::termios::tcgetattr(&*keys).unwrap();
        let is_echoing = settings
            .local_flags
            .contains(nix::sys::termios::LocalFlags::ECHO);
        assert!(is_echoing, "{key:?}");
    }
}

#[test]
fn without_a_terminal_the_password_has_to_be_in_the_environment() {
    let family = Family::new();
    let plain = command(&family, &["--user", "me", "ws://127.0.0.1:1/"]);
    let output = Command::new("setsid")
        .args(["--wait", "--"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.contains("set WEBSOCK_PASSWORD instead"), "{said}");
}
