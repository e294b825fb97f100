//! What a session gives up for the rest of its life, once its service runs: files, other processes,
//! every system call that the relay does not use.
//!
//! What was started before is not confined.
#![expect(unsafe_code, reason = "seccomp(2)")]

mod filter;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreated, RulesetError,
    RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Pid, getpid};

use filter::Filter;

/// A confinement that has been prepared.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// No access to any file, address or abstract socket; an error if the kernel does not know how.
    ruleset: Result<RulesetCreated, RulesetError>,
    filter: Filter,
}

/// A part of the confinement that could not be had. The others hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lack {
    /// The part: `landlock`, `seccomp`.
    pub(crate) what: &'static str,
    /// The reason.
    pub(crate) why: String,
}

impl Sandbox {
    /// Makes what is the same for all sessions; `None` in a build that has no sandbox.
    pub(crate) fn prepare() -> Option<Self> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V4)))
            .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket))
            .and_then(Ruleset::create);
        Some(Self {
            ruleset,
            filter: Filter::new(),
        })
    }

    /// Confines this process, which may signal no process group but `group` from now on, and opens no
    /// descriptor any more. Returns what the kernel does not have.
    pub(crate) fn enter(self, group: Pid) -> Vec<Lack> {
        let Self { ruleset, filter } = self;
        let mut lacks = renounce();
        lacks.extend(restrict_access(ruleset));
        // The last: it does not let the others happen. From now on a system call that is not in the
        // list is the end, by `SIGSYS`.
        lacks.extend(lack("seccomp", install(&mut filter.of(getpid(), group))));
        lacks
    }
}

fn restrict_access(ruleset: Result<RulesetCreated, RulesetError>) -> Option<Lack> {
    let why = match ruleset.and_then(RulesetCreated::restrict_self) {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => return None,
            RulesetStatus::PartiallyEnforced => "the kernel knows a part of it".to_owned(),
            RulesetStatus::NotEnforced => "the kernel has none".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Some(Lack {
        what: "landlock",
        why,
    })
}

/// Gives up what takes no preparation: rights by set-user-ID programs, being read or traced by others
/// of the same user, new descriptors.
fn renounce() -> Vec<Lack> {
    [
        lack("no_new_privs", prctl::set_no_new_privs()),
        lack("dumpable", prctl::set_dumpable(false)),
        lack("rlimit", setrlimit(Resource::RLIMIT_NOFILE, 0, 0)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lack(what: &'static str, outcome: nix::Result<()>) -> Option<Lack> {
    let why = outcome.err()?.desc().to_owned();
    Some(Lack { what, why })
}

/// Has the kernel ask this program about every system call.
fn install(program: &mut [libc::sock_filter]) -> nix::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which is `len` instructions that live until then.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{ErrorKind, Write};
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::sys::signal::{Signal, kill, killpg};
    use nix::sys::wait::waitpid;
    use nix::unistd::getppid;

    use super::super::child::{self, End};
    use super::super::fork::{Fork, fork};
    use super::super::socket::unacknowledged;
    use super::*;

    /// A process group that is not there.
    const GROUP: Pid = Pid::from_raw(0x3fff_fff0);

    /// What becomes of a process that does this: its status is what it returns.
    fn end_of(life: impl FnOnce() -> u8) -> End {
        match fork().expect("a process") {
            Fork::Parent(pid) => child::end_of(waitpid(pid, None).expect("its end")),
            Fork::Child => {
                // A panic must not go on as the test.
                let status = catch_unwind(AssertUnwindSafe(life)).unwrap_or(101);
                // SAFETY: it ends the process and runs nothing of the test's.
                unsafe { libc::_exit(status.into()) }
            }
        }
    }

    /// The same, with what it does behind it in a sandbox.
    fn sandboxed<T>(life: impl FnOnce() -> T) -> End {
        end_of(|| {
            let lacks = Sandbox::prepare().map(|sandbox| sandbox.enter(GROUP));
            life();
            u8::try_from(lacks.map_or(255, |lacks| lacks.len())).unwrap_or(255)
        })
    }

    const BY_SANDBOX: End = End::Signal(libc::SIGSYS);

    #[test]
    fn the_kernel_that_tests_this_has_all_of_it() {
        assert_eq!(sandboxed(|| ()), End::Exit(0));
    }

    #[test]
    fn a_call_that_the_relay_does_not_make_is_the_end() {
        assert_eq!(sandboxed(getppid), BY_SANDBOX);
        assert_eq!(sandboxed(|| File::open("/dev/null")), BY_SANDBOX);
        assert_eq!(sandboxed(|| TcpStream::connect("127.0.0.1:1")), BY_SANDBOX);
        assert_eq!(sandboxed(fork), BY_SANDBOX);
    }

    #[test]
    fn the_services_group_can_be_signalled_and_nobody_else() {
        let ended = killpg(GROUP, Signal::SIGTERM);
        assert_eq!(ended, Err(Errno::ESRCH));
        let to_group = || assert_eq!(killpg(GROUP, Signal::SIGTERM), Err(Errno::ESRCH));
        assert_eq!(sandboxed(to_group), End::Exit(0));
        for other in [GROUP, Pid::from_raw(-1), getpid(), Pid::from_raw(0)] {
            assert_eq!(sandboxed(|| kill(other, None)), BY_SANDBOX, "{other}");
        }
    }

    #[test]
    fn memory_can_be_had_but_not_executed() {
        let map = |protection| {
            // SAFETY: a new mapping at an address of the kernel's choice touches no other.
            let at = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    4096,
                    protection,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            assert_ne!(at, libc::MAP_FAILED);
        };
        let data = libc::PROT_READ | libc::PROT_WRITE;
        assert_eq!(sandboxed(|| map(data)), End::Exit(0));
        assert_eq!(sandboxed(|| map(data | libc::PROT_EXEC)), BY_SANDBOX);
        let much = || drop(vec![1_u8; 1 << 26]);
        assert_eq!(sandboxed(much), End::Exit(0));
    }

    #[test]
    fn of_a_socket_what_is_unacknowledged_can_be_asked_and_nothing_else() {
        let (ours, _theirs) = UnixStream::pair().expect("sockets");
        (&ours).write_all(b"hello").expect("room");
        let asked = || assert_ne!(unacknowledged(&ours), 0);
        assert_eq!(sandboxed(asked), End::Exit(0));
        // SAFETY: it would say that the descriptor is kept at exec(2).
        let other = || unsafe { libc::ioctl(ours.as_raw_fd(), libc::FIONCLEX) };
        assert_eq!(sandboxed(other), BY_SANDBOX);
    }

    #[test]
    fn a_panic_ends_it_as_it_does_elsewhere() {
        let abort = || std::process::abort();
        assert_eq!(sandboxed(abort), End::Signal(libc::SIGABRT));
    }

    #[test]
    fn without_the_list_of_calls_no_file_can_be_reached() {
        let end = end_of(|| {
            let sandbox = Sandbox::prepare().expect("a sandbox");
            assert_eq!(restrict_access(sandbox.ruleset), None);
            let read = File::open("/etc/passwd").map_err(|error| error.kind());
            let removed = std::fs::remove_file("/nobody/has/this").map_err(|error| error.kind());
            let connected = TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind());
            let denied = Some(ErrorKind::PermissionDenied);
            u8::from(read.err() != denied)
                + 2 * u8::from(removed.is_ok())
                + 4 * u8::from(connected.err() != denied)
        });
        assert_eq!(end, End::Exit(0));
    }

    #[test]
    fn without_both_no_descriptor_can_be_had_and_nobody_looks_inside() {
        let end = end_of(|| {
            let lacks = renounce();
            let opened = File::open("/dev/null").map_err(|error| error.raw_os_error());
            u8::from(!lacks.is_empty())
                + 2 * u8::from(opened.err() != Some(Some(libc::EMFILE)))
                + 4 * u8::from(prctl::get_dumpable() != Ok(false))
                + 8 * u8::from(prctl::get_no_new_privs() != Ok(true))
        });
        assert_eq!(end, End::Exit(0));
    }

    #[test]
    fn what_the_kernel_does_not_have_is_told_and_the_rest_holds() {
        let end = end_of(|| {
            // A kernel without landlock, as far as this process can tell.
            let landlock = [libc::SYS_landlock_create_ruleset];
            let mut missing = filter::without(&landlock, libc::ENOSYS);
            let is_ready = prctl::set_no_new_privs().and_then(|()| install(&mut missing));
            let lacks = Sandbox::prepare().map_or_else(Vec::new, |it| it.enter(GROUP));
            let what: Vec<_> = lacks.iter().map(|lack| lack.what).collect();
            if is_ready == Ok(()) && what == ["landlock"] {
                getppid();
            }
            1
        });
        assert_eq!(end, BY_SANDBOX);
    }
}
