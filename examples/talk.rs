//! A client: sends its arguments as messages and prints what comes back, then leaves the WebSocket in
//! order.
//!
//! ```sh
//! cargo run --example talk -- localhost:8080 /chat hello world
//! ```
#![expect(clippy::print_stdout, reason = "a program says what it has received")]

use std::env;
use std::error::Error;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use websockd::blocking::Client;
use websockd::frame::CloseCode;

/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let host = arguments
        .next()
        .ok_or("usage: talk HOST:PORT PATH [MESSAGE]...")?;
    let path = arguments
        .next()
        .ok_or("usage: talk HOST:PORT PATH [MESSAGE]...")?;
    let messages: Vec<String> = arguments.collect();
    for answer in talk(&host, &path, &messages)? {
        println!("{answer}");
    }
    Ok(())
}

/// Sends messages, and returns the answer to each.
pub(crate) fn talk(
    host: &str,
    path: &str,
    messages: &[String],
) -> Result<Vec<String>, Box<dyn Error>> {
    let deadline = || Instant::now() + PATIENCE;
    let stream = TcpStream::connect(host)?;
    let mut socket = Client::new(host, path).attach_until(stream, deadline())?;
    let mut answers = Vec::new();
    for message in messages {
        socket.send_until(message, deadline())?;
        match socket.recv_until(deadline())? {
            Some(answer) => answers.push(String::from_utf8(answer)?),
            None => break,
        }
    }
    socket.close_until(CloseCode::NORMAL, "", deadline())?;
    Ok(answers)
}
