//! Limits of a process's resources (setrlimit(2)).

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::Uid;

/// By the names of prlimit(1), in alphabetical order.
const RESOURCES: &[(&str, Resource)] = &[
    ("as", Resource::RLIMIT_AS),
    ("core", Resource::RLIMIT_CORE),
    ("cpu", Resource::RLIMIT_CPU),
    ("data", Resource::RLIMIT_DATA),
    ("fsize", Resource::RLIMIT_FSIZE),
    ("locks", Resource::RLIMIT_LOCKS),
    ("memlock", Resource::RLIMIT_MEMLOCK),
    ("msgqueue", Resource::RLIMIT_MSGQUEUE),
    ("nice", Resource::RLIMIT_NICE),
    ("nofile", Resource::RLIMIT_NOFILE),
    ("nproc", Resource::RLIMIT_NPROC),
    ("rss", Resource::RLIMIT_RSS),
    ("rtprio", Resource::RLIMIT_RTPRIO),
    ("rttime", Resource::RLIMIT_RTTIME),
    ("sigpending", Resource::RLIMIT_SIGPENDING),
    ("stack", Resource::RLIMIT_STACK),
];

/// How much of one resource a service may use, soft and hard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// Its name: `nofile`.
    pub name: &'static str,
    /// In the resource's own unit: bytes, seconds, a count. `None`: any number.
    pub max: Option<u64>,
    resource: Resource,
}

impl Limit {
    /// The limit of this name.
    pub(crate) fn new(name: &str, max: Option<u64>) -> Option<Self> {
        let (name, resource) = RESOURCES.iter().find(|(known, _)| *known == name)?;
        Some(Self {
            name,
            max,
            resource: *resource,
        })
    }

    /// All names there are.
    pub(crate) fn names() -> Vec<&'static str> {
        RESOURCES.iter().map(|(name, _)| *name).collect()
    }

    /// Limits this process. Safe between clone and exec: nothing but a system call.
    pub(super) fn apply(self) -> nix::Result<()> {
        let max = self.max.unwrap_or(RLIM_INFINITY);
        setrlimit(self.resource, max, max)
    }

    /// Whether [`apply`](Self::apply) may: only root goes above the hard limit.
    pub(crate) fn check(self) -> nix::Result<()> {
        let (_, hard) = getrlimit(self.resource)?;
        if self.max.unwrap_or(RLIM_INFINITY) <= hard || Uid::effective().is_root() {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }
}
