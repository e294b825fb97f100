//! Who is there: the sessions, what each is for, and how many one network has.

use std::net::SocketAddr;

use nix::unistd::Pid;

use crate::daemon::config::Config;
use crate::daemon::network::Network;
use crate::handshake::Reject;
use crate::sys::slot::Slot;
use crate::sys::table::Table;

/// Processes of one kind that are there beside those which serve: a tenth of these, at least so many.
const MIN_ASIDE: usize = 16;

/// What a session's process is there for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Task {
    Serve,
    /// To say that there are too many.
    Refuse,
    /// To leave: its place was needed.
    Leave,
}

/// One session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) pid: Pid,
    /// Where its service is noted; `None`: its former listener did not.
    pub(super) slot: Option<Slot>,
    pub(super) task: Task,
    pub(super) network: Option<Network>,
}

/// A session of our former self's.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Former {
    pub(in crate::daemon) pid: Pid,
    /// What it said of it.
    pub(in crate::daemon) words: String,
    pub(in crate::daemon) slot: Option<Slot>,
}

/// What becomes of a new client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Serve,
    Refuse(Reject),
    /// There are too many who are told that there are too many.
    Drop,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Clients {
    max: Option<usize>,
    max_from_network: Option<usize>,
    /// The oldest first.
    sessions: Table<Session>,
    /// How many sessions have each task, in the order of [`Task`].
    counts: [usize; 3],
}

impl Task {
    const ALL: [(&str, Self); 3] = [
        ("serve", Self::Serve),
        ("refuse", Self::Refuse),
        ("leave", Self::Leave),
    ];

    /// Its name, for who takes over.
    fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, task)| *task == self);
        named.map_or("", |(name, _)| name)
    }

    /// The task of this name.
    fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(it, _)| *it == name);
        named.map(|(_, task)| *task)
    }
}

impl Clients {
    /// With the sessions there are already.
    pub(super) fn new(config: &Config, sessions: &[Former]) -> nix::Result<Self> {
        let mut clients = Self {
            max: config.max_clients,
            max_from_network: config.max_clients_per_address,
            sessions: Table::new(),
            counts: [0; 3],
        };
        for Former { pid, words, slot } in sessions {
            let (task, network) = words.split_once(' ').unwrap_or((words, ""));
            if let Some(task) = Task::named(task) {
                clients.reserve()?;
                clients.begin(Session {
                    pid: *pid,
                    slot: *slot,
                    task,
                    network: network.parse().ok(),
                });
            }
        }
        Ok(clients)
    }

    /// Each session, and the words by which [`Clients::new`] knows it again.
    pub(super) fn words(&self) -> Vec<(Pid, String)> {
        let words = self.iter().map(|session| {
            let mut words = session.task.name().to_owned();
            if let Some(network) = session.network {
                words.push(' ');
                words.push_str(&network.to_string());
            }
            (session.pid, words)
        });
        words.collect()
    }

    /// Each session, and the number of its slot.
    pub(super) fn noted(&self) -> Vec<(Pid, usize)> {
        let noted = self.iter();
        let noted = noted.filter_map(|it| Some((it.pid, it.slot?.number())));
        noted.collect()
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Those who wait for `max` clients at most, in a state in which they are of no use yet or any more.
    pub(super) fn aside(max: usize) -> usize {
        (max / 10).max(MIN_ASIDE)
    }

    /// Judges one that comes from this network.
    pub(super) fn judge(&self, network: Option<Network>) -> Verdict {
        let reject = match (self.max, self.max_from_network) {
            (Some(max), _) if self.count(Task::Serve) >= max => Reject::TooManyClients,
            (_, Some(max)) if self.count_from(network) >= max => Reject::TooManyFromAddress,
            _ => return Verdict::Serve,
        };
        // Refusing takes a process, too; beyond a few the connection is simply closed.
        let max = Self::aside(self.max.or(self.max_from_network).unwrap_or(0));
        match self.count(Task::Refuse) < max {
            true => Verdict::Refuse(reject),
            false => Verdict::Drop,
        }
    }

    /// Makes room for one more.
    pub(super) fn reserve(&mut self) -> nix::Result<()> {
        self.sessions.reserve()
    }

    /// Counts a session, for which there is room.
    pub(super) fn begin(&mut self, session: Session) {
        let _in_its_room = self.sessions.push(session);
        self.add(session.task, 1);
    }

    /// A session has been asked to leave, and counts no more.
    pub(super) fn dismiss(&mut self, pid: Pid) {
        if let Some(session) = self.sessions.iter_mut().find(|it| it.pid == pid) {
            let before = session.task;
            session.task = Task::Leave;
            self.add(before, -1);
            self.add(Task::Leave, 1);
        }
    }

    /// A process has ended; which session it was, if it was one. Costs a look at those that have not.
    pub(super) fn end(&mut self, pid: Pid) -> Option<Session> {
        let at = self.iter().position(|it| it.pid == pid)?;
        let session = self.sessions.remove(at)?;
        self.add(session.task, -1);
        Some(session)
    }

    /// Each session that has answered a request and waits for another.
    pub(super) fn idle(&self) -> impl Iterator<Item = (Pid, Slot)> {
        let noted = self.iter().filter_map(|it| Some((it.pid, it.slot?)));
        noted.filter(|(_, slot)| slot.is_idle())
    }

    /// How many this network has. Costs a look at all, which nobody pays who has not bounded that.
    fn count_from(&self, network: Option<Network>) -> usize {
        let is_its = |session: &&Session| {
            session.network.is_some() && session.network == network && session.task == Task::Serve
        };
        self.iter().filter(is_its).count()
    }

    /// How many sessions there are for a task.
    pub(super) fn count(&self, task: Task) -> usize {
        let counts = Task::ALL.iter().zip(self.counts);
        let count = counts
            .filter(|((_, it), _)| *it == task)
            .map(|(_, count)| count);
        count.sum()
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    fn add(&mut self, task: Task, change: isize) {
        for ((_, it), count) in Task::ALL.iter().zip(&mut self.counts) {
            if *it == task {
                *count = count.saturating_add_signed(change);
            }
        }
    }
}

/// The network of a client, if it is one: behind a proxy there are many, and we do not know whom.
pub(super) fn network(address: Option<SocketAddr>, config: &Config) -> Option<Network> {
    let ip = address?.ip();
    let is_proxy = match config.trust_proxy.is_empty() {
        true => config.proxy_protocol,
        false => config.trust_proxy.has(Some(ip)),
    };
    (!is_proxy).then(|| Network::of(ip))
}
