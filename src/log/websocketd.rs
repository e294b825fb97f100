//! Lines as websocketd writes them, for who has programs that read its log: time, level, category, what
//! the session is about, and a message, in columns.
//!
//! ```text
//! Sat, 21 Nov 2026 11:29:32 +0000 | ACCESS | session    | url:'http://a/' remote:'::1' | CONNECT
//! ```

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Level;
use super::line::{MAX_VALUE_LEN, text_escape};

/// What the message is.
#[derive(Clone, Copy, Debug)]
enum Message {
    Words(&'static str),
    /// These words, and the value of this key.
    Value(&'static str, &'static str),
}

use Message::{Value, Words};

/// An event of ours that websocketd has, too: its name, then level, category and message there.
type Row = (&'static str, Level, &'static str, &'static str, Message);

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    ("listening", Level::Info, "INFO", "server", Value("Starting WebSocket server   : ", "address")),
    ("console", Level::Info, "INFO", "server", Value("Developer console enabled   : ", "url")),
    ("open", Level::Info, "ACCESS", "session", Words("CONNECT")),
    ("close", Level::Info, "ACCESS", "session", Words("DISCONNECT")),
    ("refuse", Level::Info, "ACCESS", "http", Value("", "reason")),
    ("service", Level::Error, "ERROR", "stderr", Value("", "line")),
    ("error", Level::Error, "ERROR", "server", Value("", "what")),
];

/// What every line of this process is about.
static ABOUT: Mutex<String> = Mutex::new(String::new());

fn about() -> MutexGuard<'static, String> {
    ABOUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines are about nothing any more.
pub(super) fn forget() {
    about().clear();
}

/// Lines are about this, too.
pub(super) fn associate(key: &str, value: &[u8]) {
    add_pair(&mut about(), key, value);
}

/// A line under way.
#[derive(Debug)]
pub(super) struct Columns {
    level: &'static str,
    category: &'static str,
    /// What the event says of itself, where websocketd has no such event.
    pairs: String,
    message: String,
    /// Whose value becomes part of the message; `None`: every value becomes a pair.
    wanted: Option<&'static str>,
}

impl Columns {
    /// The beginning, and the level that counts.
    pub(super) fn new(level: Level, event: &'static str) -> (Self, Level) {
        let row = ROWS.iter().find(|row| row.0 == event);
        let name = match level {
            Level::Error | Level::Warn => "ERROR",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        };
        let (level, name, category, message, wanted) = match row {
            Some((_, level, name, category, Words(words))) => {
                (*level, *name, *category, *words, Some(""))
            }
            Some((_, level, name, category, Value(words, key))) => {
                (*level, *name, *category, *words, Some(*key))
            }
            None => (level, name, "server", event, None),
        };
        let columns = Self {
            level: name,
            category,
            pairs: String::new(),
            message: message.to_owned(),
            wanted,
        };
        (columns, level)
    }

    /// Takes in one value of the event.
    pub(super) fn add(&mut self, key: &str, value: &[u8]) {
        match self.wanted {
            Some(wanted) if wanted == key => escape(&mut self.message, value),
            Some(_) => {}
            None => add_pair(&mut self.pairs, key, value),
        }
    }

    /// The whole line; `time` is left out where somebody else writes it.
    pub(super) fn line(&self, time: Option<SystemTime>) -> String {
        let mut line = time.map_or_else(String::new, |time| date(time) + " | ");
        let (about, space) = (about(), if self.pairs.is_empty() { "" } else { " " });
        let space = if about.is_empty() { "" } else { space };
        let _infallible = write!(
            line,
            "{:<6} | {:<10} | {about}{space}{} | {}",
            self.level, self.category, self.pairs, self.message
        );
        line
    }
}

fn add_pair(pairs: &mut String, key: &str, value: &[u8]) {
    let space = if pairs.is_empty() { "" } else { " " };
    let _infallible = write!(pairs, "{space}{key}:'");
    escape(pairs, value);
    pairs.push('\'');
}

/// Appends what may come from anywhere: nothing in it ends a value or a line.
fn escape(out: &mut String, value: &[u8]) {
    let value = value.get(..MAX_VALUE_LEN).unwrap_or(value);
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push(c),
                '\'' => out.push_str(r"\'"),
                c => text_escape(out, c),
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(out, r"\x{byte:02x}");
        }
    }
}

/// RFC 1123 with the zone as a number, which is always that of UTC: a session in its sandbox can read no
/// time zone.
fn date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    // The first day of all was a Thursday.
    let day = usize::try_from(seconds / 86400 % 7).unwrap_or(0);
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().unwrap_or(1);
    format!(
        "{}, {} {} {} {} +0000",
        DAYS.get(day).unwrap_or(&""),
        part(8, 10),
        MONTHS.get(month.wrapping_sub(1)).unwrap_or(&""),
        part(0, 4),
        part(11, 19)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_is_that_of_rfc_1123() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_260_572, "Sat, 21 Nov 2026 11:29:32 +0000"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 +0000"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    fn line(event: &'static str, values: &[(&str, &str)]) -> String {
        let (mut columns, _) = Columns::new(Level::Info, event);
        for (key, value) in values {
            columns.add(key, value.as_bytes());
        }
        columns.line(None)
    }

    #[test]
    fn an_event_has_websocketds_words_where_there_are_any() {
        assert_eq!(
            line("listening", &[("address", "[::1]:80"), ("name", "x")]),
            "INFO   | server     |  | Starting WebSocket server   : [::1]:80"
        );
        assert_eq!(
            line("open", &[("peer", "::1")]),
            "ACCESS | session    |  | CONNECT"
        );
        assert_eq!(
            line("stop", &[("signal", "SIGTERM"), ("more", "")]),
            "INFO   | server     | signal:'SIGTERM' more:'' | stop"
        );
    }

    #[test]
    fn nothing_ends_a_value_or_a_line_but_its_end() {
        assert_eq!(
            line("service", &[("line", "a\n'b' \"c\" \\ \x1b[m")]),
            r#"ERROR  | stderr     |  | a\x0a\'b\' "c" \\ \x1b[m"#
        );
        assert_eq!(
            line("stop", &[("signal", "x' y:'z")]),
            r"INFO   | server     | signal:'x\' y:\'z' | stop"
        );
    }
}
