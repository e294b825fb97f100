//! Measures of how much passes: echo with a window, and floods either way.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{setsockopt, sockopt};

use crate::client::{self, Client, Flood, PATIENCE, TEXT, frame};
use crate::measure::Taken;
use crate::server::Server;

/// What comes before the clock starts, as a part of the time measured.
const WARM_UP: u32 = 5;

/// Lines out and back with so many on their way, per second over all connections.
pub(crate) fn echo(
    server: &Server,
    connections: usize,
    size: usize,
    window: u64,
    time: Duration,
) -> io::Result<Taken> {
    let flood = Flood::new(size);
    let mut memory = vec![0; client::BLOCK];
    let mut echoes = (0..connections)
        .map(|_| Echo::start(server, &flood, window))
        .collect::<io::Result<Vec<_>>>()?;
    let ready = Ready::new(&echoes)?;
    run(&mut echoes, &ready, time / WARM_UP, &mut memory)?;
    let (messages, seconds) = run(&mut echoes, &ready, time, &mut memory)?;
    for echo in &echoes {
        echo.client.expect_size(size)?;
    }
    let all = echoes.iter().map(|echo| echo.client.answers.messages);
    Ok(Taken {
        values: vec![messages as f64 / seconds],
        operations: all.sum(),
    })
}

/// Goes on for this time; returns the messages echoed and the seconds it really took.
fn run(
    echoes: &mut [Echo<'_>],
    ready: &Ready,
    time: Duration,
    memory: &mut [u8],
) -> io::Result<(u64, f64)> {
    let start = Instant::now();
    let mut messages = 0;
    let mut events = [EpollEvent::empty(); 64];
    while start.elapsed() < time {
        for index in ready.wait(&mut events)? {
            messages += echoes[index].turn(memory)?;
        }
    }
    Ok((messages, start.elapsed().as_secs_f64()))
}

/// One connection with lines on their way.
struct Echo<'a> {
    client: Client,
    flood: &'a Flood,
}

impl<'a> Echo<'a> {
    fn start(server: &Server, flood: &'a Flood, window: u64) -> io::Result<Self> {
        let client = Client::connect(server.address)?;
        // Holds all that is ever on its way, so that a write never waits for a read of ours.
        setsockopt(&client.stream, sockopt::SndBuf, &(1 << 20)).map_err(io::Error::from)?;
        let mut echo = Self { client, flood };
        echo.send(window)?;
        Ok(echo)
    }

    fn send(&mut self, frames: u64) -> io::Result<()> {
        let (block, count) = self.flood.block();
        let mut left = frames;
        while left > 0 {
            let now = left.min(count);
            self.client
                .send(&block[..now as usize * self.flood.frame_length()])?;
            left -= now;
        }
        Ok(())
    }

    /// Takes what has come and sends as many lines again.
    fn turn(&mut self, memory: &mut [u8]) -> io::Result<u64> {
        let before = self.client.answers.messages;
        self.client.receive(memory)?;
        let messages = self.client.answers.messages - before;
        self.send(messages)?;
        Ok(messages)
    }
}

/// Which connections have something to read. One connection alone is simply read from: waiting first
/// would be a system call for nothing.
struct Ready(Option<Epoll>);

impl Ready {
    fn new(echoes: &[Echo<'_>]) -> io::Result<Self> {
        if echoes.len() == 1 {
            return Ok(Self(None));
        }
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (index, echo) in echoes.iter().enumerate() {
            epoll.add(
                &echo.client.stream,
                EpollEvent::new(EpollFlags::EPOLLIN, index as u64),
            )?;
        }
        Ok(Self(Some(epoll)))
    }

    fn wait<'a>(
        &self,
        events: &'a mut [EpollEvent],
    ) -> io::Result<impl Iterator<Item = usize> + use<'a>> {
        let count = match &self.0 {
            Some(epoll) => {
                epoll.wait(events, EpollTimeout::from(PATIENCE.as_secs() as u16 * 1000))?
            }
            None => 1,
        };
        match count {
            0 => Err(io::Error::other(format!("nothing moved for {PATIENCE:?}"))),
            _ => Ok(events[..count].iter().map(|event| event.data() as usize)),
        }
    }
}

/// The client floods, the service counts: lines per second, to the service's answer at the end.
pub(crate) fn sink(server: &Server, size: usize, time: Duration) -> io::Result<Taken> {
    let flood = Flood::new(size);
    let mut memory = vec![0; client::BLOCK];
    let mut client = Client::connect(server.address)?;
    sink_for(&mut client, &flood, time / WARM_UP)?;
    let (before, start) = (count(&mut client, &mut memory)?, Instant::now());
    let sent = sink_for(&mut client, &flood, time)?;
    let after = count(&mut client, &mut memory)?;
    let seconds = start.elapsed().as_secs_f64();
    match (after.0 - before.0, after.1 - before.1) {
        (lines, bytes) if lines == sent && bytes == sent * (size as u64 + 1) => Ok(Taken {
            values: vec![sent as f64 / seconds],
            operations: after.0,
        }),
        (lines, _) => Err(io::Error::other(format!(
            "{lines} of {sent} lines arrived whole"
        ))),
    }
}

/// Sends for this time; returns the number of lines.
fn sink_for(client: &mut Client, flood: &Flood, time: Duration) -> io::Result<u64> {
    let (block, count) = flood.block();
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < time {
        client.send(block)?;
        sent += count;
    }
    Ok(sent)
}

/// Asks the service how many lines and bytes have come so far.
pub(crate) fn count(client: &mut Client, memory: &mut [u8]) -> io::Result<(u64, u64)> {
    client.send(&frame(TEXT, b"END"))?;
    let answer = client.read_message(memory)?;
    let numbers = std::str::from_utf8(&answer).ok().and_then(|text| {
        let (lines, bytes) = text.trim().split_once(' ')?;
        Some((lines.parse().ok()?, bytes.parse().ok()?))
    });
    numbers.ok_or_else(|| io::Error::other(format!("no count: {}", answer.escape_ascii())))
}

/// The service floods, the client counts: lines per second.
pub(crate) fn source(server: &Server, size: usize, time: Duration) -> io::Result<Taken> {
    let mut memory = vec![0; client::BLOCK];
    let mut client = Client::connect(server.address)?;
    client.stream.write_all(&frame(TEXT, b"go"))?;
    source_for(&mut client, time / WARM_UP, &mut memory)?;
    let (before, start) = (client.answers.messages, Instant::now());
    source_for(&mut client, time, &mut memory)?;
    let seconds = start.elapsed().as_secs_f64();
    client.expect_size(size)?;
    let messages = client.answers.messages - before;
    Ok(Taken {
        values: vec![messages as f64 / seconds],
        operations: client.answers.messages,
    })
}

fn source_for(client: &mut Client, time: Duration, memory: &mut [u8]) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        client.receive(memory)?;
    }
    Ok(())
}
