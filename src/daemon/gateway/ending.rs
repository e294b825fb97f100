//! A script's end: it is waited for, and then ended with its process group.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::sys::child;
use crate::sys::signal::Signals;

use super::Stderr;

/// We were told to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Told;

/// Reaps who has ended; how the script did, if it was among them.
pub(super) fn note_children(script: Pid, signals: &Signals) -> Result<Option<child::End>, Told> {
    let is_told = signals.heed_asking();
    signals.forget(Signal::SIGCHLD);
    let mut script_end = None;
    while let Some((pid, end)) = child::reap() {
        if pid == script {
            script_end = Some(end);
        }
    }
    if is_told || signals.has_kept() {
        return Err(Told);
    }
    Ok(script_end)
}

/// Takes a script's group to its end: one that has done its work gets `grace` to leave, any other
/// SIGTERM at once; and after another `grace` SIGKILL. What it says meanwhile is logged.
pub(super) fn end(
    script: Pid,
    signals: &Signals,
    grace: Duration,
    has_done: bool,
    mut stderr: Option<Stderr>,
) {
    let signs = [None, Some(Signal::SIGTERM), Some(Signal::SIGKILL)];
    for sign in signs.into_iter().skip(usize::from(!has_done)) {
        child::signal_group(script, sign);
        if wait(script, signals, Instant::now() + grace, &mut stderr) {
            return;
        }
    }
}

/// Waits until nobody is left in the group; `false` if somebody is at the deadline. An order to end is
/// heeded behind this, which takes no longer than the grace.
fn wait(script: Pid, signals: &Signals, deadline: Instant, stderr: &mut Option<Stderr>) -> bool {
    loop {
        let _told = note_children(script, signals);
        // What it has said last is there when it has ended.
        let has_ended = !child::signal_group(script, None);
        stderr.take_if(|it| !it.log_lines());
        if has_ended {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999));
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let stderr = stderr.as_ref().map(|it| it.pipe.as_fd());
        fds.extend(stderr.map(|it| PollFd::new(it, PollFlags::POLLIN)));
        let _told = poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX));
    }
}
