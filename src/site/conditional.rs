//! Conditional requests and ranges: RFC 9110 13 and 14.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::handshake::Request;

/// What tells one state of a file from another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Validators {
    /// A strong one: time to the nanosecond, and length.
    etag: String,
    /// To the second, and not later than now.
    modified: SystemTime,
}

/// What a request is to get of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Whole,
    /// From the first byte to the last, both included.
    Part {
        first: u64,
        last: u64,
    },
    NotModified,
    PreconditionFailed,
    /// It asks for a range that the file does not have.
    Unsatisfiable,
}

impl Validators {
    /// Of a file that was changed at this time, in seconds and nanoseconds, and has this length.
    pub(super) fn new(seconds: i64, nanoseconds: i64, len: u64) -> Self {
        let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        Self {
            etag: format!("\"{seconds:x}.{nanoseconds:x}-{len:x}\""),
            modified: (UNIX_EPOCH + since).min(SystemTime::now()),
        }
    }

    pub(super) fn etag(&self) -> &str {
        &self.etag
    }

    pub(super) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }

    /// Judges the conditions in their order (RFC 9110 13.2.2), for a file of `len` bytes.
    pub(super) fn judge(&self, request: &Request<'_>, len: u64) -> Verdict {
        let has = |name| request.header(name).is_some();
        if has("If-Match") {
            if !self.is_in(request, "If-Match", false) {
                return Verdict::PreconditionFailed;
            }
        } else if date(request, "If-Unmodified-Since").is_some_and(|since| self.is_later(since)) {
            return Verdict::PreconditionFailed;
        }
        if has("If-None-Match") {
            if self.is_in(request, "If-None-Match", true) {
                return Verdict::NotModified;
            }
        } else if date(request, "If-Modified-Since").is_some_and(|since| !self.is_later(since)) {
            return Verdict::NotModified;
        }
        // RFC 9110 14.2: a Range in any other request is ignored.
        if request.method() != "GET" || !self.is_same_as_before(request) {
            return Verdict::Whole;
        }
        request
            .header("Range")
            .and_then(parse_range)
            .map_or(Verdict::Whole, |range| range.of(len))
    }

    /// Whether one of the listed entity tags is ours. A weak one is so only where it may be.
    fn is_in(&self, request: &Request<'_>, name: &str, may_be_weak: bool) -> bool {
        let lines = request
            .headers()
            .filter(|it| it.0.eq_ignore_ascii_case(name));
        let mut tags = lines.flat_map(|it| it.1.split(|byte| *byte == b','));
        tags.any(|tag| match tag.trim_ascii() {
            b"*" => true,
            tag => {
                let weak = tag.strip_prefix(b"W/").filter(|_| may_be_weak);
                weak.unwrap_or(tag) == self.etag.as_bytes()
            }
        })
    }

    /// RFC 9110 13.1.5: with If-Range, a part is wanted only of what the client has parts of already.
    fn is_same_as_before(&self, request: &Request<'_>) -> bool {
        let Some(condition) = request.header("If-Range") else {
            return true;
        };
        condition == self.etag.as_bytes()
            || date(request, "If-Range").is_some_and(|date| date == self.seconds())
    }

    fn is_later(&self, than: SystemTime) -> bool {
        self.seconds() > than
    }

    fn seconds(&self) -> SystemTime {
        self.modified
            .duration_since(UNIX_EPOCH)
            .map_or(UNIX_EPOCH, |it| {
                UNIX_EPOCH + Duration::from_secs(it.as_secs())
            })
    }
}

/// A date that is none is no condition.
fn date(request: &Request<'_>, name: &str) -> Option<SystemTime> {
    let text = std::str::from_utf8(request.header(name)?).ok()?;
    httpdate::parse_http_date(text).ok()
}

/// One range of bytes, as it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Range {
    From { first: u64, last: u64 },
    Last(u64),
}

impl Range {
    fn of(self, len: u64) -> Verdict {
        let (first, last) = match self {
            Self::From { first, last } => (first, last.min(len.saturating_sub(1))),
            Self::Last(0) => return Verdict::Unsatisfiable,
            Self::Last(count) => (len.saturating_sub(count), len.saturating_sub(1)),
        };
        if first >= len {
            Verdict::Unsatisfiable
        } else {
            Verdict::Part { first, last }
        }
    }
}

/// RFC 9110 14.1.2. Several ranges, other units and what is malformed are ignored, as a server may.
fn parse_range(value: &[u8]) -> Option<Range> {
    let text = std::str::from_utf8(value).ok()?;
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (first, last) {
        ("", last) => number(last).map(Range::Last),
        (first, "") => Some(Range::From {
            first: number(first)?,
            last: u64::MAX,
        }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From { first, last })
        }
    }
}

/// A number beyond any file is beyond this one.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on a file of ten bytes, changed at the beginning of 2024.
    fn verdict(lines: &str) -> Verdict {
        let file = Validators::new(1_704_067_200, 5, 10);
        assert_eq!(file.etag(), "\"65920080.5-a\"");
        assert_eq!(file.last_modified(), "Mon, 01 Jan 2024 00:00:00 GMT");
        let lines = lines.replace('\n', "\r\n");
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        file.judge(&Request::parse(head.as_bytes()).unwrap(), 10)
    }

    #[test]
    fn without_conditions_it_is_the_whole() {
        assert_eq!(verdict("X: y"), Verdict::Whole);
        assert_eq!(verdict("If-Modified-Since: yesterday"), Verdict::Whole);
        assert_eq!(
            verdict("If-None-Match: \"other\", W/\"65920080\""),
            Verdict::Whole
        );
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for lines in [
            "If-None-Match: \"65920080.5-a\"",
            "If-None-Match: W/\"65920080.5-a\"",
            "If-None-Match: \"x\" , \"65920080.5-a\"",
            "If-None-Match: \"x\"\nIf-None-Match: \"65920080.5-a\"",
            "If-None-Match: *",
            "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
            "If-Modified-Since: Tue, 02 Jan 2024 00:00:00 GMT",
            "If-None-Match: *\nRange: bytes=0-1",
        ] {
            assert_eq!(verdict(lines), Verdict::NotModified, "{lines}");
        }
        for lines in [
            "If-Modified-Since: Sun, 31 Dec 2023 23:59:59 GMT",
            "If-None-Match: \"x\"\nIf-Modified-Since: Tue, 02 Jan 2024 00:00:00 GMT",
        ] {
            assert_eq!(verdict(lines), Verdict::Whole, "{lines}");
        }
    }

    #[test]
    fn a_precondition_that_does_not_hold_is_told() {
        for lines in [
            "If-Match: \"x\"",
            "If-Match: W/\"65920080.5-a\"",
            "If-Unmodified-Since: Sun, 31 Dec 2023 00:00:00 GMT",
        ] {
            assert_eq!(verdict(lines), Verdict::PreconditionFailed, "{lines}");
        }
        assert_eq!(verdict("If-Match: \"65920080.5-a\""), Verdict::Whole);
        let later = "If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT";
        assert_eq!(verdict(later), Verdict::Whole);
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=2-4", 2, 4),
            ("bytes=2-", 2, 9),
            ("bytes=2-99999999999999999999999", 2, 9),
            ("Bytes=-3", 7, 9),
            ("bytes=-11", 0, 9),
        ] {
            let expected = Verdict::Part { first, last };
            assert_eq!(verdict(&format!("Range: {range}")), expected, "{range}");
        }
        for range in ["bytes=10-", "bytes=99999999999999999999999-", "bytes=-0"] {
            let expected = Verdict::Unsatisfiable;
            assert_eq!(verdict(&format!("Range: {range}")), expected, "{range}");
        }
        for range in [
            "bytes=1",
            "bytes=a-b",
            "bytes=4-2",
            "bytes=-",
            "bytes=+1-2",
            "lines=1-2",
            "bytes=0-1,3-4",
            "0-1",
        ] {
            assert_eq!(
                verdict(&format!("Range: {range}")),
                Verdict::Whole,
                "{range}"
            );
        }
        assert_eq!(Range::Last(1).of(0), Verdict::Unsatisfiable);
    }

    #[test]
    fn a_part_is_sent_only_of_what_the_client_knows() {
        for (condition, is_part) in [
            ("\"65920080.5-a\"", true),
            ("W/\"65920080.5-a\"", false),
            ("\"x\"", false),
            ("Mon, 01 Jan 2024 00:00:00 GMT", true),
            ("Tue, 02 Jan 2024 00:00:00 GMT", false),
            ("yesterday", false),
        ] {
            let found = verdict(&format!("Range: bytes=0-1\nIf-Range: {condition}"));
            assert_eq!(
                found == Verdict::Part { first: 0, last: 1 },
                is_part,
                "{condition}"
            );
        }
    }
}
