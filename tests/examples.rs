//! The programs in examples/ do what they say: each server against the client, and against a client of
//! other people.
#![cfg(unix)]
#![allow(
    dead_code,
    unused_attributes,
    reason = "their main functions, and what holds for a whole program"
)]

#[path = "../examples/talk.rs"]
mod talk;
#[path = "../examples/thread_per_client.rs"]
mod thread_per_client;
#[path = "../examples/tokio_echo.rs"]
mod tokio_echo;

#[cfg(test)]
mod examples {
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Arc;
    use std::thread;

    use tungstenite::Message;
    use websockd::blocking::Server;

    use super::{talk, thread_per_client, tokio_echo};

    #[test]
    fn the_threaded_server_answers() {
        let server = Arc::new(Server::bind("127.0.0.1:0").unwrap());
        let address = server.local_addr().unwrap();
        let serving = {
            let server = Arc::clone(&server);
            thread::spawn(move || thread_per_client::serve(&server))
        };
        converse(address);
        server.stop();
        serving.join().unwrap().unwrap();
    }

    #[test]
    fn the_server_under_tokio_answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::io::duplex(1);
        let serving = thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let serving = tokio::spawn(tokio_echo::serve(listener));
                let mut stopped = stopped;
                tokio::io::AsyncReadExt::read_u8(&mut stopped)
                    .await
                    .unwrap_err();
                serving.abort();
            });
        });
        converse(address);
        drop(stop);
        serving.join().unwrap();
    }

    /// Several clients, in turn and at once.
    fn converse(address: SocketAddr) {
        let messages = ["hello".to_owned(), String::new(), "ä".repeat(100_000)];
        let host = address.to_string();
        assert_eq!(talk::talk(&host, "/", &messages).unwrap(), messages);
        assert!(talk::talk(&host, "not a path", &messages).is_err());

        let mut clients = [(); 3].map(|()| {
            let stream = TcpStream::connect(address).unwrap();
            tungstenite::client(format!("ws://{address}/"), stream)
                .unwrap()
                .0
        });
        let messages = [
            Message::text("text"),
            Message::binary(vec![0xff; 200_000]),
            Message::Ping("ping".into()),
        ];
        for message in &messages {
            for client in &mut clients {
                client.send(message.clone()).unwrap();
            }
            for client in &mut clients {
                let expected = if let Message::Ping(payload) = message {
                    Message::Pong(payload.clone())
                } else {
                    message.clone()
                };
                assert!(client.read().unwrap() == expected);
            }
        }
        for client in &mut clients {
            client.close(None).unwrap();
            assert!(client.read().unwrap().is_close());
            assert!(matches!(
                client.read(),
                Err(tungstenite::Error::ConnectionClosed)
            ));
        }
    }
}
