//! The system calls a session may make, as a program for the kernel (seccomp(2), BPF).
//!
//! Written by hand, not by a crate: each session has the kernel take it over, and pays for what the
//! kernel does then. It translates the program, which takes longer than any search in it saves: so that is
//! short, a list of the numbers, the usual ones first. And it asks a program that only looks at numbers
//! about every system call there is, to tabulate the answers, which takes longer (25 microseconds of 45)
//! than a short session gains by it: so the first thing that this one looks at is an argument, and the
//! kernel does not ask. What is left is the kernel's, which makes room for the program and gives it back.
//! Of sessions that last as long as a service without a C library takes to start and to end, the sandbox
//! takes 4 to 8 percent a second, from run to run; of a server that does nothing else a program of two
//! instructions takes 4 to 5, one as long as this 5 to 6 (`benches/compare --floor`). Of sessions with a
//! service of one page of C, which is loaded with its library, 0 percent one at a time, 2 of 16 at a time.

use nix::libc::{self, c_long, sock_filter};
use nix::unistd::Pid;

/// What is allowed of a system call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    Always,
    /// kill(2): the service's process group alone.
    OfGroup,
    /// A signal to oneself, as abort(3) sends it.
    OfSelf,
    /// Memory, but none that can be executed.
    NotExecutable,
    /// fcntl(2) that says how much a pipe holds, or asks whether a descriptor is open, as a debug build
    /// does.
    OfPipes,
    /// ioctl(2) that asks what of a socket has not been acknowledged.
    OfOutput,
}

/// What the relay uses, and the ways to end.
const RULES: &[(c_long, Rule)] = &[
    (libc::SYS_read, Rule::Always),
    (libc::SYS_write, Rule::Always),
    (libc::SYS_writev, Rule::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, Rule::Always),
    (libc::SYS_epoll_pwait, Rule::Always),
    (libc::SYS_mmap, Rule::NotExecutable),
    (libc::SYS_munmap, Rule::Always),
    (libc::SYS_madvise, Rule::Always),
    (libc::SYS_close, Rule::Always),
    (libc::SYS_wait4, Rule::Always),
    (libc::SYS_shutdown, Rule::Always),
    (libc::SYS_kill, Rule::OfGroup),
    (libc::SYS_epoll_ctl, Rule::Always),
    (libc::SYS_getpid, Rule::Always),
    // The log asks whether there is room for it.
    (libc::SYS_pselect6, Rule::Always),
    (libc::SYS_exit_group, Rule::Always),
    (libc::SYS_clock_gettime, Rule::Always),
    (libc::SYS_brk, Rule::Always),
    (libc::SYS_mremap, Rule::Always),
    (libc::SYS_mprotect, Rule::NotExecutable),
    (libc::SYS_getrandom, Rule::Always),
    // To the system log, whose socket is there already; a stream takes it for write(2).
    (libc::SYS_sendto, Rule::Always),
    (libc::SYS_fcntl, Rule::OfPipes),
    (libc::SYS_ioctl, Rule::OfOutput),
    (libc::SYS_gettid, Rule::Always),
    (libc::SYS_tgkill, Rule::OfSelf),
    (libc::SYS_tkill, Rule::OfSelf),
    (libc::SYS_rt_sigaction, Rule::Always),
    (libc::SYS_rt_sigprocmask, Rule::Always),
    (libc::SYS_rt_sigreturn, Rule::Always),
    (libc::SYS_sigaltstack, Rule::Always),
];

/// How the kernel names the processor in what it asks (`AUDIT_ARCH_…`).
const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else if cfg!(target_arch = "aarch64") {
    0xc000_00b7
} else {
    0xc000_00f3
};

// Where `seccomp_data` has what. Arguments have 64 bits each, of which the low ones come first.
const NUMBER: u32 = 0;
const PROCESSOR: u32 = 4;
const ARGUMENTS: u32 = 16;
const ARGUMENT_LEN: u32 = 8;

/// The program but for the two process ids in it: made once, before the first session.
#[derive(Debug)]
pub(super) struct Filter {
    program: Vec<sock_filter>,
    /// Where the program names the group.
    group: usize,
    /// Where it names the session itself.
    own: usize,
}

impl Filter {
    pub(super) fn new() -> Self {
        compile()
    }

    /// The program for the session with process id `own` whose service leads the process group `group`.
    pub(super) fn of(&self, own: Pid, group: Pid) -> Vec<sock_filter> {
        let mut program = self.program.clone();
        for (place, value) in [(self.own, own.as_raw()), (self.group, -group.as_raw())] {
            if let Some(instruction) = program.get_mut(place) {
                instruction.k = word(value);
            }
        }
        program
    }
}

fn compile() -> Filter {
    let mut program = Backwards::default();
    let allow = program.put(libc::BPF_RET, libc::SECCOMP_RET_ALLOW);
    let kill = program.put(libc::BPF_RET, libc::SECCOMP_RET_KILL_PROCESS);
    let sets_pipe_len = program.jump(libc::BPF_JEQ, word(libc::F_SETPIPE_SZ), allow, kill);
    let mut argument = |number: u32, test: u32, value: u32, yes: usize, no: usize| {
        program.jump(test, value, yes, no);
        program.load(ARGUMENTS + number * ARGUMENT_LEN)
    };
    let of_group = argument(0, libc::BPF_JEQ, 0, allow, kill);
    let of_self = argument(0, libc::BPF_JEQ, 0, allow, kill);
    let not_executable = argument(2, libc::BPF_JSET, word(libc::PROT_EXEC), kill, allow);
    let outq = u32::try_from(libc::TIOCOUTQ).unwrap_or(u32::MAX);
    let of_output = argument(1, libc::BPF_JEQ, outq, allow, kill);
    let of_pipes = argument(1, libc::BPF_JEQ, word(libc::F_GETFD), allow, sets_pipe_len);
    let rules: Vec<_> = RULES
        .iter()
        .map(|(number, rule)| {
            let place = match rule {
                Rule::Always => allow,
                Rule::OfGroup => of_group,
                Rule::OfSelf => of_self,
                Rule::NotExecutable => not_executable,
                Rule::OfPipes => of_pipes,
                Rule::OfOutput => of_output,
            };
            (*number, place)
        })
        .collect();
    program.compare(&rules, kill);
    let by_number = program.load(NUMBER);
    program.jump(libc::BPF_JEQ, ARCHITECTURE, by_number, kill);
    program.load(PROCESSOR);
    program.load(ARGUMENTS);
    let program = program.finish();
    // The comparison stands behind the load that is the rule's place.
    let comparison = |place: usize| program.len() - place;
    Filter {
        group: comparison(of_group),
        own: comparison(of_self),
        program,
    }
}

/// An argument of a system call, as the kernel shows its low half.
fn word(value: libc::c_int) -> u32 {
    u32::from_ne_bytes(value.to_ne_bytes())
}

/// A program under way, its last instruction first: all jumps lead forward, so that a jump's target is
/// there when the jump is put before it. A place is the number of instructions behind it.
#[derive(Debug, Default)]
struct Backwards {
    code: Vec<sock_filter>,
}

impl Backwards {
    fn put(&mut self, code: u32, value: u32) -> usize {
        self.push(code, value, 0, 0)
    }

    fn load(&mut self, offset: u32) -> usize {
        self.put(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
    }

    fn jump(&mut self, test: u32, value: u32, yes: usize, no: usize) -> usize {
        let way = |to: usize| u8::try_from(self.code.len() - to - 1).unwrap_or(u8::MAX);
        let (yes, no) = (way(yes), way(no));
        self.push(libc::BPF_JMP | libc::BPF_K | test, value, yes, no)
    }

    /// Goes to the place of the number that is loaded, else to `otherwise`.
    fn compare(&mut self, places: &[(c_long, usize)], otherwise: usize) {
        let mut next = otherwise;
        for (number, place) in places.iter().rev() {
            let number = u32::try_from(*number).unwrap_or(u32::MAX);
            next = self.jump(libc::BPF_JEQ, number, *place, next);
        }
    }

    fn push(&mut self, code: u32, k: u32, jt: u8, jf: u8) -> usize {
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        self.code.push(sock_filter { code, jt, jf, k });
        self.code.len() - 1
    }

    fn finish(mut self) -> Vec<sock_filter> {
        self.code.reverse();
        self.code
    }
}

/// A program that answers some system calls with an error and allows the others.
#[cfg(test)]
pub(super) fn without(calls: &[c_long], errno: libc::c_int) -> Vec<sock_filter> {
    let mut program = Backwards::default();
    let allow = program.put(libc::BPF_RET, libc::SECCOMP_RET_ALLOW);
    let error = libc::SECCOMP_RET_ERRNO | word(errno);
    let fail = program.put(libc::BPF_RET, error);
    let places: Vec<_> = calls.iter().map(|number| (*number, fail)).collect();
    program.compare(&places, allow);
    program.load(NUMBER);
    program.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_is_short_enough_for_its_eight_bits() {
        let len = Filter::new().program.len();
        assert!(len < 80, "{len}");
    }
}
