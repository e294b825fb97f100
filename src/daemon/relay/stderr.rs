//! The service's standard error as lines of the log.

use std::os::fd::OwnedFd;

use memchr::memchr;
use nix::errno::Errno;

use crate::log;
use crate::sys::fd;

/// A line longer than this is logged in parts.
const MAX_LINE_LEN: usize = 1024;

#[derive(Debug)]
pub(in crate::daemon) struct Stderr {
    pub(in crate::daemon) pipe: OwnedFd,
    /// Whether a read may bring something without word from the kernel.
    pub(super) is_readable: bool,
    /// The beginning of a line, shorter than `MAX_LINE_LEN`.
    begun: Vec<u8>,
}

impl Stderr {
    pub(in crate::daemon) fn new(pipe: OwnedFd) -> Self {
        Self {
            pipe,
            is_readable: false,
            begun: Vec::new(),
        }
    }

    /// Logs what one read brings, which leaves time for others however much there is; `false` at the end.
    ///
    /// A call of its own: in the relay's loop its bytes would be a part of every session's stack.
    #[inline(never)]
    pub(in crate::daemon) fn log_lines(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match fd::read(&self.pipe, &mut bytes) {
            Ok(count @ 1..) => {
                self.is_readable = count == bytes.len();
                self.take(bytes.get(..count).unwrap_or_default());
            }
            Err(Errno::EAGAIN) => self.is_readable = false,
            Ok(0) | Err(_) => {
                if !self.begun.is_empty() {
                    log::service(&self.begun);
                }
                return false;
            }
        }
        true
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = MAX_LINE_LEN - self.begun.len();
            let end = memchr(b'\n', bytes);
            let part = end.unwrap_or(bytes.len()).min(room);
            let (line, rest) = bytes.split_at_checked(part).unwrap_or((bytes, &[]));
            self.begun.extend_from_slice(line);
            bytes = rest;
            let is_ended = end == Some(part);
            if is_ended || self.begun.len() == MAX_LINE_LEN {
                log::service(&self.begun);
                self.begun.clear();
            }
            if is_ended {
                bytes = bytes.get(1..).unwrap_or_default();
            }
        }
    }
}
