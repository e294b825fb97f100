//! Processes, looked at from outside: `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_for;

/// The variable by which a test knows its own again, whatever session they are in.
pub(crate) const MARKER: &str = "WEBSOCKD_TEST_ID";

/// What `/proc/PID/stat` says.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) name: String,
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
}

impl Process {
    /// Looks at a process; `None` if there is none, or only its name is left.
    pub(crate) fn find(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let words: Vec<_> = after.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
        Some(Self {
            pid,
            name: before.split_once('(')?.1.to_owned(),
            state: words.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
        })
    }

    /// Every process there is.
    pub(crate) fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").unwrap();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let pids = names.filter_map(|name| name.parse().ok());
        pids.filter_map(Self::find).collect()
    }

    /// The children of a process, zombies included.
    pub(crate) fn children(pid: i32) -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|process| process.parent == pid);
        all
    }
}

/// Stops a process and waits until it has stopped.
pub(crate) fn stop(pid: i32) {
    signal(pid, Signal::SIGSTOP);
    wait_for("a process to stop", || {
        (Process::find(pid)?.state == 'T').then_some(())
    });
}

/// Waits until there is no such process, or only a zombie that is not ours to reap.
pub(crate) fn wait_gone(pid: i32) {
    wait_for(&format!("the end of process {pid}"), || {
        Process::find(pid)
            .is_none_or(|process| process.state == 'Z')
            .then_some(())
    });
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// A line of `/proc/PID/status` that is a number: kB or a count.
pub(crate) fn status(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    number_after(&status, name)
}

/// A limit of `/proc/PID/limits` above which a process cannot go: a number or `unlimited`.
pub(crate) fn limit(pid: i32, name: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let values = limits.lines().find_map(|line| line.strip_prefix(name));
    let hard = values.and_then(|values| values.split_whitespace().nth(1));
    hard.unwrap().to_owned()
}

/// How many bytes a process has written to files, pipes and sockets.
pub(crate) fn written(pid: i32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    number_after(&io, "wchar")
}

fn number_after(text: &str, name: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.unwrap().parse().unwrap()
}

/// Milliseconds of processor time that a process has used.
pub(crate) fn processor_time(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, after) = stat.rsplit_once(") ").unwrap();
    let ticks = after.split(' ').skip(11).take(2);
    ticks.map(|word| word.parse::<u64>().unwrap() * 10).sum()
}

/// How much memory of its own a process has, in bytes.
pub(crate) fn memory(pid: i32) -> u64 {
    status(pid, "RssAnon") * 1024
}

/// How much memory a process has had at most, in bytes.
pub(crate) fn peak_memory(pid: i32) -> u64 {
    status(pid, "VmHWM") * 1024
}

/// Bytes in the kernel's hands on a loopback connection of IPv4: not yet taken by the one end, not yet
/// acknowledged to the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct InFlight {
    pub(crate) unsent: u64,
    pub(crate) unread: u64,
}

impl InFlight {
    pub(crate) const NONE: Self = Self {
        unsent: 0,
        unread: 0,
    };

    /// From the socket bound to port `from` to the one bound to port `to`.
    pub(crate) fn between(from: u16, to: u16) -> Self {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let queues: BTreeMap<_, _> = table.lines().filter_map(queues_of).collect();
        Self {
            unsent: queues[&(from, to)].0,
            unread: queues[&(to, from)].1,
        }
    }
}

/// The port of IPv4 on which a process listens.
pub(crate) fn listening_port(pid: i32) -> Option<u16> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let links: Vec<_> = links.map(|link| link.display().to_string()).collect();
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|row| {
        let words: Vec<_> = row.split_whitespace().collect();
        let is_listening = words.get(3) == Some(&"0A");
        let is_its = links.contains(&format!("socket:[{}]", words.get(9)?));
        (is_listening && is_its).then(|| port_of(words[1]))?
    })
}

/// A row of `/proc/net/tcp`: local and remote port, then bytes to send and bytes to read.
fn queues_of(row: &str) -> Option<((u16, u16), (u64, u64))> {
    let words: Vec<_> = row.split_whitespace().collect();
    let queues = words.get(4)?.split_once(':')?;
    let bytes = |word: &str| u64::from_str_radix(word, 16).ok();
    Some((
        (port_of(words.get(1)?)?, port_of(words.get(2)?)?),
        (bytes(queues.0)?, bytes(queues.1)?),
    ))
}

fn port_of(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok()
}

/// All processes of one test, and the directory they work in; both are gone with it.
#[derive(Debug)]
pub(crate) struct Family {
    id: String,
    dir: PathBuf,
}

impl Family {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{count}", std::process::id());
        let dir = std::env::temp_dir().join(format!("websockd-test-{id}"));
        fs::create_dir(&dir).unwrap();
        let dir = dir.canonicalize().unwrap();
        Self { id, dir }
    }

    /// The value of [`MARKER`].
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A directory of the test's own: the program's and its services' working directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its processes: those that inherited the marker, or work in the directory.
    pub(crate) fn members(&self) -> Vec<Process> {
        let mut all = Process::all();
        all.retain(|process| process.state != 'Z' && self.has(process.pid));
        all
    }

    /// Waits until no process is left.
    pub(crate) fn wait_gone(&self) {
        wait_for(&format!("the end of {:?}", self.members()), || {
            self.members().is_empty().then_some(())
        });
    }

    /// Waits until no process of this name is left.
    pub(crate) fn wait_gone_by_name(&self, name: &str) {
        wait_for(&format!("the end of every {name}"), || {
            let members = self.members();
            (!members.iter().any(|process| process.name == name)).then_some(())
        });
    }

    /// What a failed test leaves is ended at once.
    pub(crate) fn kill(&self) {
        for process in self.members() {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }

    fn has(&self, pid: i32) -> bool {
        let marker = format!("{MARKER}={}", self.id);
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
        environ
            .split(|byte| *byte == 0)
            .any(|v| v == marker.as_bytes())
            || cwd.is_ok_and(|cwd| cwd.starts_with(&self.dir))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
        }
        let _gone = fs::remove_dir_all(&self.dir);
    }
}
