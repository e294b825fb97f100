//! Deadlines: what can be done is done, what cannot be is not waited for, and nothing is lost.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use websockd::blocking::{
    Acceptor, Client, Error, Options, Server, State, WebSocket, WithDeadline,
};
use websockd::frame::{CloseCode, Opcode, Role};

use super::peer::{masked, read_unmasked};
use super::streams::{self, PATIENCE, Stream, far, joined, over_each_stream, past};

/// How long a test lets a call wait in vain.
const A_WHILE: Duration = Duration::from_millis(40);

over_each_stream!(
    a_past_deadline_returns_at_once,
    a_deadline_is_kept_and_not_before_its_time,
    a_frame_that_comes_byte_by_byte_is_gathered_over_many_timeouts,
    a_message_that_cannot_leave_stays_and_leaves_later,
    a_handshake_goes_on_where_it_was_interrupted,
    a_close_is_waited_for_again,
);

fn a_past_deadline_returns_at_once<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(server.recv_until(past()).unwrap_err().is_timeout());
        assert!(server.recv_frame_until(past()).unwrap_err().is_timeout());
    }
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    client.send_until("now", past()).unwrap();
    client.flush().unwrap();
    let message = server.recv_until(far()).unwrap();
    assert_eq!(message.as_deref(), Some(&b"now"[..]));
    // What has come is had without waiting.
    client.send("there").unwrap();
    let message = receive_without_waiting(&mut server);
    assert_eq!(message, b"there");
    // And afterwards the stream waits again.
    let echo = thread::spawn(move || server.recv().unwrap().unwrap());
    client.send("waited for").unwrap();
    assert_eq!(echo.join().unwrap(), b"waited for");
}

/// What has been written to a socket by this very thread can be read from it.
fn receive_without_waiting<S: Stream>(socket: &mut WebSocket<S>) -> Vec<u8> {
    let end = far();
    loop {
        match socket.recv_until(past()) {
            Err(error) if error.is_timeout() => assert!(Instant::now() < end, "it never comes"),
            outcome => return outcome.unwrap().unwrap(),
        }
    }
}

fn a_deadline_is_kept_and_not_before_its_time<S: Stream>(pair: (S, S)) {
    let (mut client, _server) = joined(pair, &Options::new());
    let deadline = Instant::now() + A_WHILE;
    assert!(client.recv_until(deadline).unwrap_err().is_timeout());
    assert!(Instant::now() >= deadline);
    let deadline = Instant::now() + A_WHILE;
    let error = client.recv_into_until(&mut [0; 9], deadline).unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(Instant::now() >= deadline);
    assert_eq!(client.state(), State::Open);
}

fn a_frame_that_comes_byte_by_byte_is_gathered_over_many_timeouts<S: Stream>(
    (mut raw, there): (S, S),
) {
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    let payload = vec![b'a'; 300];
    let frame = masked(0x81, &payload);
    let (last, first) = frame.split_last().unwrap();
    for byte in first {
        raw.write_all(&[*byte]).unwrap();
        assert!(server.recv_until(past()).unwrap_err().is_timeout());
    }
    raw.write_all(&[*last]).unwrap();
    assert_eq!(server.recv_until(far()).unwrap(), Some(payload));
}

fn a_message_that_cannot_leave_stays_and_leaves_later<S: Stream>(pair: (S, S)) {
    let options = Options::new().max_message_len(None);
    let (mut client, mut server) = joined(pair, &options);
    let long = "0123456789".repeat(100_000);
    let mut count = 0;
    while client.is_flushed() {
        client.send_until(&long, past()).unwrap();
        count += 1;
    }
    for refused in [
        client.send_until("not taken", past()),
        client.ping_until("not taken", past()),
        client.start_close_until(CloseCode::NORMAL, "not taken", past()),
        client.flush_until(Instant::now() + A_WHILE),
    ] {
        assert!(refused.unwrap_err().is_timeout());
    }
    let reader = thread::spawn(move || {
        for _ in 0..count {
            assert!(server.recv().unwrap().unwrap() == long.as_bytes());
        }
        (server.recv().unwrap(), server)
    });
    client.flush_until(far()).unwrap();
    assert!(client.is_flushed());
    client.send("next").unwrap();
    let (next, _server) = reader.join().unwrap();
    assert_eq!(next.as_deref(), Some(&b"next"[..]));
}

fn a_handshake_goes_on_where_it_was_interrupted<S: Stream>((here, there): (S, S)) {
    let mut client = Client::new("localhost", "/a?b").start(here).unwrap();
    let mut server = Acceptor::new().start(there, &[]);
    assert_eq!(
        (client.state(), server.state()),
        (State::Connecting, State::Connecting)
    );
    let end = far();
    while client.state() != State::Open || server.state() != State::Open {
        assert!(Instant::now() < end, "the handshake does not end");
        for outcome in [
            client.handshake_until(past()),
            server.handshake_until(past()),
        ] {
            assert!(outcome.is_ok() || outcome.unwrap_err().is_timeout());
        }
    }
    assert_eq!(server.request().unwrap().target(), "/a?b");
    assert_eq!(client.response().unwrap().status(), 101);
    client.send("joined").unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"joined"[..]));
}

fn a_close_is_waited_for_again<S: Stream>(pair: (S, S)) {
    let (mut client, mut server) = joined(pair, &Options::new());
    for _ in 0..3 {
        let error = client
            .close_until(CloseCode::NORMAL, "bye", past())
            .unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(client.state(), State::Closing);
    }
    server.send("said before the answer").unwrap();
    assert_eq!(server.recv().unwrap(), None);
    client.close_until(CloseCode::NORMAL, "bye", far()).unwrap();
    assert_eq!(client.state(), State::Closed);
    assert_eq!(server.state(), State::Closed);
    assert_eq!(server.peer_close().unwrap().reason, "bye");
}

#[test]
fn a_detach_that_takes_too_long_gives_the_websocket_back() {
    let (client, mut server) = joined(streams::memory(), &Options::new());
    let (error, client) = client.detach_until(past()).unwrap_err().into_parts();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(server.recv().unwrap(), None);
    let (stream, unread) = client.detach_until(far()).unwrap().into_parts();
    assert_eq!(unread, b"");
    assert_eq!(stream.deadline(), None);
}

#[test]
fn a_peer_that_sends_without_end_does_not_hold_a_call_beyond_its_deadline() {
    let (mut raw, there) = streams::memory();
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    let flood = thread::spawn(move || {
        let pings = masked(0x89, b"").repeat(1000);
        while raw.write_all(&pings).is_ok() {}
    });
    let end = far();
    for _ in 0..20 {
        // Nobody reads the pongs, so this ends by that or by the flood.
        assert!(
            server
                .recv_until(Instant::now() + A_WHILE / 10)
                .unwrap_err()
                .is_timeout()
        );
    }
    assert!(Instant::now() < end);
    drop(server);
    flood.join().unwrap();
}

#[test]
fn while_an_answer_cannot_leave_the_peer_is_heard_all_the_same() {
    let (mut raw, there) = streams::memory();
    let mut server = WebSocket::without_handshake(there, Role::Server, &[], &Options::new());
    server.send_until("a".repeat(1_000_000), past()).unwrap();
    raw.write_all(&masked(0x89, b"old")).unwrap();
    raw.write_all(&masked(0x89, b"new")).unwrap();
    raw.write_all(&masked(0x81, b"Hello")).unwrap();
    assert_eq!(receive_without_waiting(&mut server), b"Hello");
    // Of the pongs only the newest waits.
    let reader = thread::spawn(move || {
        let mut header = [0; 10];
        std::io::Read::read_exact(&mut raw, &mut header).unwrap();
        let mut payload = vec![0; 1_000_000];
        std::io::Read::read_exact(&mut raw, &mut payload).unwrap();
        assert_eq!(read_unmasked(&mut raw), (0x8a, b"new".to_vec()));
        raw
    });
    server.flush_until(far()).unwrap();
    reader.join().unwrap();
}

#[test]
fn a_stream_that_does_not_wait_itself_times_out_without_a_deadline() {
    let (here, there) = streams::unix();
    there.set_nonblocking(true).unwrap();
    let (mut client, mut server) = joined((here, there), &Options::new());
    assert!(server.recv().unwrap_err().is_timeout());
    client.send("Hello").unwrap();
    assert_eq!(server.recv().unwrap().as_deref(), Some(&b"Hello"[..]));
}

#[test]
fn a_stream_without_deadlines_is_given_them() {
    struct Foreign(std::os::unix::net::UnixStream);
    impl std::io::Read for Foreign {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(into)
        }
    }
    impl Write for Foreign {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }
    let wrap = |stream| {
        WithDeadline::new(Foreign(stream), |foreign: &mut Foreign, deadline| {
            websockd::blocking::Deadline::set_deadline(&mut foreign.0, deadline)
        })
    };
    let (here, there) = streams::unix();
    let (mut client, mut server) = joined((wrap(here), wrap(there)), &Options::new());
    assert!(server.recv_until(past()).unwrap_err().is_timeout());
    client
        .send_frame_until(Opcode::Text, true, "Hello", far())
        .unwrap();
    assert_eq!(receive_without_waiting(&mut server), b"Hello");
}

#[test]
fn a_borrowed_socket_will_do() {
    let (here, there) = streams::tcp();
    let (mut client, mut server) = joined((&here, &there), &Options::new());
    client.send_until("Hello", far()).unwrap();
    assert_eq!(
        server.recv_until(far()).unwrap().as_deref(),
        Some(&b"Hello"[..])
    );
    drop((client, server));
    (&here).write_all(b"plain").unwrap();
}

#[test]
fn a_server_waits_for_clients_until_its_deadline() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let timed_out = |deadline| {
        let error = server.accept_until(deadline).unwrap_err();
        matches!(error, websockd::blocking::AcceptError::TimedOut)
    };
    assert!(timed_out(past()));
    let deadline = Instant::now() + A_WHILE;
    assert!(timed_out(deadline));
    assert!(Instant::now() >= deadline);
    let address = server.local_addr().unwrap();
    let client = thread::spawn(move || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        let mut client = Client::new("localhost", "/")
            .attach_until(stream, far())
            .unwrap();
        client.recv_until(far()).unwrap()
    });
    let mut socket = server.accept_until(far()).unwrap();
    // The limit was the listener's: the client's stream waits as long as it takes.
    thread::park_timeout(A_WHILE);
    socket.send("Hello").unwrap();
    assert_eq!(client.join().unwrap().as_deref(), Some(&b"Hello"[..]));
    assert!(matches!(socket.recv(), Err(Error::Lost)));
}
