//! What the kernel says about memory and processor time. Sizes are KiB, as the kernel counts them.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// The value of `NAME: VALUE kB` in a file of /proc.
fn value(text: &str, name: &str) -> Option<f64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn process_value(process: u32, file: &str, name: &str) -> Option<f64> {
    value(
        &fs::read_to_string(format!("/proc/{process}/{file}")).ok()?,
        name,
    )
}

/// Memory of these processes; what several share is divided between them.
pub(crate) fn proportional_size(processes: &[u32]) -> f64 {
    let size = |process: &u32| process_value(*process, "smaps_rollup", "Pss");
    processes.iter().filter_map(size).sum()
}

/// The most memory a process had since [`restart_peak`]; `None` if it has ended.
pub(crate) fn peak_size(process: u32) -> Option<f64> {
    process_value(process, "status", "VmHWM")
}

/// Forgets the peak so far and returns what the process has now.
pub(crate) fn restart_peak(process: u32) -> f64 {
    // Where this is not allowed, the peak so far is what growth is counted from.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
    peak_size(process).unwrap_or(0.0)
}

/// The machine's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// In use, whatever for, but not to hold files.
    pub(crate) used: f64,
    /// The kernel's own: page tables, stacks, slabs (sockets, descriptors, tasks).
    pub(crate) kernel: f64,
}

impl Memory {
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let sum = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| value(&text, name))
                .sum::<f64>()
        };
        Self {
            used: sum(&["MemTotal", "Shmem"]) - sum(&["MemFree", "Buffers", "Cached"]),
            kernel: sum(&["PageTables", "KernelStack", "Slab", "Percpu"]),
        }
    }
}

/// What the machine is, in a few words.
pub(crate) fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let models = || {
        processors
            .lines()
            .filter(|line| line.starts_with("model name"))
    };
    let model = models().next().and_then(|line| line.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{} × {model}, Linux {}",
        models().count().max(1),
        kernel.trim()
    )
}

/// Processor time the processes' threads have had so far.
pub(crate) fn processor_time(processes: &[u32]) -> Duration {
    let threads = processes.iter().flat_map(|process| {
        fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
    });
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Processor time this program has had so far.
pub(crate) fn own_time() -> Duration {
    time_of(UsageWho::RUSAGE_SELF)
}

/// Processor time of all those that came from this program and are gone.
pub(crate) fn childrens_time() -> Duration {
    time_of(UsageWho::RUSAGE_CHILDREN)
}

fn time_of(who: UsageWho) -> Duration {
    let time = |time: TimeVal| {
        Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()).unsigned_abs())
    };
    getrusage(who).map_or(Duration::ZERO, |usage| {
        time(usage.user_time()) + time(usage.system_time())
    })
}
