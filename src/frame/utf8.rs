//! Text on its way: inbound it is checked as it arrives, outbound it is made UTF-8. RFC 6455 8.1.
//!
//! Floor 0. Apart from the rest of `frame` because both directions of the records need it, and because
//! it keeps a few bytes of memory between runs: a run may end anywhere, within a character too.
//!
//! ```text
//! ExpectLead ──00..7F──▶ ExpectLead                        Unicode 3.9, table 3-7
//!            ──C2..F4──▶ ExpectContinuation {left, range}
//! ExpectContinuation ──in range, 1 left──▶ ExpectLead
//!                    ──in range, more───▶ ExpectContinuation {left - 1, 80..BF}
//! anything else is invalid, at that byte
//! ```

use std::borrow::Cow;
use std::fmt;

/// Below this length a run is first looked at as ASCII; from it on the vector validator is as quick.
const SHORT: usize = 64;

/// Text that is not UTF-8: Close 1007.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invalid {
    /// The first byte that cannot be right, as an offset in the run that was checked.
    pub at: usize,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text is not UTF-8 at byte {}", self.at)
    }
}

impl std::error::Error for Invalid {}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    ExpectLead,
    ExpectContinuation {
        left: u8,
        lowest: u8,
        highest: u8,
    },
}

impl State {
    /// `None` if `byte` cannot follow.
    fn step(self, byte: u8) -> Option<Self> {
        let (left, lowest, highest) = match self {
            Self::ExpectLead => match byte {
                0x00..=0x7F => return Some(Self::ExpectLead),
                0xC2..=0xDF => (1, 0x80, 0xBF),
                0xE0 => (2, 0xA0, 0xBF),
                0xE1..=0xEC | 0xEE..=0xEF => (2, 0x80, 0xBF),
                0xED => (2, 0x80, 0x9F),
                0xF0 => (3, 0x90, 0xBF),
                0xF1..=0xF3 => (3, 0x80, 0xBF),
                0xF4 => (3, 0x80, 0x8F),
                0x80..=0xC1 | 0xF5..=0xFF => return None,
            },
            Self::ExpectContinuation {
                left,
                lowest,
                highest,
            } => match (lowest..=highest).contains(&byte) {
                true if left == 1 => return Some(Self::ExpectLead),
                true => (left - 1, 0x80, 0xBF),
                false => return None,
            },
        };
        Some(Self::ExpectContinuation {
            left,
            lowest,
            highest,
        })
    }

    fn walk(self, bytes: &[u8]) -> Option<Self> {
        bytes.iter().try_fold(self, |state, &byte| state.step(byte))
    }
}

/// Checks the text of one message after another, run by run.
///
/// It gives the same answer for any split of the text, and fails at the very first byte that makes the
/// text invalid: `F4 90` at the `90`, although both `F4` and a later `90` may occur in UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    state: State,
}

impl Utf8 {
    /// A validator at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the next bytes of a message: any part of it, possibly none.
    ///
    /// # Errors
    /// [`Invalid`] with the place in `run`; the message cannot be saved, drop the validator.
    ///
    /// O(n), at memory speed; nothing is copied.
    #[inline]
    pub fn check(&mut self, run: &[u8]) -> Result<(), Invalid> {
        if self.state == State::ExpectLead && run.len() < SHORT && run.is_ascii() {
            return Ok(());
        }
        self.check_any(run)
    }

    /// Whether no character is unfinished: text that is ASCII needs no look then.
    #[inline]
    pub fn is_between_characters(&self) -> bool {
        self.state == State::ExpectLead
    }

    /// Says that the message ends; the validator is then ready for the next one.
    ///
    /// # Errors
    /// [`Invalid`] if it ends within a character; the place is the byte after the last.
    #[inline]
    pub fn finish(&self) -> Result<(), Invalid> {
        match self.state {
            State::ExpectLead => Ok(()),
            State::ExpectContinuation { .. } => Err(Invalid { at: 0 }),
        }
    }

    fn check_any(&mut self, run: &[u8]) -> Result<(), Invalid> {
        let mut at = 0;
        let mut rest = run;
        while let (State::ExpectContinuation { .. }, Some((&byte, after))) =
            (self.state, rest.split_first())
        {
            self.state = self.state.step(byte).ok_or(Invalid { at })?;
            at += 1;
            rest = after;
        }
        let (whole, begun) = split_begun(rest);
        if !is_utf8(whole) {
            let at = at + first_wrong(rest);
            return Err(Invalid { at });
        }
        self.state = self.state.walk(begun).ok_or(Invalid { at })?;
        Ok(())
    }
}

/// Makes UTF-8 of what a service wrote, run by run: what is not becomes U+FFFD.
///
/// The outcome is that of [`String::from_utf8_lossy`] on the whole message, for any split of it. At
/// most three bytes are kept between runs.
#[derive(Clone, Debug, Default)]
pub struct Replacer {
    /// A character that a run left unfinished.
    begun: Vec<u8>,
}

impl Replacer {
    /// A replacer at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no character is unfinished: text that is ASCII needs no look then.
    #[inline]
    pub fn is_between_characters(&self) -> bool {
        self.begun.is_empty()
    }

    /// Takes the next bytes of a message and gives back what can be sent of it so far: `run` itself, or
    /// its beginning, where that is valid and no character was unfinished before; an owned copy
    /// otherwise. After the run that `is_last` the replacer is ready for the next message.
    ///
    /// O(n); a copy is at most three times as long as the run.
    #[inline]
    pub fn replace<'a>(&mut self, run: &'a [u8], is_last: bool) -> Cow<'a, [u8]> {
        if self.begun.is_empty() && run.len() < SHORT && run.is_ascii() {
            return Cow::Borrowed(run);
        }
        self.replace_any(run, is_last)
    }

    fn replace_any<'a>(&mut self, run: &'a [u8], is_last: bool) -> Cow<'a, [u8]> {
        if self.begun.is_empty() {
            let whole = self.hold_begun(run, is_last);
            return if is_utf8(whole) {
                Cow::Borrowed(whole)
            } else {
                Cow::Owned(lossy(whole))
            };
        }
        let mut joined = std::mem::take(&mut self.begun);
        joined.extend_from_slice(run);
        let whole = self.hold_begun(&joined, is_last);
        if is_utf8(whole) {
            let len = whole.len();
            joined.truncate(len);
            Cow::Owned(joined)
        } else {
            Cow::Owned(lossy(whole))
        }
    }

    /// Keeps the character that `bytes` leave unfinished, if more will come, and returns what is before.
    fn hold_begun<'b>(&mut self, bytes: &'b [u8], is_last: bool) -> &'b [u8] {
        if is_last {
            return bytes;
        }
        let (whole, begun) = split_begun(bytes);
        self.begun.extend_from_slice(begun);
        whole
    }
}

/// Splits off the unfinished character at the end: up to three bytes that later ones may make valid.
fn split_begun(bytes: &[u8]) -> (&[u8], &[u8]) {
    for len in 1..=bytes.len().min(3) {
        let Some((whole, begun)) = bytes.split_at_checked(bytes.len() - len) else {
            break;
        };
        match begun.first() {
            Some(0x80..=0xBF) => {}
            Some(0xC0..) => match State::ExpectLead.walk(begun) {
                Some(State::ExpectContinuation { .. }) => return (whole, begun),
                Some(State::ExpectLead) | None => break,
            },
            _ => break,
        }
    }
    (bytes, &[])
}

fn is_utf8(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Where the first byte is that cannot be right in `bytes`, which begin with a character and are not a
/// valid beginning of a text.
#[cold]
fn first_wrong(bytes: &[u8]) -> usize {
    let Err(error) = std::str::from_utf8(bytes) else {
        return bytes.len();
    };
    let mut at = error.valid_up_to();
    let mut state = State::ExpectLead;
    for &byte in bytes.iter().skip(at) {
        let Some(next) = state.step(byte) else {
            break;
        };
        state = next;
        at += 1;
    }
    at
}

#[cold]
fn lossy(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).into_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that are valid for long stretches and invalid in all the interesting ways.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
            2 => "[a-z]{0,80}".prop_map(String::into_bytes),
            1 => "[é€😀]{0,40}".prop_map(String::into_bytes),
            1 => prop::collection::vec(prop::sample::select(INTERESTING), 1..4),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    const INTERESTING: &[u8] = &[
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
        0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
    ];

    fn splits() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(prop_oneof![0_usize..5, 0_usize..150], 0..30)
    }

    fn split<'a>(bytes: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
        let mut rest = bytes;
        let mut runs = Vec::new();
        for &len in lens {
            let (run, after) = rest.split_at(len.min(rest.len()));
            runs.push(run);
            rest = after;
        }
        runs.push(rest);
        runs
    }

    /// The offset in the whole text at which it fails; its length if it ends too early.
    fn checked(runs: &[&[u8]]) -> Result<(), usize> {
        let mut utf8 = Utf8::new();
        let mut before = 0;
        for run in runs {
            utf8.check(run).map_err(|invalid| before + invalid.at)?;
            before += run.len();
        }
        utf8.finish().map_err(|invalid| before + invalid.at)
    }

    /// The same by std alone: the first prefix that no text begins with.
    fn expected(bytes: &[u8]) -> Result<(), usize> {
        let is_wrong = |len: &usize| {
            std::str::from_utf8(&bytes[..*len]).is_err_and(|error| error.error_len().is_some())
        };
        match (1..=bytes.len()).find(is_wrong) {
            Some(len) => Err(len - 1),
            None => std::str::from_utf8(bytes)
                .map(drop)
                .map_err(|_| bytes.len()),
        }
    }

    fn replaced(runs: &[&[u8]]) -> Vec<u8> {
        let mut replacer = Replacer::new();
        let last = runs.len() - 1;
        let mut sent = Vec::new();
        for (i, run) in runs.iter().enumerate() {
            sent.extend_from_slice(&replacer.replace(run, i == last));
            assert!(replacer.begun.len() <= 3);
        }
        sent
    }

    #[test]
    fn fails_at_the_first_wrong_byte() {
        for (bytes, at) in [
            (&b"\xF4\x90\x80\x80"[..], 1),
            (b"\xED\xA0\x80", 1),
            (b"\xC0\x80", 0),
            (b"\xC1\xBF", 0),
            (b"\xE0\x80\x80", 1),
            (b"\xF0\x8F\xBF\xBF", 1),
            (b"\xF5\x80\x80\x80", 0),
            (b"a\x80", 1),
            (b"\xE2\x82a", 2),
            (b"\xF0\x9F\x98\xC3", 3),
            (b"\xE2\x82", 2),
        ] {
            assert_eq!(checked(&[bytes]), Err(at), "{bytes:x?}");
            let single: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(checked(&single), Err(at), "{bytes:x?} byte by byte");
            assert_eq!(expected(bytes), Err(at), "{bytes:x?} by std");
        }
    }

    #[test]
    fn every_pair_and_triple_of_interesting_bytes_agrees_with_std() {
        for &a in INTERESTING {
            for &b in INTERESTING {
                for &c in INTERESTING {
                    let bytes = [a, b, c];
                    let expected = expected(&bytes);
                    assert_eq!(checked(&[&bytes]), expected, "{bytes:x?}");
                    assert_eq!(checked(&[&[a], &[b, c]]), expected, "{bytes:x?}");
                    let lossy = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
                    assert_eq!(replaced(&[&[a, b], &[c]]), lossy, "{bytes:x?}");
                }
            }
        }
    }

    #[test]
    fn finish_makes_ready_for_the_next_message() {
        let mut utf8 = Utf8::new();
        assert_eq!(utf8.check("€".as_bytes()), Ok(()));
        assert_eq!(utf8.finish(), Ok(()));
        assert_eq!(utf8.check(b"\xE2"), Ok(()));
        assert_eq!(utf8.finish(), Err(Invalid { at: 0 }));
    }

    #[test]
    fn valid_text_is_not_copied() {
        let mut replacer = Replacer::new();
        let text = "€".repeat(100);
        let runs = [
            &text.as_bytes()[..61],
            b"short",
            b"",
            &text.as_bytes()[..300],
        ];
        for run in [runs[1], runs[2], runs[3]] {
            assert!(matches!(replacer.replace(run, true), Cow::Borrowed(same) if same == run));
        }
        let beginning = replacer.replace(runs[0], false);
        assert!(matches!(beginning, Cow::Borrowed(same) if same == &runs[0][..60]));
        assert_eq!(&*replacer.replace(b"\x82\xACx", true), "€x".as_bytes());
    }

    #[test]
    fn a_character_cut_by_the_end_is_replaced() {
        let mut replacer = Replacer::new();
        assert_eq!(&*replacer.replace(b"a\xE2\x82", false), b"a");
        assert_eq!(&*replacer.replace(b"", false), b"");
        assert_eq!(&*replacer.replace(b"", true), "\u{FFFD}".as_bytes());
        assert_eq!(&*replacer.replace(b"next", true), b"next");
    }

    #[test]
    fn the_sentence_names_the_place() {
        assert_eq!(Invalid { at: 7 }.to_string(), "text is not UTF-8 at byte 7");
    }

    proptest! {
        #[test]
        fn any_split_is_checked_as_std_does(bytes in nearly_text(), lens in splits()) {
            prop_assert_eq!(checked(&split(&bytes, &lens)), expected(&bytes));
        }

        #[test]
        fn any_split_is_replaced_as_std_does(bytes in nearly_text(), lens in splits()) {
            let lossy = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
            prop_assert_eq!(replaced(&split(&bytes, &lens)), lossy);
        }
    }
}
