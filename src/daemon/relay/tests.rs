use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::connection::Limits;
use crate::daemon::config::InvalidUtf8;
use crate::frame::Role;
use crate::record::Record;
use crate::sys::fd;
use crate::sys::stream::Stream;
use crate::transport::Transport;

/// A relay over `peer` of what is written to the other end of a pipe, without a program.
fn relay(peer: UnixStream, record: Record) -> (Box<Relay>, OwnedFd) {
    peer.set_nonblocking(true).unwrap();
    let (source, writer) = fd::pipe().unwrap();
    fd::make_nonblocking(&source).unwrap();
    let far = Far {
        transport: Transport::plain(peer.into()),
        connection: Connection::new(Role::Server, Limits::default()),
        first: &[],
        keys: Keys::None,
    };
    let near = Near {
        sink: None,
        source: Some(Stream::pipe(source)),
        rest: None,
        stderr: None,
        is_tagged: false,
        program: None,
    };
    let settings = Settings {
        record,
        invalid_utf8: InvalidUtf8::Close,
        max_held_len: 1024,
        words: Words {
            vanished: "client vanished",
            stopping: "server is stopping",
            output: "service output",
        },
        grace: Duration::from_secs(1),
        write_timeout: None,
        idle_timeout: None,
        ping: None,
        close_at_end: None,
    };
    let signals = Signals::handle(&[]).unwrap();
    let relay = Relay::new(far, near, settings, signals, None).unwrap();
    (relay, writer)
}

#[test]
fn the_close_for_an_output_that_is_no_record_does_not_wait_for_the_kernel() {
    let (peer, mut client) = UnixStream::pair().unwrap();
    let (mut relay, output) = relay(peer, Record::Typed);
    fd::write(&output, b"x").unwrap();
    relay.wait(&mut Events::with_capacity(8), false).unwrap();
    while relay.work(Instant::now()) {}
    client.set_nonblocking(true).unwrap();
    let mut frame = [0; 4];
    client.read_exact(&mut frame).unwrap();
    assert!(matches!(frame, [0x88, _, 0x03, 0xef]), "{frame:02x?}");
}
