//! What a running program writes, line by line, without waiting longer than is due.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The lines of one pipe.
#[derive(Debug)]
pub(super) struct Lines {
    coming: Receiver<String>,
    seen: String,
}

impl Lines {
    /// Those that come out of `pipe`.
    pub(super) fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, coming) = channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            coming,
            seen: String::new(),
        }
    }

    /// The next line that `is_it`.
    ///
    /// # Panics
    /// If none comes within `patience`.
    pub(super) fn wait_for(&mut self, patience: Duration, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.coming.recv_timeout(rest) else {
                panic!("it was not among\n{}", self.seen);
            };
            self.note(&line);
            if is_it(&line) {
                return line;
            }
        }
    }

    /// Reads on until nobody is left who could write; `false` if `patience` is over before.
    pub(super) fn wait_for_end(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.coming.recv_timeout(rest) {
                Ok(line) => self.note(&line),
                Err(reason) => return reason == std::sync::mpsc::RecvTimeoutError::Disconnected,
            }
        }
    }

    /// All lines that were read so far.
    pub(super) fn seen(&self) -> String {
        self.seen.clone()
    }

    fn note(&mut self, line: &str) {
        self.seen.push_str(line);
        self.seen.push('\n');
    }
}
