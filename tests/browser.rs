//! The first minute of a person with a browser: Debian's Chromium on the console page and on a page of
//! its own, by keys alone. Pictures of it are left in `target/screenshots`.
#![cfg(feature = "site")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong"
)]

#[path = "support/webdriver.rs"]
mod webdriver;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use webdriver::{Browser, PATIENCE, key};

const STATE: &str = "document.getElementById('state').textContent";
const LINE: &str = "document.getElementById('line').value";
const FOCUS: &str = "document.activeElement.id || document.activeElement.textContent";
const LAST: &str = "document.getElementById('log').lastElementChild?.textContent";
const LAST_KIND: &str = "document.getElementById('log').lastElementChild?.className";

#[test]
fn a_person_talks_to_a_shell_by_keys_alone() {
    let Some(browser) = start_browser("keys") else {
        return;
    };
    let server = Websockd::start(&["--console", "--port", "0", "--", "sh"]);
    let url = server.wait_for("console url=");
    browser.show_as(1280, 800, "light");
    browser.open(&url);

    browser.wait_for(STATE, "open");
    browser.wait_for(FOCUS, "line");
    browser.press("echo hello");
    browser.press(&key::ENTER.to_string());
    browser.wait_for(LAST, "hello");
    assert_eq!(browser.text_of(LAST_KIND), "received");
    assert_eq!(browser.text_of(LINE), "");

    // Earlier lines come back, and with them what was being typed.
    browser.press("dra");
    browser.press(&key::UP.to_string());
    assert_eq!(browser.text_of(LINE), "echo hello");
    browser.press(&key::DOWN.to_string());
    browser.press("ft");
    assert_eq!(browser.text_of(LINE), "draft");
    save_screenshot(&browser, "console-1280-light");
    browser.press_with(key::SHIFT, key::HOME);
    browser.press("exit 3");
    browser.press(&key::ENTER.to_string());
    browser.wait_for(LAST, "closed 1011: exit status 3");
    assert_eq!(browser.text_of(STATE), "closed 1011");

    // What is typed now goes nowhere, is said to, and stays.
    browser.press("lost?");
    browser.press(&key::ENTER.to_string());
    browser.wait_for(LAST, "not sent: there is no connection");
    assert_eq!(browser.text_of(LINE), "lost?");

    browser.show_as(360, 640, "dark");
    save_screenshot(&browser, "console-360-dark");
    browser.show_as(320, 480, "light");
    assert_eq!(
        browser.text_of("document.documentElement.scrollWidth"),
        "320",
        "nothing lies beside the screen"
    );
    save_screenshot(&browser, "console-320-light");

    // Back through the page in the order in which it is read, to the button that connects anew.
    for expected in ["log", "clear", "Reconnect", "path"] {
        browser.press_with(key::SHIFT, key::TAB);
        assert_eq!(browser.text_of(FOCUS), expected);
        assert_eq!(
            browser.text_of("document.activeElement.matches(':focus-visible')"),
            "true"
        );
    }
    browser.press(&key::TAB.to_string());
    browser.press(&key::ENTER.to_string());
    browser.wait_for(STATE, "open");
    assert_eq!(browser.text_of(FOCUS), "line");

    // The tab remembers its lines when the page is loaded again.
    browser.open(&url);
    browser.wait_for(STATE, "open");
    browser.press(&key::UP.to_string());
    assert_eq!(browser.text_of(LINE), "exit 3");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_the_service_says_is_shown_as_text_and_no_more_of_it_than_the_page_can_hold() {
    let Some(browser) = start_browser("text") else {
        return;
    };
    let server = Websockd::start(&["--console", "--port", "0", "--", "sh"]);
    browser.open(&format!(
        "{}some%20where?a=b",
        server.wait_for("console url=")
    ));
    browser.wait_for(STATE, "open");
    assert_eq!(
        browser.text_of("document.getElementById('path').value"),
        "/some%20where?a=b"
    );

    let markup = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    browser.press(&format!("echo '{markup}'{}", key::ENTER));
    browser.wait_for(LAST, markup);
    assert_eq!(
        browser.text_of("document.querySelectorAll('#log img, #log script').length"),
        "0"
    );

    browser.press(&format!(
        "head -c 20000 /dev/zero | tr '\\0' x; echo{}",
        key::ENTER
    ));
    browser.wait_for(
        &format!("{LAST}.replace(/^x+/, xs => xs.length)"),
        "16384… and 3616 characters more",
    );

    browser.press(&format!("seq 30000{}", key::ENTER));
    browser.wait_for(LAST, "30000");
    assert_eq!(
        browser.text_of("document.getElementById('log').childElementCount"),
        "2000"
    );
    assert_eq!(
        browser.text_of("document.getElementById('log').firstElementChild.textContent"),
        "28001"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn binary_messages_are_shown_as_their_size_and_bytes() {
    let Some(browser) = start_browser("binary") else {
        return;
    };
    let server = Websockd::start(&["--console", "--binary", "--port", "0", "--", "cat"]);
    browser.open(&server.wait_for("console url="));
    browser.wait_for(STATE, "open");
    browser.press(&format!("hé{}", key::ENTER));
    browser.wait_for(LAST, "3 bytes: 68 c3 a9");
    assert_eq!(browser.text_of(LAST_KIND), "binary");
}

#[test]
fn a_page_from_elsewhere_connects_only_if_its_origin_is_named() {
    let Some(browser) = start_browser("origin") else {
        return;
    };
    let page = Page::serve();
    let origin = format!("http://127.0.0.1:{}", page.port);

    let server = Websockd::start(&["--port", "0", "--origin", &origin, "--", "cat"]);
    let address = server.wait_for("listening address=");
    browser.open(&format!("{origin}/?{address}"));
    browser.wait_for("document.title", "open");
    browser.press(&format!("hello{}", key::ENTER));
    browser.wait_for("document.title", "hello");
    drop(server);
    browser.wait_for("document.title", "closed 1001");

    let server = Websockd::start(&["--port", "0", "--", "cat"]);
    let address = server.wait_for("listening address=");
    browser.open(&format!("{origin}/?{address}"));
    browser.wait_for("document.title", "closed 1006");
    let refusal = server.wait_for("refuse ");
    assert!(refusal.contains("status=403"), "{refusal}");
}

const SAID: &str = "document.getElementById('said').textContent";

#[test]
fn a_page_of_static_dir_plays_life_with_a_program_of_dir() {
    let Some(browser) = start_browser("life") else {
        return;
    };
    let server = Websockd::sample("life");
    browser.show_as(1280, 900, "light");
    browser.open(&server.page());
    browser.wait_for(SAID, "generation 0, 36 alive");

    // By keys: the second button is one generation.
    browser.press(&format!("{}{}{}", key::TAB, key::TAB, key::ENTER));
    browser.wait_for(SAID, "generation 1, 39 alive");
    browser.press(&key::ENTER.to_string());
    browser.wait_for(SAID, "generation 2, 43 alive");

    // What is painted is what was sent: as many cells have ink in their middle as live.
    let inked = "(() => {
        const canvas = document.getElementById('world');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let y = 8; y < canvas.height; y += 16)
            for (let x = 8; x < canvas.width; x += 16)
                if (pixels.data[(y * canvas.width + x) * 4 + 3] > 0) count++;
        return `${canvas.width}x${canvas.height} ${count}`;
    })()";
    assert_eq!(browser.text_of(inked), "768x480 43");

    browser.press_with(key::SHIFT, key::TAB);
    browser.press(&key::ENTER.to_string());
    browser.wait_for(&format!("{SAID}.match(/\\d+/)[0] >= 40"), "true");
    save_screenshot(&browser, "life-1280-light");
    browser.press(&key::ENTER.to_string());
    browser.show_as(360, 640, "dark");
    browser.press(&format!("{}{}{}", key::TAB, key::TAB, key::ENTER));
    browser.wait_for(SAID, "generation 0, 36 alive");
    assert_eq!(
        browser.text_of("document.documentElement.scrollWidth"),
        "360",
        "nothing lies beside the screen"
    );
    save_screenshot(&browser, "life-360-dark");

    // Who stops it and puts another world in its place sees that: the step that was to come does not.
    browser.text_of("document.getElementById('run').click()");
    browser.wait_for(&format!("{SAID}.match(/\\d+/)[0] >= 3"), "true");
    browser.text_of(
        "document.getElementById('run').click(), document.getElementById('gun').click(),
        setTimeout(() => document.title = 'later', 500)",
    );
    browser.wait_for("document.title", "later");
    assert_eq!(browser.text_of(SAID), "generation 0, 36 alive");
    assert_eq!(browser.complaints(), [""; 0]);
    drop(server);
    browser.wait_for(SAID, "closed 1001");
}

#[test]
fn a_page_of_static_dir_shows_the_curves_of_a_program_of_dir() {
    let Some(browser) = start_browser("graph") else {
        return;
    };
    let server = Websockd::sample("graph");
    let title = "document.getElementById('title').textContent";
    let points = "document.getElementById('line').points.numberOfItems";
    browser.show_as(1280, 900, "light");
    browser.open(&server.page());
    browser.wait_for(title, "y = sin x");
    browser.wait_for(points, "401");
    let choices = "[...document.querySelectorAll('button')].map(it => it.textContent)";
    assert_eq!(
        browser.text_of(choices),
        "sine,rose,lissajous,spiral,butterfly"
    );
    browser.press(&format!("{}{}{}", key::TAB, key::TAB, key::ENTER));
    browser.wait_for(title, "r = cos(5/3 a)");
    browser.wait_for(points, "601");
    let pressed = "document.querySelector('[aria-pressed=true]').textContent";
    assert_eq!(browser.text_of(pressed), "rose");
    // The curve lies in the picture.
    let is_inside = "(() => {
        const line = document.getElementById('line').getBoundingClientRect();
        const paper = document.getElementById('paper').getBoundingClientRect();
        return line.top >= paper.top && line.bottom <= paper.bottom && line.height > 300;
    })()";
    assert_eq!(browser.text_of(is_inside), "true");
    save_screenshot(&browser, "graph-1280-light");
    browser.show_as(360, 640, "dark");
    browser.press(&format!(
        "{}{}{}{}",
        key::TAB,
        key::TAB,
        key::TAB,
        key::ENTER
    ));
    browser.wait_for(title, "the butterfly curve");
    browser.wait_for(points, "1201");
    save_screenshot(&browser, "graph-360-dark");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// A browser, or `None` where there is none: this is a failure where every test must run.
fn start_browser(name: &str) -> Option<Browser> {
    match Browser::start(name) {
        Ok(browser) => Some(browser),
        Err(reason) => {
            let is_strict = std::env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!is_strict, "{reason}");
            eprintln!("left out: {reason}");
            None
        }
    }
}

fn save_screenshot(browser: &Browser, name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    browser.save_screenshot(&dir.join(name).with_extension("png"));
}

/// The built program; SIGTERM ends it with its sessions when dropped.
struct Websockd {
    process: Child,
    log: Receiver<String>,
}

impl Websockd {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_websockd"))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, log) = channel();
        std::thread::spawn(move || {
            let mut lines = stderr.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Self { process, log }
    }

    /// Serves a sample: its pages, and its program.
    fn sample(name: &str) -> Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let dir = |part: &str| examples.join(name).join(part).display().to_string();
        let (www, services) = (dir("www"), dir("services"));
        Self::start(&["--port", "0", "--static-dir", &www, "--dir", &services])
    }

    /// The address of its pages.
    fn page(&self) -> String {
        format!("http://{}/", self.wait_for("listening address="))
    }

    /// What follows `event` in the next line of the log that holds it.
    fn wait_for(&self, event: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap();
            if let Some((_, rest)) = line.split_once(event) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Websockd {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        // Its end is the end of its log.
        while self.log.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server of one page, which connects to the address that its query names, sends the line that is
/// typed, and says in its title what has happened last.
struct Page {
    port: u16,
}

impl Page {
    /// Serves until the test's process ends.
    fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.incoming().flatten().for_each(Self::answer));
        Self { port }
    }

    fn answer(mut stream: std::net::TcpStream) {
        const HTML: &str = "<!DOCTYPE html><title>new</title><form><input autofocus></form><script>
            const socket = new WebSocket(`ws://${location.search.slice(1)}/`);
            socket.onopen = () => document.title = 'open';
            socket.onmessage = event => document.title = event.data;
            socket.onclose = event => document.title = `closed ${event.code}`;
            document.forms[0].onsubmit = event => {
                event.preventDefault();
                socket.send(document.forms[0][0].value);
            };
            </script>";
        // The request ends with its blank line; what it asks for does not matter.
        let is_whole = BufReader::new(&stream)
            .lines()
            .map_while(Result::ok)
            .any(|line| line.is_empty());
        if is_whole {
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{HTML}",
                HTML.len()
            );
        }
    }
}
