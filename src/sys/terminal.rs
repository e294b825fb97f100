//! The terminal a program may have been started from.

use std::fs::File;

/// Whether this process has a controlling terminal that is still connected.
pub(crate) fn is_there() -> bool {
    File::open("/dev/tty").is_ok()
}
