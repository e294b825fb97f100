//! Measures of how long things take: connecting, and one line out and back.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Client, TEXT, Times, frame, line};
use crate::measure::Taken;
use crate::server::Server;
use crate::statistics::percentile;

/// Connections made before the clock starts, by each of those at a time.
const WARM_UP: usize = 10;

/// Connects, echoes one line and closes, so many at a time: per second, and when 101 and echo came.
pub(crate) fn connect(server: &Server, at_once: usize, time: Duration) -> io::Result<Taken> {
    let line = frame(TEXT, &line(16));
    let first = each(at_once, || {
        visits(server.address, &line, |count, _| count < WARM_UP)
    })?;
    let start = Instant::now();
    let times = each(at_once, || {
        visits(server.address, &line, |_, since| since < time)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let opened = micros(times.iter().map(|times| times.opened));
    let answered = micros(times.iter().map(|times| times.answered));
    Ok(Taken {
        values: vec![
            times.len() as f64 / seconds,
            percentile(&opened, 0.5),
            percentile(&opened, 0.99),
            percentile(&answered, 0.5),
            percentile(&answered, 0.99),
        ],
        operations: (first.len() + times.len()) as u64,
    })
}

/// Does the same in several threads: blocking calls cost less than a readiness loop around them.
fn each<T: Send>(
    threads: usize,
    work: impl Fn() -> io::Result<Vec<T>> + Sync,
) -> io::Result<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("it does not panic")?);
        }
        Ok(all)
    })
}

fn visits(
    address: SocketAddr,
    line: &[u8],
    goes_on: impl Fn(usize, Duration) -> bool,
) -> io::Result<Vec<Times>> {
    let mut memory = [0; 4096];
    let start = Instant::now();
    let mut all = Vec::new();
    while goes_on(all.len(), start.elapsed()) {
        all.push(client::visit(address, line, &mut memory)?);
    }
    Ok(all)
}

/// One line out and back, again and again; the first answers are compared with what was sent.
pub(crate) fn round_trip(server: &Server, size: usize, time: Duration) -> io::Result<Taken> {
    let line = line(size);
    let frame = frame(TEXT, &line);
    let mut memory = vec![0; client::BLOCK];
    let mut client = Client::connect(server.address)?;
    for _ in 0..WARM_UP {
        client.send(&frame)?;
        if client.read_message(&mut memory)? != line {
            return Err(io::Error::other("the answer is not what was sent"));
        }
    }
    let mut times = Vec::with_capacity(1 << 16);
    let start = Instant::now();
    while start.elapsed() < time {
        let start = Instant::now();
        client.send(&frame)?;
        client.await_message(&mut memory)?;
        times.push(start.elapsed());
    }
    let times = micros(times.into_iter());
    Ok(Taken {
        values: vec![percentile(&times, 0.5), percentile(&times, 0.99)],
        operations: client.answers.messages,
    })
}

fn micros(times: impl Iterator<Item = Duration>) -> Vec<f64> {
    let mut micros: Vec<_> = times.map(|time| time.as_secs_f64() * 1e6).collect();
    micros.sort_by(f64::total_cmp);
    micros
}
