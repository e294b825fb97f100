//! One line of the log, built field by field and written at once.

use std::fmt::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::standard::MAX_LEN;
use super::websocketd::Columns;
use super::{FORMAT, Format, LEVEL, Level, standard, syslog};

/// Longer values are cut: readers have limits.
pub(super) const MAX_VALUE_LEN: usize = 1024;

/// A line under way; empty and deaf if its level is not logged.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    level: Level,
    is_json: bool,
    /// Set instead of the text where that is the format.
    columns: Option<Columns>,
    is_wanted: bool,
}

impl Line {
    pub(super) fn new(level: Level, event: &'static str) -> Self {
        let format = FORMAT.load(Ordering::Relaxed);
        let columns = (format == Format::Websocketd.number()).then(|| Columns::new(level, event));
        let (columns, level) = columns.map_or((None, level), |(it, level)| (Some(it), level));
        let (rank, name) = match level {
            Level::Error => (0, "error"),
            Level::Warn => (1, "warn"),
            Level::Info => (2, "info"),
            Level::Debug => (3, "debug"),
        };
        let mut line = Self {
            text: String::new(),
            level,
            is_json: format == Format::Json.number(),
            columns,
            is_wanted: rank <= LEVEL.load(Ordering::Relaxed),
        };
        if line.columns.is_some() {
            return line;
        }
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let syslog_has_time = super::is_sent_to_syslog();
        if line.is_json {
            line.put(format_args!(
                r#"{{"time":"{time}","level":"{name}","event":"{event}""#
            ));
        } else if syslog_has_time {
            line.put(format_args!("{event}"));
        } else {
            line.put(format_args!("{time} {name} {event}"));
        }
        line
    }

    /// A number, printed bare in text and JSON.
    pub(super) fn number(mut self, key: &str, value: impl fmt::Display) -> Self {
        if let Some(columns) = &mut self.columns {
            columns.add(key, value.to_string().as_bytes());
        } else if self.is_json {
            self.put(format_args!(r#","{key}":{value}"#));
        } else {
            self.put(format_args!(" {key}={value}"));
        }
        self
    }

    /// Text that may come from anywhere: quoted where it must be, escaped, cut.
    pub(super) fn text(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        if !self.is_wanted {
            return self;
        }
        let value = value.as_ref();
        let max = MAX_VALUE_LEN.min(self.room());
        let value = value.get(..max).unwrap_or(value);
        if let Some(columns) = &mut self.columns {
            columns.add(key, value);
        } else if self.is_json {
            self.put(format_args!(r#","{key}":"#));
            self.quote(value, json_escape);
        } else if !value.is_empty() && value.iter().all(|byte| is_plain(*byte)) {
            self.put(format_args!(" {key}={}", String::from_utf8_lossy(value)));
        } else {
            self.put(format_args!(" {key}="));
            self.quote(value, text_escape);
        }
        self
    }

    /// The same, left out where it is not known.
    pub(super) fn known(self, key: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// The process this line is about is this one.
    pub(super) fn own_pid(self) -> Self {
        self.number("pid", std::process::id())
    }

    pub(super) fn write(mut self) {
        if !self.is_wanted {
            return;
        }
        if self.is_json {
            self.text.push('}');
        }
        let to_syslog = super::is_sent_to_syslog();
        if let Some(columns) = &self.columns {
            self.text = columns.line((!to_syslog).then(SystemTime::now));
        }
        if to_syslog {
            syslog::send(self.level, &self.text);
            return;
        }
        let mut bytes = self.text.into_bytes();
        bytes.truncate(MAX_LEN - 1);
        bytes.push(b'\n');
        let (output, error) = (std::io::stdout(), std::io::stderr());
        let to = match self.columns {
            Some(_) => output.as_fd(),
            None => error.as_fd(),
        };
        standard::write(to, &bytes);
    }

    fn put(&mut self, what: fmt::Arguments<'_>) {
        if self.is_wanted {
            let _infallible = self.text.write_fmt(what);
        }
    }

    /// What a value may take, escaped: not more than half of what is left of the line, so that those
    /// behind it have room, too.
    fn room(&self) -> usize {
        MAX_LEN.saturating_sub(self.text.len()) / 2
    }

    /// Writes `value` in quotes: what is UTF-8 character by character, the rest as bytes.
    fn quote(&mut self, value: &[u8], escape: fn(&mut String, char)) {
        let end = self.text.len() + self.room();
        self.text.push('"');
        for chunk in value.utf8_chunks() {
            for c in chunk.valid().chars() {
                if self.text.len() < end {
                    escape(&mut self.text, c);
                }
            }
            for byte in chunk.invalid() {
                if self.text.len() >= end {
                    break;
                }
                // In JSON a backslash has to be one in the string that is read back.
                let backslash = if self.is_json { r"\\" } else { r"\" };
                self.put(format_args!("{backslash}x{byte:02x}"));
            }
        }
        self.text.push('"');
    }
}

/// Whether a value of such bytes needs no quotes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?&=%+@[],*".contains(&byte)
}

pub(super) fn text_escape(out: &mut String, c: char) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        // Format characters could turn or hide what a person reads; they are rare in honest text.
        c if c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || is_bidi(c) => {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _infallible = write!(out, "\\x{byte:02x}");
            }
        }
        c => out.push(c),
    }
}

fn json_escape(out: &mut String, c: char) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        c if c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || is_bidi(c) => {
            let _infallible = write!(out, "\\u{:04x}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Whether `c` changes the direction of the text around it.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(is_json: bool) -> Line {
        Line {
            text: String::new(),
            level: Level::Info,
            is_json,
            columns: None,
            is_wanted: true,
        }
    }

    #[test]
    fn a_plain_value_stands_bare() {
        assert_eq!(line(false).text("path", "/a?b=c").text, " path=/a?b=c");
    }

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        let text = line(false)
            .text("path", b"a\n2026 info \"x\" \x1b[31m\xff\\")
            .text;
        assert_eq!(text, r#" path="a\x0a2026 info \"x\" \x1b[31m\xff\\""#);
    }

    #[test]
    fn an_empty_value_is_visible() {
        assert_eq!(line(false).text("reason", "").text, r#" reason="""#);
    }

    #[test]
    fn text_may_not_be_turned_around() {
        assert_eq!(
            line(false).text("r", "a\u{202e}b").text,
            r#" r="a\xe2\x80\xaeb""#
        );
    }

    #[test]
    fn json_strings_are_json() {
        let text = line(true).text("a", b"\"\x01\xff\n").text;
        assert_eq!(text, r#","a":"\"\u0001\\xff\u000a""#);
    }

    #[test]
    fn values_that_are_all_long_leave_room_for_each_other() {
        for is_json in [false, true] {
            let values = ["peer", "path", "origin", "protocol", "client", "reason"];
            let long = |line: Line, key: &&str| line.text(key, vec![0; 5000]);
            let text = values.iter().fold(line(is_json), long).text;
            assert!(text.len() < MAX_LEN, "{}", text.len());
            let quoted = text.split('"').filter(|it| it.contains('0')).count();
            assert!(quoted == values.len() && text.ends_with('"'), "{text}");
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let text = line(false).text("a", vec![b'x'; 5000]).text;
        assert_eq!(text.len(), " a=".len() + MAX_VALUE_LEN);
    }
}
