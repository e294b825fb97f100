//! An echo server with a thread for each client.
//!
//! ```sh
//! cargo run --example thread_per_client -- 127.0.0.1:8080
//! ```
#![expect(clippy::print_stderr, reason = "a program says what it does")]

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use websockd::blocking::{AcceptError, Arrival, Error, Server};
use websockd::frame::CloseCode;

/// A client that says nothing for so long is sent away.
const MAX_SILENCE: Duration = Duration::from_secs(60);

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8080"))?;
    let server = Arc::new(Server::new(listener)?);
    eprintln!("listening on {}", server.local_addr()?);
    serve(&server)
}

/// Serves clients until the server is stopped, from another thread.
pub(crate) fn serve(server: &Server) -> io::Result<()> {
    loop {
        match server.next_arrival() {
            Ok(client) => {
                // The handshake is the thread's too: a slow client keeps nobody waiting.
                thread::spawn(move || {
                    let peer = *client.peer_addr();
                    match talk(client) {
                        Ok(()) => eprintln!("{peer}: closed"),
                        Err(error) => eprintln!("{peer}: {error} ({:?}'s fault)", error.blame()),
                    }
                });
            }
            Err(AcceptError::Stopped) => return Ok(()),
            Err(error) => {
                // No descriptor left, perhaps: somebody may leave in the meantime.
                eprintln!("{error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn talk(client: Arrival) -> Result<(), Error> {
    let mut socket = client.handshake()?;
    loop {
        match socket.recv_message_until(Instant::now() + MAX_SILENCE) {
            Ok(Some(message)) => socket.send_message(message.kind, message.payload)?,
            Ok(None) => return Ok(()),
            Err(Error::TimedOut) => {
                let soon = Instant::now() + Duration::from_secs(2);
                return socket.close_until(CloseCode::GOING_AWAY, "you say nothing", soon);
            }
            Err(error) => return Err(error),
        }
    }
}
