//! The log: one function an event, one `write` a line, to a standard descriptor or syslog.
//!
//! Floor 2. The list of these functions is the log's documentation; the manual's DIAGNOSTICS follow it.
//! A line that cannot be written within a second is lost: a log must not stop a service.

mod line;
mod standard;
mod syslog;
mod websocketd;

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use line::Line;

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
    /// Also what the program decided by itself.
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
    /// As websocketd has it, on stdout.
    Websocketd,
}

impl Format {
    fn number(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Json => 1,
            Self::Websocketd => 2,
        }
    }
}

/// Where lines go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sink {
    /// Descriptor 2, or 1, as the format has it.
    #[default]
    Standard,
    /// The system log, facility daemon.
    Syslog,
}

/// The settings of the process, inherited by the processes it forks.
static LEVEL: AtomicU8 = AtomicU8::new(2);
static FORMAT: AtomicU8 = AtomicU8::new(0);
static SINK: AtomicU8 = AtomicU8::new(0);

/// Settles how much is logged, and how. Before this it is `Info`, `Text`.
pub fn init(level: Level, format: Format) {
    let level = match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    };
    LEVEL.store(level, Ordering::Relaxed);
    FORMAT.store(format.number(), Ordering::Relaxed);
}

/// Settles where it goes. Before this it is a standard descriptor.
pub fn send_to(sink: Sink) {
    if sink == Sink::Syslog {
        reach_syslog();
    }
    SINK.store(u8::from(sink == Sink::Syslog), Ordering::Relaxed);
}

/// Opens the way to the system log if it is not open yet, for a later [`send_to`] where the log's socket
/// may be out of sight.
pub(crate) fn reach_syslog() {
    syslog::open();
}

/// Whether [`send_to`] has settled that it goes to syslog.
pub(crate) fn is_sent_to_syslog() -> bool {
    SINK.load(Ordering::Relaxed) == 1
}

/// Whether lines go to the standard descriptor of this number.
pub(crate) fn is_written_to(number: i32) -> bool {
    let descriptor = if has_scope() { 1 } else { 2 };
    !is_sent_to_syslog() && number == descriptor
}

/// Whether every line of a session repeats what the session is about: then [`associate`] is worth the
/// making of its values.
pub(crate) fn has_scope() -> bool {
    FORMAT.load(Ordering::Relaxed) == Format::Websocketd.number()
}

/// Says what the lines of this process are about from here on: `pairs` and nothing else.
pub(crate) fn begin_scope(pairs: &[(&str, &[u8])]) {
    websocketd::forget();
    for (key, value) in pairs {
        associate(key, value);
    }
}

/// Adds to it.
pub(crate) fn associate(key: &str, value: &[u8]) {
    if has_scope() {
        websocketd::associate(key, value);
    }
}

fn line(level: Level, event: &'static str) -> Line {
    Line::new(level, event)
}

/// A socket listens: its address as `address:port`, or its path, and its name if it was passed to us
/// with one.
pub(crate) fn listening(address: &str, name: Option<&str>) {
    line(Level::Info, "listening")
        .text("address", address)
        .known("name", name)
        .write();
}

/// There is a console page for a person to open.
pub(crate) fn console(url: &str) {
    line(Level::Info, "console").text("url", url).write();
}

/// The listener is a new program in the old process, with this many sessions.
pub(crate) fn restarted(sessions: usize) {
    line(Level::Info, "restart")
        .own_pid()
        .number("sessions", sessions)
        .write();
}

/// How the listener does: sessions now and since its first start, which was so long ago.
pub(crate) fn status(sessions: usize, served: u64, lasted: Duration) {
    line(Level::Info, "status")
        .own_pid()
        .number("sessions", sessions)
        .number("served", served)
        .number("seconds", seconds(lasted))
        .write();
}

/// The listener goes: which signal asked it to.
pub(crate) fn stop(signal: &str) {
    line(Level::Info, "stop").text("signal", signal).write();
}

/// Something the machine refused; what we were doing is in the sentence.
pub(crate) fn error(what: impl ToString) {
    line(Level::Error, "error")
        .text("what", what.to_string())
        .write();
}

/// A session process ended otherwise than by its own decision.
pub(crate) fn session_died(pid: i32, how: &str) {
    line(Level::Error, "died")
        .text("pid", pid.to_string())
        .text("how", how)
        .write();
}

/// A handshake of TLS came to nothing.
#[cfg(feature = "tls")]
pub(crate) fn insecure(peer: &str, reason: &str) {
    line(Level::Info, "insecure")
        .own_pid()
        .text("peer", peer)
        .text("reason", reason)
        .write();
}

/// A session lacks a part of its sandbox, and why; the other parts hold.
pub(crate) fn sandbox_lacks(part: &str, why: &str) {
    line(Level::Debug, "sandbox")
        .own_pid()
        .text("lacks", part)
        .text("why", why)
        .write();
}

/// A line the service wrote on its standard error.
pub(crate) fn service(text: &[u8]) {
    line(Level::Info, "service")
        .own_pid()
        .text("line", text)
        .write();
}

/// A session begins.
#[derive(Debug)]
pub(crate) struct Open<'a> {
    pub(crate) peer: &'a str,
    pub(crate) path: &'a str,
    pub(crate) origin: Option<&'a [u8]>,
    pub(crate) protocol: Option<&'a str>,
    /// The version of TLS.
    pub(crate) tls: Option<&'a str>,
    /// The subject of the client's certificate.
    pub(crate) client: Option<&'a str>,
}

impl Open<'_> {
    pub(crate) fn write(&self) {
        line(Level::Info, "open")
            .own_pid()
            .text("peer", self.peer)
            .text("path", self.path)
            .text("origin", self.origin.unwrap_or(b"-"))
            .known("protocol", self.protocol)
            .known("tls", self.tls)
            .known("client", self.client)
            .write();
    }
}

/// Messages and payload bytes in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// How a session does.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) peer: &'a str,
    pub(crate) lasted: Duration,
    /// What it is about: `handshake`, `open`.
    pub(crate) state: &'a str,
    pub(crate) inbound: Traffic,
    pub(crate) outbound: Traffic,
}

impl Session<'_> {
    pub(crate) fn write(&self) {
        line(Level::Info, "session")
            .own_pid()
            .text("peer", self.peer)
            .number("seconds", seconds(self.lasted))
            .text("state", self.state)
            .number("in_messages", self.inbound.messages)
            .number("in_bytes", self.inbound.bytes)
            .number("out_messages", self.outbound.messages)
            .number("out_bytes", self.outbound.bytes)
            .write();
    }
}

/// A session has ended.
#[derive(Debug)]
pub(crate) struct Close<'a> {
    pub(crate) peer: &'a str,
    pub(crate) lasted: Duration,
    pub(crate) inbound: Traffic,
    pub(crate) outbound: Traffic,
    pub(crate) code: u16,
    pub(crate) reason: &'a str,
    /// How the service ended: `exit 0`, `signal 15`.
    pub(crate) service: &'a str,
}

impl Close<'_> {
    pub(crate) fn write(&self) {
        line(Level::Info, "close")
            .own_pid()
            .text("peer", self.peer)
            .number("seconds", seconds(self.lasted))
            .number("in_messages", self.inbound.messages)
            .number("in_bytes", self.inbound.bytes)
            .number("out_messages", self.outbound.messages)
            .number("out_bytes", self.outbound.bytes)
            .number("code", self.code)
            .text("reason", self.reason)
            .text("service", self.service)
            .write();
    }
}

/// With three decimals, and without the many kilobytes that print any other float.
fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

/// A plain request is answered.
#[cfg(feature = "site")]
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) peer: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: u64,
}

#[cfg(feature = "site")]
impl Request<'_> {
    pub(crate) fn write(&self) {
        line(Level::Info, "request")
            .own_pid()
            .text("peer", self.peer)
            .text("method", self.method)
            .text("path", self.path)
            .number("status", self.status)
            .number("bytes", self.bytes)
            .write();
    }
}

/// A request was answered with a status instead of a session.
#[derive(Debug)]
pub(crate) struct Refuse<'a> {
    pub(crate) peer: &'a str,
    pub(crate) status: u16,
    pub(crate) path: Option<&'a str>,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) origin: Option<&'a [u8]>,
    pub(crate) reason: &'a str,
    /// The option that would allow it.
    pub(crate) remedy: Option<&'a str>,
}

impl Refuse<'_> {
    pub(crate) fn write(&self) {
        line(Level::Info, "refuse")
            .own_pid()
            .text("peer", self.peer)
            .number("status", self.status)
            .known("path", self.path)
            .known("host", self.host)
            .known("origin", self.origin)
            .text("reason", self.reason)
            .known("remedy", self.remedy)
            .write();
    }
}
