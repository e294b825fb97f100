//! Chromium, driven by its keys: as much of the W3C's WebDriver as the tests need, over one HTTP
//! request a command.
//!
//! A browser is headless, has a profile of its own that is removed with it, and talks to nobody but
//! the page's server.

mod json;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json::Value;

/// A loaded machine starts a browser in seconds, not in a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const ARGUMENTS: [&str; 8] = [
    "--headless=new",
    // Chromium's own sandbox does not work for root or within a container; the pages are ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Keys that write nothing, as WebDriver 17.4.2 numbers them.
pub(crate) mod key {
    pub(crate) const TAB: char = '\u{E004}';
    pub(crate) const ENTER: char = '\u{E007}';
    pub(crate) const SHIFT: char = '\u{E008}';
    pub(crate) const HOME: char = '\u{E011}';
    pub(crate) const UP: char = '\u{E013}';
    pub(crate) const DOWN: char = '\u{E015}';
}

/// One browser with one page, ended when dropped.
pub(crate) struct Browser {
    driver: Driver,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Starts chromedriver and Chromium, or says which of the two is not installed.
    pub(crate) fn start(name: &str) -> Result<Self, String> {
        let chromedriver = find("chromedriver")?;
        let chromium = find("chromium")?;
        let profile = std::env::temp_dir().join(format!("websockd-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&profile).unwrap();
        let arguments: Vec<String> = ARGUMENTS
            .iter()
            .map(|argument| json::string(argument))
            .chain([json::string(&format!(
                "--user-data-dir={}",
                profile.display()
            ))])
            .collect();
        let capabilities = format!(
            r#"{{"capabilities":{{"alwaysMatch":{{"goog:loggingPrefs":{{"browser":"ALL"}},
                "goog:chromeOptions":{{"binary":{},"args":[{}]}}}}}}}}"#,
            json::string(&chromium.to_string_lossy()),
            arguments.join(",")
        );
        let mut browser = Self {
            driver: Driver::start(&chromedriver, &profile),
            session: String::new(),
            profile,
        };
        let answer = browser.driver.command("POST", "/session", &capabilities);
        browser.session = format!("/session/{}", answer.field("sessionId").as_str());
        Ok(browser)
    }

    /// Loads a page and waits until its script has run.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &format!(r#"{{"url":{}}}"#, json::string(url)));
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        self.press_actions(keys.chars().flat_map(|key| [(true, key), (false, key)]));
    }

    /// Presses a key while another is held.
    pub(crate) fn press_with(&self, held: char, key: char) {
        self.press_actions([(true, held), (true, key), (false, key), (false, held)]);
    }

    /// What a JavaScript expression yields, as text.
    pub(crate) fn text_of(&self, expression: &str) -> String {
        let script = json::string(&format!("return String({expression})"));
        let answer = self.post(
            "/execute/sync",
            &format!(r#"{{"script":{script},"args":[]}}"#),
        );
        answer.as_str().to_owned()
    }

    /// Waits until an expression yields `expected`.
    ///
    /// # Panics
    /// If it has not within the minute, with what it yields instead.
    pub(crate) fn wait_for(&self, expression: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text_of(expression);
            if text == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{expression} is {text:?}, not {expected:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the browser wrote on its console about the page since it was asked last.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let answer = self.post("/se/log", r#"{"type":"browser"}"#);
        let message = |entry: &Value| entry.field("message").as_str().to_owned();
        answer.items().iter().map(message).collect()
    }

    /// Gives the page a window of this size in CSS pixels, and the colours the person prefers.
    pub(crate) fn show_as(&self, width: u32, height: u32, scheme: &str) {
        self.develop(
            "Emulation.setDeviceMetricsOverride",
            &format!(
                r#"{{"width":{width},"height":{height},"deviceScaleFactor":1,"mobile":{}}}"#,
                width < 500
            ),
        );
        self.develop(
            "Emulation.setEmulatedMedia",
            &format!(r#"{{"features":[{{"name":"prefers-color-scheme","value":"{scheme}"}}]}}"#),
        );
    }

    /// Writes a picture of the page, as PNG.
    pub(crate) fn save_screenshot(&self, file: &Path) {
        let answer = self
            .driver
            .command("GET", &format!("{}/screenshot", self.session), "");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, STANDARD.decode(answer.as_str()).unwrap()).unwrap();
    }

    fn press_actions(&self, actions: impl IntoIterator<Item = (bool, char)>) {
        let actions: Vec<String> = actions
            .into_iter()
            .map(|(is_down, key)| {
                let kind = if is_down { "keyDown" } else { "keyUp" };
                format!(
                    r#"{{"type":"{kind}","value":{}}}"#,
                    json::string(&key.to_string())
                )
            })
            .collect();
        self.post(
            "/actions",
            &format!(
                r#"{{"actions":[{{"type":"key","id":"keyboard","actions":[{}]}}]}}"#,
                actions.join(",")
            ),
        );
    }

    /// A command of Chromium's own protocol, for what WebDriver has none.
    fn develop(&self, command: &str, parameters: &str) {
        self.post(
            "/goog/cdp/execute",
            &format!(r#"{{"cmd":"{command}","params":{parameters}}}"#),
        );
    }

    fn post(&self, path: &str, body: &str) -> Value {
        self.driver
            .command("POST", &format!("{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium, which chromedriver alone would leave behind; a failing test must not fail twice.
        let _ = self.driver.exchange("DELETE", &self.session, "");
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// chromedriver, on a port of its own choice.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Chromium's temporary files go to the profile, so that they are removed with it.
    fn start(program: &Path, profile: &Path) -> Self {
        let mut process = Command::new(program)
            .arg("--port=0")
            .env("TMPDIR", profile)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(
                said.read_line(&mut line).unwrap(),
                0,
                "chromedriver ended without a port"
            );
            if let Some((_, port)) = line.trim_end().split_once("successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        // What it says later still finds a pipe.
        process.stdout = Some(said.into_inner());
        Self { process, port }
    }

    /// # Panics
    /// If the answer is an error, with what it says.
    fn command(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.exchange(method, path, body).unwrap();
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        Value::parse(&answer).field("value").clone()
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(usize, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let head: Vec<String> = reader
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .map(|line| line.to_ascii_lowercase())
            .collect();
        let number_after = |start: &str| {
            let rest = head.iter().find_map(|line| line.strip_prefix(start))?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let mut answer = vec![0; number_after("content-length:").unwrap_or(0)];
        reader.read_exact(&mut answer)?;
        let status = number_after("http/1.1 ").unwrap_or(0);
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn find(program: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{program} is not installed"))
}
