//! Strings as exec(3) takes them.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt as _;

/// Strings that end with NUL, all in one piece of memory: a session writes its service's environment
/// once, and pays for every page that it touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    /// Where each of them begins.
    starts: Vec<usize>,
}

impl Strings {
    /// None, with room for so many of so many bytes together.
    pub(crate) fn with_capacity(count: usize, len: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(len),
            starts: Vec::with_capacity(count),
        }
    }

    /// Adds what `write` appends, if it says so. What holds a NUL cannot be told to a program and is
    /// left out.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let start = self.bytes.len();
        let is_wanted = write(&mut self.bytes);
        let added = self.bytes.get(start..).unwrap_or_default();
        if !is_wanted || memchr::memchr(0, added).is_some() {
            self.bytes.truncate(start);
            return;
        }
        self.bytes.push(0);
        self.starts.push(start);
    }

    /// Adds `name=value`.
    pub(crate) fn add_variable(&mut self, name: &OsStr, value: &OsStr) {
        self.add(|out| {
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
            true
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.starts.iter().filter_map(|start| {
            let string = self.bytes.get(*start..)?;
            CStr::from_bytes_until_nul(string).ok()
        })
    }

    /// Where each of them begins in memory; good until the next one is added.
    pub(crate) fn pointers(&self) -> impl Iterator<Item = *const c_char> {
        let strings = self.starts.iter();
        strings.filter_map(|start| Some(self.bytes.get(*start..)?.as_ptr().cast()))
    }
}

impl<S: AsRef<OsStr>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(all: I) -> Self {
        let mut strings = Self::default();
        for string in all {
            strings.add(|out| {
                out.extend_from_slice(string.as_ref().as_bytes());
                true
            });
        }
        strings
    }
}

/// One string alone. What came from a command line, an environment or a directory holds no NUL.
pub(crate) fn c_string(text: impl AsRef<OsStr>) -> CString {
    CString::new(text.as_ref().as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_what_was_added_and_ends_with_nul() {
        let mut strings: Strings = ["sh", "", "-c"].into_iter().collect();
        strings.add_variable("A".as_ref(), "b=c".as_ref());
        let all: Vec<_> = strings.iter().collect();
        assert_eq!(all, [c"sh", c"", c"-c", c"A=b=c"]);
        let pointed: Vec<_> = all.iter().map(|it| it.as_ptr()).collect();
        assert!(strings.pointers().eq(pointed));
    }

    #[test]
    fn what_no_program_can_be_told_or_nobody_wants_is_left_out() {
        let mut strings: Strings = ["a", "b\0c"].into_iter().collect();
        strings.add(|out| {
            out.extend_from_slice(b"not this");
            false
        });
        strings.add_variable("D".as_ref(), "e".as_ref());
        assert!(strings.iter().eq([c"a", c"D=e"]));
    }
}
