//! Measures of memory where a server might take ever more of it.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Client, Flood, TEXT, frame, header, line, masked};
use crate::flow;
use crate::measure::Taken;
use crate::server::Server;
use crate::system;

/// From the handshake to the first look at memory.
const SETTLE: Duration = Duration::from_millis(200);

/// What the server's processes have when nothing has moved yet, to compare with.
struct Growth(Vec<(u32, f64)>);

impl Growth {
    fn start(server: &Server) -> Self {
        thread::sleep(SETTLE);
        let processes = server.processes().into_iter();
        Self(
            processes
                .map(|process| (process, system::restart_peak(process)))
                .collect(),
        )
    }

    /// KiB that their peaks are higher, together.
    fn kibibytes(&self) -> io::Result<f64> {
        let growth = |(process, before): &(u32, f64)| Some(system::peak_size(*process)? - before);
        let growths: Option<Vec<_>> = self.0.iter().map(growth).collect();
        let growths = growths.ok_or_else(|| io::Error::other("a process has ended"))?;
        Ok(growths.into_iter().sum())
    }
}

/// The service floods and the client does not read.
pub(crate) fn stalled_client(server: &Server, time: Duration) -> io::Result<Taken> {
    let mut client = Client::connect(server.address)?;
    let growth = Growth::start(server);
    client.send(&frame(TEXT, b"go"))?;
    thread::sleep(2 * time);
    Ok(Taken::of(vec![growth.kibibytes()?]))
}

/// The client floods and the service does not read.
pub(crate) fn stalled_service(server: &Server, time: Duration) -> io::Result<Taken> {
    let flood = Flood::new(1024);
    let mut client = Client::connect(server.address)?;
    let growth = Growth::start(server);
    client.stream.set_write_timeout(Some(time))?;
    loop {
        match client.stream.write(flood.block().0) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Taken::of(vec![growth.kibibytes()?]))
}

/// The service sends one line; growth, and MiB per second.
pub(crate) fn long_line(server: &Server, size: usize) -> io::Result<Taken> {
    let mut memory = vec![0; client::BLOCK];
    let mut client = Client::connect(server.address)?;
    let growth = Growth::start(server);
    let start = Instant::now();
    client.send(&frame(TEXT, b"go"))?;
    client.await_message(&mut memory)?;
    let seconds = start.elapsed().as_secs_f64();
    client.expect_size(size)?;
    Ok(Taken::of(vec![
        growth.kibibytes()?,
        mebibytes(size) / seconds,
    ]))
}

/// The client sends one message; growth, and MiB per second.
pub(crate) fn long_message(server: &Server, size: usize) -> io::Result<Taken> {
    let block: Vec<_> = masked(&line(client::BLOCK)).collect();
    let mut memory = vec![0; client::BLOCK];
    let mut client = Client::connect(server.address)?;
    let growth = Growth::start(server);
    let start = Instant::now();
    client.send(&header(TEXT, size as u64))?;
    for _ in 0..size / block.len() {
        client.send(&block)?;
    }
    let (lines, bytes) = flow::count(&mut client, &mut memory)?;
    let seconds = start.elapsed().as_secs_f64();
    match (lines, bytes) {
        (1, bytes) if bytes == size as u64 + 1 => Ok(Taken::of(vec![
            growth.kibibytes()?,
            mebibytes(size) / seconds,
        ])),
        _ => Err(io::Error::other(format!(
            "{bytes} of {size} bytes in {lines} lines"
        ))),
    }
}

fn mebibytes(size: usize) -> f64 {
    size as f64 / f64::from(1 << 20)
}
