//! The measures: what each is called, which numbers it yields, and what these should be against the first
//! peer. How they are taken is in the modules beside this one.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::server::{Program, Server};
use crate::{bounded, flow, latency, memory, system};

/// One measure: a server is started for it, and stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    /// Whole lives of connections, so many at a time.
    Connect { at_once: usize },
    /// One line out and back.
    RoundTrip { size: usize },
    /// The same with several lines on their way.
    Echo {
        connections: usize,
        size: usize,
        window: u64,
    },
    /// The client floods.
    Sink { size: usize },
    /// The service floods.
    Source { size: usize },
    /// Clients that are there and do nothing, each having moved so many lines of 1 KiB before.
    Idle { lines: u64 },
    /// A client that does not read what the service floods.
    StalledClient,
    /// A service that does not read what the client floods.
    StalledService,
    /// One very long line from the service.
    LongLine,
    /// One very long message from the client.
    LongMessage,
}

/// How much is done for one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) clients: usize,
    /// What is long: bytes of a line or message.
    pub(crate) long: usize,
}

impl Effort {
    pub(crate) const FULL: Self = Self {
        time: Duration::from_secs(1),
        clients: 1000,
        long: 1 << 30,
    };
    pub(crate) const QUICK: Self = Self {
        time: Duration::from_millis(200),
        clients: 50,
        long: 64 << 20,
    };
}

/// One number of a measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Behind the measure's name; may be empty.
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// Ours divided by the first peer's, as a bound.
    pub(crate) target: Target,
    /// Whether the README shows it.
    pub(crate) is_shown: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    PerSecond,
    MebibytesPerSecond,
    Microseconds,
    Kibibytes,
    /// Of one processor.
    Percent,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Ours itself, in the row's unit.
    ValueAtMost(f64),
    None,
}

const fn row(name: &'static str, unit: Unit, target: Target) -> Row {
    Row {
        name,
        unit,
        target,
        is_shown: true,
    }
}

const fn hidden(name: &'static str, unit: Unit) -> Row {
    Row {
        is_shown: false,
        ..row(name, unit, Target::None)
    }
}

impl Measure {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Connect { at_once: 1 }, Self::Connect { at_once: 16 }];
        all.extend([16, 128, 1024, 65536].map(|size| Self::RoundTrip { size }));
        for connections in [1, 32] {
            all.extend(
                [(16, 64), (128, 64), (1024, 32), (65536, 2)].map(|(size, window)| Self::Echo {
                    connections,
                    size,
                    window,
                }),
            );
        }
        let sizes = [16, 128, 1024, 65536, 1 << 20];
        all.extend(sizes.map(|size| Self::Sink { size }));
        all.extend(sizes.map(|size| Self::Source { size }));
        all.extend([0, 64].map(|lines| Self::Idle { lines }));
        all.extend([Self::StalledClient, Self::StalledService]);
        all.extend([Self::LongLine, Self::LongMessage]);
        all
    }

    /// The name: words with hyphens, for `--only`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Connect { at_once } => format!("connect-{at_once}"),
            Self::RoundTrip { size } => format!("round-trip-{}", short(size)),
            Self::Echo {
                connections, size, ..
            } => format!("echo-{connections}-{}", short(size)),
            Self::Sink { size } => format!("sink-{}", short(size)),
            Self::Source { size } => format!("source-{}", short(size)),
            Self::Idle { lines: 0 } => "idle-fresh".into(),
            Self::Idle { .. } => "idle-moved".into(),
            Self::StalledClient => "stalled-client".into(),
            Self::StalledService => "stalled-service".into(),
            Self::LongLine => "long-line".into(),
            Self::LongMessage => "long-message".into(),
        }
    }

    /// The name as the README says it.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Connect { at_once } => format!("connect, echo, close; {at_once} at a time"),
            Self::RoundTrip { size } => format!("round trip of {}", spelled(size)),
            Self::Echo {
                connections,
                size,
                window,
            } => format!("echo of {window} × {}, {connections} conn.", spelled(size)),
            Self::Sink { size } => format!("client sends {}", spelled(size)),
            Self::Source { size } => format!("service sends {}", spelled(size)),
            Self::Idle { lines: 0 } => "idle client".into(),
            Self::Idle { .. } => "idle client after 64 KiB".into(),
            Self::StalledClient => "client stalls".into(),
            Self::StalledService => "service stalls".into(),
            Self::LongLine => "line of 1 GiB".into(),
            Self::LongMessage => "message of 1 GiB".into(),
        }
    }

    /// How often it is taken of so many rounds: what only shows whether memory stays bounded, and takes
    /// long where it does not, is taken once.
    pub(crate) fn rounds(self, rounds: usize) -> usize {
        match self {
            Self::LongLine | Self::LongMessage => rounds.min(1),
            _ => rounds,
        }
    }

    /// The numbers it yields, in the order of [`run`](Self::run).
    pub(crate) fn rows(self) -> Vec<Row> {
        use Target::{AtLeast, AtMost, None, ValueAtMost};
        use Unit::{Kibibytes, MebibytesPerSecond, Microseconds, PerSecond, Percent};
        let processor = hidden("CPU", Microseconds);
        match self {
            Self::Connect { at_once } => vec![
                row("", PerSecond, AtLeast(if at_once == 1 { 1.8 } else { 1.7 })),
                row("to 101, p50", Microseconds, None),
                hidden("to 101, p99", Microseconds),
                row("to echo, p50", Microseconds, None),
                row("to echo, p99", Microseconds, None),
                processor,
            ],
            Self::RoundTrip { .. } => vec![
                row("p50", Microseconds, AtMost(0.7)),
                hidden("p99", Microseconds),
                processor,
            ],
            Self::Echo {
                connections, size, ..
            } => {
                let least = match (connections, size) {
                    (1, 0..1024) => 6.5,
                    (1, 1024) => 3.8,
                    (1, _) => 2.7,
                    (_, 0..1024) => 5.5,
                    (_, 1024) => 3.7,
                    _ => 4.0,
                };
                vec![row("", PerSecond, AtLeast(least)), processor]
            }
            Self::Sink { size } => vec![
                row(
                    "",
                    PerSecond,
                    match size {
                        16 => AtLeast(40.0),
                        128 => AtLeast(12.0),
                        1024 => AtLeast(3.0),
                        65536 => AtLeast(2.0),
                        _ => None,
                    },
                ),
                processor,
            ],
            Self::Source { size } => vec![
                row(
                    "",
                    PerSecond,
                    match size {
                        16 => AtLeast(300.0),
                        128 => AtLeast(50.0),
                        1024 => AtLeast(10.0),
                        _ => None,
                    },
                ),
                processor,
            ],
            Self::Idle { .. } => vec![
                row("PSS", Kibibytes, ValueAtMost(32.0)),
                row("kernel", Kibibytes, None),
                row("all in", Kibibytes, AtMost(1.3)),
                row("CPU of all clients", Percent, ValueAtMost(0.0)),
            ],
            Self::LongLine | Self::LongMessage => vec![
                row("memory growth", Kibibytes, ValueAtMost(2048.0)),
                row("", MebibytesPerSecond, None),
            ],
            Self::StalledClient | Self::StalledService => {
                vec![row("memory growth", Kibibytes, ValueAtMost(2048.0))]
            }
        }
    }

    /// The service it needs, and the longest line that this sends or is sent.
    fn service(self, effort: Effort) -> (Vec<String>, usize) {
        let service = |name: &str, size: usize| (vec![name.to_owned(), size.to_string()], size);
        match self {
            Self::Connect { .. } => service("echo", 16),
            Self::RoundTrip { size } | Self::Echo { size, .. } => service("echo", size),
            Self::Idle { .. } => service("echo", 1024),
            Self::Sink { size } => service("count", size),
            Self::LongMessage => service("count", effort.long),
            Self::Source { size } => service("flood", size),
            Self::StalledClient => service("flood", 1024),
            Self::StalledService => service("stall", 1024),
            Self::LongLine => service("line", effort.long),
        }
    }

    /// Starts the server and takes the numbers.
    ///
    /// # Errors
    /// Whatever keeps the server from doing what is measured.
    pub(crate) fn run(
        self,
        program: &Program,
        service: &Path,
        effort: Effort,
    ) -> io::Result<Outcome> {
        let (arguments, record) = self.service(effort);
        let before = system::childrens_time();
        let server = Server::start(program, service, &arguments, record)?;
        let start = (Instant::now(), system::own_time());
        let taken = match self {
            Self::Connect { at_once } => latency::connect(&server, at_once, effort.time),
            Self::RoundTrip { size } => latency::round_trip(&server, size, effort.time),
            Self::Echo {
                connections,
                size,
                window,
            } => flow::echo(&server, connections, size, window, effort.time),
            Self::Sink { size } => flow::sink(&server, size, effort.time),
            Self::Source { size } => flow::source(&server, size, effort.time),
            Self::Idle { lines } => memory::idle(&server, effort.clients, lines),
            Self::StalledClient => bounded::stalled_client(&server, effort.time),
            Self::StalledService => bounded::stalled_service(&server, effort.time),
            Self::LongLine => bounded::long_line(&server, effort.long),
            Self::LongMessage => bounded::long_message(&server, effort.long),
        }?;
        let own = system::own_time() - start.1;
        let seconds = start.0.elapsed().as_secs_f64();
        drop(server);
        let mut values = taken.values;
        if taken.operations > 0 {
            let used = system::childrens_time() - before;
            values.push(used.as_secs_f64() * 1e6 / taken.operations as f64);
        }
        Ok(Outcome {
            values,
            load: own.as_secs_f64() / seconds,
        })
    }
}

/// What a measure has found while the server ran.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The numbers of the measure's rows, but the last where operations are counted.
    pub(crate) values: Vec<f64>,
    /// How often what is measured was done, warming up included: the last row is the processor time of
    /// the server's and the services' processes, from start to end, divided by it. What else the machine
    /// does meanwhile matters less to it than to all other rows. 0 where nothing is counted.
    pub(crate) operations: u64,
}

impl Taken {
    /// Numbers of what is not repeated.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        Self {
            values,
            operations: 0,
        }
    }
}

/// What one run yields.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The numbers of the measure's rows.
    pub(crate) values: Vec<f64>,
    /// This program's share of one processor meanwhile.
    pub(crate) load: f64,
}

fn short(size: usize) -> String {
    spelled(size)
        .replace(" B", "")
        .replace(" KiB", "k")
        .replace(" MiB", "m")
}

fn spelled(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..0x10_0000 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}
