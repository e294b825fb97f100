//! Who is there: the sessions, what each is for, and how many one network has.

use std::collections::HashMap;
use std::net::SocketAddr;

use nix::unistd::Pid;

use crate::daemon::config::Config;
use crate::daemon::network::Network;
use crate::handshake::Reject;

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
struct Session {
    task: Task,
    network: Option<Network>,
    /// Its number among all.
    number: u64,
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
    sessions: HashMap<Pid, Session>,
    /// How many sessions have each task, in the order of [`Task`].
    counts: [usize; 3],
    next: u64,
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
    /// With the sessions there are already, and their words.
    pub(super) fn new(config: &Config, sessions: &[(Pid, String)]) -> Self {
        let mut clients = Self {
            max: config.max_clients,
            max_from_network: config.max_clients_per_address,
            sessions: HashMap::new(),
            counts: [0; 3],
            next: 0,
        };
        for (pid, words) in sessions {
            let (task, network) = words.split_once(' ').unwrap_or((words, ""));
            if let Some(task) = Task::named(task) {
                clients.begin(*pid, task, network.parse().ok());
            }
        }
        clients
    }

    /// Each session, oldest first, and the words by which [`Clients::new`] knows it again.
    pub(super) fn words(&self) -> Vec<(Pid, String)> {
        let words = self.sorted().into_iter().map(|(pid, session)| {
            let mut words = session.task.name().to_owned();
            if let Some(network) = session.network {
                words.push(' ');
                words.push_str(&network.to_string());
            }
            (pid, words)
        });
        words.collect()
    }

    /// Those who are served or will be, oldest first: process, number and network.
    pub(super) fn served(&self) -> Vec<(Pid, u64, Option<Network>)> {
        let served = self.sorted().into_iter();
        let served = served.filter(|(_, it)| it.task == Task::Serve);
        served
            .map(|(pid, it)| (pid, it.number, it.network))
            .collect()
    }

    fn sorted(&self) -> Vec<(Pid, Session)> {
        let sessions = self.sessions.iter();
        let mut sorted: Vec<_> = sessions.map(|(pid, it)| (*pid, *it)).collect();
        sorted.sort_unstable_by_key(|(_, session)| session.number);
        sorted
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

    /// Counts a session; returns its number.
    pub(super) fn begin(&mut self, pid: Pid, task: Task, network: Option<Network>) -> u64 {
        let number = self.next;
        self.next += 1;
        let session = Session {
            task,
            network,
            number,
        };
        self.sessions.insert(pid, session);
        self.add(session, 1);
        number
    }

    /// A session has been asked to leave, and counts no more.
    pub(super) fn dismiss(&mut self, pid: Pid) {
        if let Some(session) = self.sessions.get_mut(&pid) {
            let before = *session;
            session.task = Task::Leave;
            let after = *session;
            self.add(before, -1);
            self.add(after, 1);
        }
    }

    /// A process has ended; whether it was a session.
    pub(super) fn end(&mut self, pid: Pid) -> bool {
        let Some(session) = self.sessions.remove(&pid) else {
            return false;
        };
        self.add(session, -1);
        true
    }

    /// Whether the session of this process is that of this number.
    pub(super) fn is(&self, pid: Pid, number: u64) -> bool {
        let session = self.sessions.get(&pid);
        session.is_some_and(|session| session.number == number)
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.sessions.keys().copied()
    }

    /// How many this network has. Costs a look at all, which nobody pays who has not bounded that.
    fn count_from(&self, network: Option<Network>) -> usize {
        let is_its = |session: &&Session| {
            session.network.is_some() && session.network == network && session.task == Task::Serve
        };
        self.sessions.values().filter(is_its).count()
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

    fn add(&mut self, session: Session, change: isize) {
        for ((_, task), count) in Task::ALL.iter().zip(&mut self.counts) {
            if *task == session.task {
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
