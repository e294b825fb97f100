//! A stream in memory: two rings of bytes, and what a socket has of deadlines.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use websockd::blocking::Deadline;

/// A test that waits so long for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a stream in memory.
#[derive(Debug)]
pub(super) struct Pipe {
    inbound: Arc<Direction>,
    outbound: Arc<Direction>,
    /// Bytes a read or write moves at most.
    grain: usize,
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Direction {
    ring: Mutex<Ring>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Ring {
    bytes: VecDeque<u8>,
    is_ended: bool,
}

impl Pipe {
    /// Two ends, with room for `capacity` bytes each way; each call moves `grain` bytes at most.
    pub(super) fn pair(capacity: usize, grain: usize) -> (Self, Self) {
        let direction = || {
            Arc::new(Direction {
                ring: Mutex::default(),
                changed: Condvar::new(),
                capacity,
            })
        };
        let (a, b) = (direction(), direction());
        let end = |inbound: &Arc<_>, outbound: &Arc<_>| Self {
            inbound: Arc::clone(inbound),
            outbound: Arc::clone(outbound),
            grain,
            deadline: None,
        };
        (end(&a, &b), end(&b, &a))
    }

    /// Until when it waits now.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Direction {
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap()
    }

    /// Waits until `is_ready`.
    fn wait(
        &self,
        deadline: Option<Instant>,
        is_ready: impl Fn(&Ring) -> bool,
    ) -> io::Result<MutexGuard<'_, Ring>> {
        let end = deadline.unwrap_or_else(|| Instant::now() + PATIENCE);
        let mut ring = self.lock();
        while !is_ready(&ring) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                assert!(deadline.is_some(), "nothing comes, and nothing is read");
                return Err(io::ErrorKind::WouldBlock.into());
            }
            ring = self.changed.wait_timeout(ring, left).unwrap().0;
        }
        Ok(ring)
    }

    fn end(&self) {
        self.lock().is_ended = true;
        self.changed.notify_all();
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let is_ready = |ring: &Ring| !ring.bytes.is_empty() || ring.is_ended;
        let mut ring = self.inbound.wait(self.deadline, is_ready)?;
        let len = into.len().min(self.grain).min(ring.bytes.len());
        for (to, byte) in into.iter_mut().zip(ring.bytes.drain(..len)) {
            *to = byte;
        }
        self.inbound.changed.notify_all();
        Ok(len)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let capacity = self.outbound.capacity;
        let is_ready = |ring: &Ring| ring.bytes.len() < capacity || ring.is_ended;
        let mut ring = self.outbound.wait(self.deadline, is_ready)?;
        if ring.is_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = capacity - ring.bytes.len();
        let len = bytes.len().min(self.grain).min(room);
        ring.bytes.extend(&bytes[..len]);
        self.outbound.changed.notify_all();
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deadline for Pipe {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.deadline = deadline;
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.inbound.end();
        self.outbound.end();
    }
}
