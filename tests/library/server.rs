//! The listener: many clients, bad ones, and its end.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use websockd::blocking::{AcceptError, Acceptor, Client, Error, Server};
use websockd::frame::{CloseCode, Kind};
use websockd::handshake::Reject;

use super::streams::{PATIENCE, far};

fn server() -> (Arc<Server>, SocketAddr) {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    (Arc::new(server), address)
}

#[test]
fn a_bad_client_is_an_error_value_and_the_server_goes_on() {
    let (server, address) = server();
    let clients = thread::spawn(move || {
        let mut bad = TcpStream::connect(address).unwrap();
        bad.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut told = String::new();
        bad.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("HTTP/1.1 426 "), "{told}");
        drop(bad);
        drop(TcpStream::connect(address).unwrap());
        let mut ssh = TcpStream::connect(address).unwrap();
        ssh.write_all(&[b"SSH-2.0-a\n", &[b'a'; 100_000][..]].concat())
            .unwrap();
        let mut told = String::new();
        ssh.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
        drop(ssh);
        let stream = TcpStream::connect(address).unwrap();
        let mut good = Client::new("localhost", "/").attach(stream).unwrap();
        good.recv().unwrap()
    });
    let accepted = [(); 3].map(|()| server.accept().map(drop).unwrap_err());
    assert!(matches!(
        accepted[0],
        AcceptError::Client(Error::Rejected(Reject::NotUpgrade))
    ));
    assert!(matches!(accepted[1], AcceptError::Client(Error::Lost)));
    assert!(matches!(
        accepted[2],
        AcceptError::Client(Error::Rejected(Reject::Head(_)))
    ));
    server.accept().unwrap().send("welcome").unwrap();
    assert_eq!(clients.join().unwrap().as_deref(), Some(&b"welcome"[..]));
}

#[test]
fn a_silent_client_is_dropped_in_time() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.handshake_timeout(Duration::from_millis(30));
    let mut silent = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    silent.write_all(b"GET ").unwrap();
    let error = server.accept().map(drop).unwrap_err();
    assert!(
        matches!(error, AcceptError::Client(Error::TimedOut)),
        "{error:?}"
    );
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn on_loopback_only_local_names_are_answered() {
    let (server, address) = server();
    let client = thread::spawn(move || {
        let stream = TcpStream::connect(address).unwrap();
        let rebound = Client::new("rebound.example", "/").attach(stream);
        rebound.map(drop).unwrap_err()
    });
    let error = server.accept().map(drop).unwrap_err();
    assert!(
        matches!(error, AcceptError::Client(Error::Rejected(Reject::Host))),
        "{error:?}"
    );
    let error = client.join().unwrap();
    assert_eq!(error.to_string(), "the server answered with status 421");
}

#[test]
fn an_echo_with_a_thread_for_each_client_serves_many_at_a_time() {
    let (server, address) = server();
    let run = {
        let server = Arc::clone(&server);
        thread::spawn(move || server.run_echo(|client| drop(thread::spawn(|| client.echo()))))
    };
    let mut clients: Vec<_> = (0..20)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            Client::new("localhost", "/").attach(stream).unwrap()
        })
        .collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send_until(format!("client {i}"), far()).unwrap();
        client
            .send_message_until(Kind::Binary, [255], far())
            .unwrap();
    }
    for (i, client) in clients.iter_mut().enumerate().rev() {
        let back = client.recv_until(far()).unwrap().unwrap();
        assert_eq!(back, format!("client {i}").as_bytes());
        let back = client.recv_message_until(far()).unwrap().unwrap();
        assert_eq!((back.kind, back.payload), (Kind::Binary, vec![255]));
    }
    server.stop();
    run.join().unwrap().unwrap();
    // Those that are there stay.
    let mut client = clients.pop().unwrap();
    client.send("still there").unwrap();
    assert_eq!(client.recv().unwrap().as_deref(), Some(&b"still there"[..]));
    client.close_until(CloseCode::NORMAL, "", far()).unwrap();
}

#[test]
fn a_stop_wakes_everybody_who_waits() {
    let (server, _) = server();
    let begun = Instant::now();
    let waiting: Vec<_> = [None, None, Some(far()), Some(far())]
        .into_iter()
        .map(|deadline| {
            let server = Arc::clone(&server);
            thread::spawn(move || server.accept_until(deadline).map(drop).unwrap_err())
        })
        .collect();
    // Whether they wait already or come later: all are told.
    thread::park_timeout(Duration::from_millis(20));
    server.stop();
    for waiting in waiting {
        let error = waiting.join().unwrap();
        assert!(matches!(error, AcceptError::Stopped), "{error:?}");
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(matches!(server.next_arrival(), Err(AcceptError::Stopped)));
}

#[test]
fn a_call_that_waits_for_its_turn_keeps_its_deadline() {
    let (server, _) = server();
    let first = {
        let server = Arc::clone(&server);
        thread::spawn(move || server.accept().map(drop).unwrap_err())
    };
    let deadline = Instant::now() + Duration::from_millis(40);
    let error = server.accept_until(deadline).map(drop).unwrap_err();
    assert!(matches!(error, AcceptError::TimedOut), "{error:?}");
    assert!(Instant::now() >= deadline);
    server.stop();
    assert!(matches!(first.join().unwrap(), AcceptError::Stopped));
}

#[test]
fn a_unix_socket_is_served_alike() {
    let name = format!("{}-library.sock", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let server = Arc::new(Server::bind_unix(&path).unwrap());
    assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
    let run = {
        let server = Arc::clone(&server);
        thread::spawn(move || server.run_echo(|client| drop(client.echo())))
    };
    for _ in 0..3 {
        let stream = UnixStream::connect(&path).unwrap();
        let mut client = Client::new("localhost", "/")
            .attach_until(stream, far())
            .unwrap();
        client.send("Hello").unwrap();
        assert_eq!(client.recv().unwrap().as_deref(), Some(&b"Hello"[..]));
        client.close(CloseCode::NORMAL, "").unwrap();
    }
    assert!(server.accept_until(Instant::now()).is_err());
    server.stop();
    run.join().unwrap().unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn an_arrival_tells_who_it_is_before_it_has_said_anything() {
    let (server, address) = server();
    let stream = TcpStream::connect(address).unwrap();
    let arrival = server.next_arrival().unwrap();
    assert_eq!(*arrival.peer_addr(), stream.local_addr().unwrap());
    let theirs = arrival.into_stream();
    assert_eq!(theirs.peer_addr().unwrap(), stream.local_addr().unwrap());
}

#[test]
fn a_listener_that_does_not_wait_is_made_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = Server::new(listener).unwrap();
    let server = Arc::new(server.acceptor(Acceptor::new().kind(Kind::Binary)));
    let address = server.local_addr().unwrap();
    let accepting = {
        let server = Arc::clone(&server);
        thread::spawn(move || server.accept().unwrap().recv().unwrap())
    };
    thread::park_timeout(Duration::from_millis(20));
    let stream = TcpStream::connect(address).unwrap();
    let mut client = Client::new("localhost", "/")
        .kind(Kind::Binary)
        .attach(stream)
        .unwrap();
    client.send([1, 2, 3]).unwrap();
    assert_eq!(accepting.join().unwrap(), Some(vec![1, 2, 3]));
}
