//! What the black-box tests share: the built program started on a port of its own, a peer that speaks
//! raw bytes and knows nothing of the crate, and a look at `/proc`.

pub(crate) mod curl;
pub(crate) mod expect;
pub(crate) mod frame;
pub(crate) mod golden;
#[cfg(feature = "client")]
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod inetd;
pub(crate) mod log;
pub(crate) mod manager;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod server;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(feature = "client")]
pub(crate) mod websock;

use std::time::{Duration, Instant};

/// The bound of every wait: a loaded machine takes seconds for what takes milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// How long a flow that has come to rest is looked at to be believed.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// How often a condition that announces itself in no other way is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is something to see; panics with `what` when [`DEADLINE`] has passed.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `measure` has given the same for as long as [`QUIET`], and returns it.
pub(crate) fn wait_until_still<T: PartialEq>(what: &str, mut measure: impl FnMut() -> T) -> T {
    let mut last = measure();
    let mut since = Instant::now();
    wait_for(what, || {
        let now = measure();
        if now != last {
            last = now;
            since = Instant::now();
        }
        (since.elapsed() >= QUIET).then_some(())
    });
    last
}
