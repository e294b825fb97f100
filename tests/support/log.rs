//! The program's standard error: collected as it comes, waited for line by line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::DEADLINE;

/// One line of the log: an event and its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) time: String,
    pub(crate) level: String,
    pub(crate) event: String,
    values: BTreeMap<String, String>,
}

impl Line {
    /// Reads `time level event key=value…`; `None` if the line has no such shape.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let mut parsed = Self {
            time: words.next()?.to_owned(),
            level: words.next()?.to_owned(),
            event: words.next()?.to_owned(),
            values: BTreeMap::new(),
        };
        if !parsed.time.ends_with('Z') {
            return None;
        }
        let mut rest = words.next().unwrap_or_default();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=')?;
            let (value, after) = take_value(after)?;
            parsed.values.insert(key.to_owned(), value);
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        Some(parsed)
    }

    /// Reads one flat JSON object; panics if it is anything else.
    pub(crate) fn parse_json(line: &str) -> Self {
        let mut parsed = Self::default();
        let inner = line
            .strip_prefix('{')
            .and_then(|line| line.strip_suffix('}'));
        let mut rest = inner.expect(line);
        while !rest.is_empty() {
            let (key, after) = take_quoted(rest, &json_escape).expect(line);
            let after = after.strip_prefix(':').expect(line);
            let (value, after) = take_quoted(after, &json_escape).unwrap_or_else(|| {
                let end = after.find(',').unwrap_or(after.len());
                assert!(after[..end].parse::<f64>().is_ok(), "{line}");
                (after[..end].to_owned(), &after[end..])
            });
            parsed.values.insert(key, value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        for (key, field) in [
            ("time", &mut parsed.time),
            ("level", &mut parsed.level),
            ("event", &mut parsed.event),
        ] {
            *field = parsed.values.remove(key).expect(line);
        }
        parsed
    }

    /// The value of a key, unescaped. Panics if the line has no such key.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.find(key)
            .unwrap_or_else(|| panic!("no {key} in {self:?}"))
    }

    /// The value of a key, unescaped.
    pub(crate) fn find(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The value of a key as a number.
    pub(crate) fn number<N: std::str::FromStr>(&self, key: &str) -> N {
        let value = self.get(key);
        let number = value.parse().ok();
        number.unwrap_or_else(|| panic!("{key}={value} in {self:?}"))
    }
}

fn take_value(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return take_quoted(text, &log_escape);
    }
    let end = text.find(' ').unwrap_or(text.len());
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-._~:/?&=%+@[],".contains(c);
    assert!(text[..end].chars().all(is_bare), "unquoted {text:?}");
    Some((text[..end].to_owned(), &text[end..]))
}

/// What follows a backslash: its meaning and its length.
type Escape = dyn Fn(&str) -> (String, usize);

fn take_quoted<'t>(text: &'t str, escape: &Escape) -> Option<(String, &'t str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut value = String::new();
    loop {
        let at = rest.find(['"', '\\'])?;
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if rest[at..].starts_with('"') {
            return Some((value, after));
        }
        let (meaning, length) = escape(after);
        value.push_str(&meaning);
        rest = &after[length..];
    }
}

/// A control byte becomes itself, a byte that is not UTF-8 a character of the same number.
fn log_escape(after: &str) -> (String, usize) {
    match after.strip_prefix('x') {
        Some(digits) => {
            let byte = u8::from_str_radix(&digits[..2], 16).unwrap();
            (char::from(byte).to_string(), 3)
        }
        None => {
            assert!(after.starts_with(['"', '\\']), "escape {after:?}");
            (after[..1].to_owned(), 1)
        }
    }
}

fn json_escape(after: &str) -> (String, usize) {
    let meaning = match &after[..1] {
        "u" => {
            let number = u32::from_str_radix(&after[1..5], 16).unwrap();
            return (char::from_u32(number).unwrap().to_string(), 5);
        }
        "n" => "\n",
        "r" => "\r",
        "t" => "\t",
        "b" => "\u{8}",
        "f" => "\u{c}",
        literal @ ("\"" | "\\" | "/") => literal,
        other => panic!("JSON escape {other:?}"),
    };
    (meaning.to_owned(), 1)
}

#[derive(Debug, Default)]
struct Collected {
    lines: Vec<String>,
    is_complete: bool,
}

/// All that the program has written on its standard error so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

impl Log {
    /// Collects lines until the end of `stderr`, in a thread of its own.
    pub(crate) fn collect(stderr: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let shared = Arc::clone(&log.shared);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut bytes = Vec::new();
            while matches!(reader.read_until(b'\n', &mut bytes), Ok(1..)) {
                let line = String::from_utf8_lossy(&bytes)
                    .trim_end_matches('\n')
                    .to_owned();
                shared.0.lock().unwrap().lines.push(line);
                shared.1.notify_all();
                bytes.clear();
            }
            shared.0.lock().unwrap().is_complete = true;
            shared.1.notify_all();
        });
        log
    }

    /// Waits for a line that `is_wanted`, those already there included.
    pub(crate) fn line(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        self.wait(what, |lines| {
            lines.iter().find(|line| is_wanted(line)).cloned()
        })
    }

    /// Waits for the first event of this name.
    pub(crate) fn event(&self, name: &str) -> Line {
        self.event_where(name, |_| true)
    }

    /// Waits for an event of this name that `is_wanted`.
    pub(crate) fn event_where(&self, name: &str, is_wanted: impl Fn(&Line) -> bool) -> Line {
        self.wait(name, |lines| {
            lines
                .iter()
                .filter_map(|line| Line::parse(line))
                .find(|line| line.event == name && is_wanted(line))
        })
    }

    /// Waits until there are `count` events of this name.
    pub(crate) fn events(&self, name: &str, count: usize) -> Vec<Line> {
        self.wait(name, |lines| {
            let parsed = lines.iter().filter_map(|line| Line::parse(line));
            let events: Vec<_> = parsed.filter(|line| line.event == name).collect();
            (events.len() >= count).then_some(events)
        })
    }

    /// Waits for the end of the program's standard error: nobody has it open any more.
    pub(crate) fn complete(&self) -> Vec<String> {
        let mut collected = self.shared.0.lock().unwrap();
        let end = Instant::now() + DEADLINE;
        while !collected.is_complete {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "somebody keeps standard error open");
            collected = self.shared.1.wait_timeout(collected, left).unwrap().0;
        }
        collected.lines.clone()
    }

    /// What there is now.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().lines.clone()
    }

    fn wait<T>(&self, what: &str, look: impl Fn(&[String]) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        let mut collected = self.shared.0.lock().unwrap();
        loop {
            if let Some(seen) = look(&collected.lines) {
                return seen;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || collected.is_complete {
                let lines = collected.lines.join("\n");
                drop(collected);
                panic!("no {what} in the log:\n{lines}");
            }
            collected = self.shared.1.wait_timeout(collected, left).unwrap().0;
        }
    }
}
