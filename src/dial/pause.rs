//! How long to wait before connecting again: a little longer each time, up to a bound, and not all
//! clients of a server that comes back at the same moment.

use std::time::{Duration, Instant};

use crate::sys::patience::Patience;
use crate::sys::signal::Signals;

const FIRST: Duration = Duration::from_millis(500);
const MAX: Duration = Duration::from_secs(60);

/// The next pause.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait after a connection, or an attempt at one, that `lasted` so long.
    /// `retry_after`: what the server asks for, heeded within the bound.
    pub(super) fn next(&mut self, lasted: Duration, retry_after: Option<Duration>) -> Duration {
        if lasted > MAX {
            self.0 = FIRST;
        }
        let mut spread = [0];
        let spread = match getrandom::fill(&mut spread) {
            Ok(()) => u32::from(spread[0]),
            Err(_) => 0,
        };
        // Up to a half more.
        let length = self.0 + self.0 * spread / 512;
        self.0 = (self.0 * 2).min(MAX);
        length.max(retry_after.unwrap_or_default()).min(MAX)
    }
}

/// Waits; `false` if a signal told us to end.
pub(super) fn sleep(length: Duration, signals: &Signals) -> bool {
    Patience::until(Instant::now() + length, signals).sleep()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_a_minute_and_begins_anew_after_a_long_connection() {
        let mut pause = Pause::new();
        let short = Duration::ZERO;
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            let next = pause.next(short, None);
            assert!(
                next >= last.min(MAX * 2 / 3) && next <= MAX,
                "{next:?} after {last:?}"
            );
            last = next;
        }
        assert_eq!(last, MAX);
        assert!(pause.next(MAX * 2, None) < Duration::from_secs(1));
        assert!(pause.next(short, Some(Duration::from_secs(30))) >= Duration::from_secs(30));
        assert_eq!(pause.next(short, Some(Duration::from_secs(3000))), MAX);
    }
}
