//! The log: one function an event, one `write` a line.
//!
//! Floor 2.

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// What went wrong here and needs a person.
    Error,
    /// Also what went wrong with one client or service.
    Warn,
    /// Also start, stop, sessions, refusals.
    #[default]
    Info,
    /// Also every frame header.
    Debug,
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// Time, level, event, then `key=value`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
