//! What many clients cost that do nothing.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, TEXT, frame, line};
use crate::measure::Taken;
use crate::server::Server;
use crate::system::{self, Memory};

/// From the last byte moved to the first look: what is only held while bytes move is gone by then.
const SETTLE: Duration = Duration::from_secs(1);

/// What the machine may have more or less than a moment before when it is at rest, in KiB, and for how
/// long that is waited for: what another server has left behind is freed long after its end.
const REST: f64 = 256.0;
const MAX_UNREST: u32 = 20;

/// How long nothing is done while processor time is counted.
const IDLE: Duration = Duration::from_secs(2);

/// Connects clients, lets each move lines of 1 KiB, and looks at what one of them costs in KiB: the
/// server's processes, the kernel's own, all that is no longer free; and at the processor time, in
/// percent, that all of them take while nothing moves.
pub(crate) fn idle(server: &Server, clients: usize, lines: u64) -> io::Result<Taken> {
    let mut memory = vec![0; 4096];
    let frame = frame(TEXT, &line(1024));
    // One client comes and goes first: what a server sets up only once is no client's cost.
    drop(Client::connect(server.address)?);
    let before = settled();
    let mut all = Vec::with_capacity(clients);
    for _ in 0..clients {
        all.push(Client::connect(server.address)?);
    }
    for client in &mut all {
        for _ in 0..lines {
            client.send(&frame)?;
            client.await_message(&mut memory)?;
        }
    }
    let after = settled();
    let processes = server.processes();
    let busy = busy(&processes);
    let share = |size: f64| size / clients as f64;
    Ok(Taken::of(vec![
        share(system::proportional_size(&processes)),
        share(after.kernel - before.kernel),
        share(after.used - before.used),
        busy * 100.0,
    ]))
}

/// The machine's memory when it does not change any more.
fn settled() -> Memory {
    let mut last = Memory::now();
    for _ in 0..MAX_UNREST {
        thread::sleep(SETTLE);
        let now = Memory::now();
        if (now.used - last.used).abs() < REST && (now.kernel - last.kernel).abs() < REST {
            return now;
        }
        last = now;
    }
    last
}

/// The share of one processor that the processes take while nothing moves.
fn busy(processes: &[u32]) -> f64 {
    let (before, start) = (system::processor_time(processes), Instant::now());
    thread::sleep(IDLE);
    let used = system::processor_time(processes) - before;
    used.as_secs_f64() / start.elapsed().as_secs_f64()
}
