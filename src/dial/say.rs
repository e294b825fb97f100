//! What is said on standard error: one write(2) a line.

use std::fmt;
use std::io::Write as _;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Voice {
    /// Nothing but what is wrong with the command line.
    Quiet,
    /// Why there is no connection, and how it was closed if not in order.
    #[default]
    Normal,
    /// Every step, too.
    Verbose,
}

impl Voice {
    /// Says why it does not go on.
    pub(super) fn error(self, what: impl fmt::Display) {
        if self >= Self::Normal {
            write(format_args!("websock: {what}"));
        }
    }

    /// Says how the connection was closed.
    pub(super) fn closed(self, what: impl fmt::Display) {
        if self >= Self::Normal {
            write(what);
        }
    }

    /// Says what is being done.
    pub(super) fn detail(self, what: impl fmt::Display) {
        if self >= Self::Verbose {
            write(format_args!("websock: {what}"));
        }
    }
}

/// Writes one line; what came from the network cannot act upon the terminal. What cannot be written is
/// lost: the exit status still tells.
fn write(what: impl fmt::Display) {
    let line: String = what
        .to_string()
        .chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .chain(['\n'])
        .collect();
    let _lost = std::io::stderr().write_all(line.as_bytes());
}
