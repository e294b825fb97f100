//! A standard descriptor. Others write to it as well, so its flags are not ours to change, and a write
//! waits for as long as a reader likes: so it is asked beforehand whether there is room.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::select::{FdSet, pselect};
use nix::sys::time::TimeSpec;

use crate::sys::{fd, retry};

/// The longest line: a pipe takes as much without waiting where it has any room, and nothing of
/// another's in between.
pub(super) const MAX_LEN: usize = libc::PIPE_BUF;

/// Milliseconds that a reader who does not read is waited for in all. Then lines are lost.
const PATIENCE: u16 = 1000;

/// Those that a line gives back which nobody had to wait for.
const REFILL: u16 = 10;

/// What is left of them; a new process has what its parent had.
static LEFT: AtomicU16 = AtomicU16::new(PATIENCE);

/// Writes a line, of at most [`MAX_LEN`] bytes.
pub(super) fn write(to: BorrowedFd<'_>, line: &[u8]) {
    if await_room(to) {
        let _lost = fd::write(&to, line);
    }
}

/// Whether there is room, in time.
fn await_room(to: BorrowedFd<'_>) -> bool {
    let left = LEFT.load(Ordering::Relaxed);
    if has_room(to, 0) {
        if left < PATIENCE {
            LEFT.store(PATIENCE.min(left + REFILL), Ordering::Relaxed);
        }
        return true;
    }
    let start = Instant::now();
    let is_in_time = left > 0 && has_room(to, left);
    let took = u16::try_from(start.elapsed().as_millis()).unwrap_or(PATIENCE);
    LEFT.store(left.saturating_sub(took), Ordering::Relaxed);
    is_in_time
}

/// Waits so many milliseconds at most. Not by poll(2), which looks at the limit of open files: a session
/// in its sandbox has one of 0.
fn has_room(to: BorrowedFd<'_>, timeout: u16) -> bool {
    let timeout = TimeSpec::from_duration(Duration::from_millis(timeout.into()));
    let end = to.as_raw_fd() + 1;
    let ready = retry(|| {
        let mut fds = FdSet::new();
        fds.insert(to);
        pselect(end, None, &mut fds, None, &timeout, None)
    });
    matches!(ready, Ok(1..))
}
