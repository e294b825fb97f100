//! The engine in a loop that is not ours: an echo server under tokio, from the first byte of the
//! request to the last of the closing handshake. The protocol's part has no I/O, so all that awaits is
//! written here.
//!
//! ```sh
//! cargo run --example tokio_echo -- 127.0.0.1:8080
//! ```
#![expect(clippy::print_stderr, reason = "a program says what it does")]

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use websockd::connection::{Connection, Event, Fault, Limits};
use websockd::frame::{CloseCode, Role};
use websockd::handshake::head::HeadScanner;
use websockd::handshake::server::{Place, Policy, judge};
use websockd::handshake::{Reject, Request};
use websockd::queue::Batch;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A silent client is pinged after this, and dropped after twice this.
const PING_EVERY: Duration = Duration::from_secs(30);

/// A server needs no masking key: what it passes for one is not used.
const NO_KEY: [u8; 4] = [0; 4];

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8080")).await?;
        eprintln!("listening on {}", listener.local_addr()?);
        serve(listener).await
    })
}

/// Serves clients, each in a task of its own, as long as there are any.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = talk(stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// One client, from its request to its end.
async fn talk(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let granted = timeout(HANDSHAKE_TIMEOUT, open(&mut stream)).await?;
    let received = granted?;
    echo(&mut stream, received).await?;
    // The server ends the stream first (RFC 6455 7.1.1), and reads until the client has: else a reset
    // could overtake the Close.
    stream.shutdown().await?;
    let mut rest = stream.take(64 * 1024);
    timeout(CLOSE_TIMEOUT, copy(&mut rest, &mut sink())).await??;
    Ok(())
}

/// The opening handshake. Returns what came behind the request: the first frames.
async fn open(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut received = Vec::new();
    let mut scanner = HeadScanner::new();
    let judged = loop {
        match scanner.scan(&received) {
            Ok(Some(len)) => break Ok(len),
            Ok(None) => {}
            Err(error) => break Err(Reject::from(error)),
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let policy = Policy::default();
    let place = Place {
        is_secure: false,
        is_loopback: stream.local_addr()?.ip().is_loopback(),
    };
    let mut response = Vec::new();
    let upgraded = judged.and_then(|len| {
        let upgrade = judge(&Request::parse(&received)?, &policy, &place)?;
        upgrade.write_response(&[], &mut response);
        Ok(len)
    });
    if let Err(reject) = upgraded {
        reject.write_response(&[], &mut response);
    }
    stream.write_all(&response).await?;
    match upgraded {
        Ok(len) => Ok(received.split_off(len)),
        Err(reject) => Err(io::Error::new(io::ErrorKind::InvalidData, reject)),
    }
}

/// The conversation; the steps are numbered as in the crate's documentation. A client that does not
/// read what it gets back is not read either: nothing is held but what one read brought.
async fn echo(stream: &mut TcpStream, received: Vec<u8>) -> io::Result<()> {
    let limits = Limits {
        max_message_len: Some(16 * 1024 * 1024),
    };
    let mut connection = Connection::new(Role::Server, limits);
    let mut buffer = received;
    let mut scratch = Vec::new();
    let (mut code, mut reason) = (None, String::new());
    loop {
        let mut batch = Batch::new(&mut scratch);
        if let Err(fault) = answer(&mut connection, &mut buffer, &mut batch) {
            (code, reason) = (Some(fault.close_code()), fault.to_string());
        }
        while let Some(frame) = connection.poll_control(NO_KEY) {
            stream.write_all(&frame).await?; // 3, before the messages
        }
        for slice in batch.slices(0) {
            stream.write_all(&slice).await?;
        }
        if !connection.can_receive() {
            break;
        }
        if !read(stream, &mut connection, &mut buffer).await? {
            (code, reason) = (Some(CloseCode::GOING_AWAY), "no sign of life".to_owned());
            break;
        }
    }
    if let Some(close) = connection.peer_close() {
        code = close.code;
    }
    if let Some(frame) = connection.close(code, &reason, NO_KEY) {
        stream.write_all(&frame).await?; // 5
    }
    Ok(())
}

/// Steps 2 and 4: what is heard is said.
fn answer<'i>(
    connection: &mut Connection,
    mut input: &'i mut [u8],
    batch: &mut Batch<'i, '_>,
) -> Result<(), Fault> {
    loop {
        match connection.receive(input)? {
            (None, _) => return Ok(()),
            (Some(event), rest) => {
                if let Event::Data(run) = event {
                    connection.send(run, NO_KEY, batch);
                }
                input = rest;
            }
        }
    }
}

/// Step 1: reads what comes next. After a while of silence it asks for a sign of life; false: none came.
async fn read(
    stream: &mut TcpStream,
    connection: &mut Connection,
    buffer: &mut Vec<u8>,
) -> io::Result<bool> {
    buffer.clear();
    buffer.reserve(16 * 1024);
    for has_asked in [false, true] {
        match timeout(PING_EVERY, stream.read_buf(buffer)).await {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => return Ok(true),
            Ok(Err(error)) => return Err(error),
            Err(_) if has_asked => break,
            Err(_) => {
                connection.ping(b"");
                if let Some(frame) = connection.poll_control(NO_KEY) {
                    stream.write_all(&frame).await?;
                }
            }
        }
    }
    Ok(false)
}
