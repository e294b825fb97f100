//! Pairs of connected streams, of every sort a test is made for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use websockd::blocking::{Deadline, Options, WebSocket};
use websockd::frame::Role;

use super::pipe::Pipe;

/// Anything that is due comes long before this.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) trait Stream: Read + Write + Deadline + Send + 'static {}

impl<S: Read + Write + Deadline + Send + 'static> Stream for S {}

pub(super) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (there, _) = listener.accept().unwrap();
    for stream in [&here, &there] {
        stream.set_nodelay(true).unwrap();
    }
    (here, there)
}

pub(super) fn unix() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

pub(super) fn memory() -> (Pipe, Pipe) {
    Pipe::pair(64 * 1024, usize::MAX)
}

/// Every read and write moves one byte.
pub(super) fn byte_by_byte() -> (Pipe, Pipe) {
    Pipe::pair(64 * 1024, 1)
}

/// Client and server, the handshake done elsewhere.
pub(super) fn joined<S>((here, there): (S, S), options: &Options) -> (WebSocket<S>, WebSocket<S>) {
    (
        WebSocket::without_handshake(here, Role::Client, &[], options),
        WebSocket::without_handshake(there, Role::Server, &[], options),
    )
}

/// A deadline that has passed.
pub(super) fn past() -> Instant {
    Instant::now()
}

/// A deadline that no test reaches.
pub(super) fn far() -> Instant {
    Instant::now() + PATIENCE
}

/// The same test over every sort of stream: `$test` is a function of a pair.
macro_rules! over_each_stream {
    ($($test:ident),+ $(,)?) => {
        crate::library::streams::over_whole_streams!($($test),+);
        mod byte_by_byte {
            $(#[test] fn $test() { super::$test(crate::library::streams::byte_by_byte()); })+
        }
    };
}

/// The same without the one that moves single bytes, which others take for an attack.
macro_rules! over_whole_streams {
    ($($test:ident),+ $(,)?) => {
        mod over_tcp { $(#[test] fn $test() { super::$test(crate::library::streams::tcp()); })+ }
        mod over_unix { $(#[test] fn $test() { super::$test(crate::library::streams::unix()); })+ }
        mod in_memory { $(#[test] fn $test() { super::$test(crate::library::streams::memory()); })+ }
    };
}

pub(super) use {over_each_stream, over_whole_streams};
