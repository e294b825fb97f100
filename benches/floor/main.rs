//! The least that a server with a process for each client can do: what the kernel takes for accept, fork,
//! exec, two pipes and two exits, and next to nothing of our own. It shows how far off websockd is, and
//! which of its targets a machine allows.
//!
//! On two processors of an AMD EPYC, Linux 6.18, five rounds: 1.50 times websocketd's connections one at a
//! time and 1.56 times 16 at a time, where websockd makes 1.30 and 1.21 times. What is between them: the
//! sandbox (4 to 5 percent for a filter of two instructions, 5 to 6 for one as long as ours), a pipe for
//! errors, the service's environment, an event queue with signals and clock, twice the pages. An idle
//! client takes 185 KiB of memory, all in, 198 KiB of websockd, 146 KiB of websocketd: a process more has a
//! stack and page tables of 60 KiB in the kernel.
//!
//! `floor [--filter=INSTRUCTIONS] PORT PROGRAM`
//!
//! It trusts whoever connects: no header but the key is looked at, and what one read brings is taken for
//! one frame or line. There is no clock, no log, no limit, no standard error, no signal, no environment.
//! With --filter each process has the kernel take over a filter of so many for its system calls
//! (seccomp(2)), which allows them all: the least that a sandbox of its own costs.

#![no_main]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::hint::black_box;
use std::mem::size_of;
use std::ptr::{null, null_mut};

use nix::libc;
use websockd::handshake::key::accept_key;

/// Bytes for what one read brings and its header, and of the stack that a child has until it is another
/// program.
const ROOM: usize = 4096;

/// Of the header of a frame that is not short, and of a mask (RFC 6455 5.2).
const HEADER: usize = 4;
const MASK: usize = 4;

const KEY_NAME: &[u8] = b"Sec-WebSocket-Key: ";
const KEY: usize = 24;

/// The most instructions of a filter.
const MAX_FILTER: usize = 64;

/// A program to start, and its pipes: where to read, where to write.
struct Service<'a> {
    program: &'a CStr,
    stdin: [c_int; 2],
    stdout: [c_int; 2],
}

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let argument = |index: usize| {
        let is_there = usize::try_from(count).is_ok_and(|count| index < count);
        // SAFETY: so many strings are there, for as long as we are.
        is_there.then(|| unsafe { CStr::from_ptr(*arguments.add(index)) })
    };
    let text = |index| argument(index)?.to_str().ok();
    let filter = text(1).and_then(|it| it.strip_prefix("--filter=")?.parse().ok());
    let first = if filter.is_some() { 2 } else { 1 };
    let port = text(first).and_then(|it| it.parse().ok());
    match (port, argument(first + 1)) {
        (Some(port), Some(program)) => listen(port, program, filter),
        _ => 100,
    }
}

fn listen(port: u16, program: &CStr, filter: Option<usize>) -> c_int {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: libc::INADDR_LOOPBACK.to_be(),
        },
        sin_zero: [0; 8],
    };
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the kernel reads the address, which is as long.
    let listener = unsafe {
        let listener = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        if libc::bind(listener, (&raw const address).cast(), length) != 0
            || libc::listen(listener, 1024) != 0
        {
            return 111;
        }
        listener
    };
    // Has the library find out which processor this is, once for all that are forked.
    black_box(accept_key(&[b'x'; KEY]));
    loop {
        // SAFETY: nothing is asked for but the socket; the child is a process without threads, as we
        // are, and ends in here; who has ended is taken note of without waiting.
        unsafe {
            let client = libc::accept4(listener, null_mut(), null_mut(), libc::SOCK_CLOEXEC);
            if libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) == 0 {
                libc::close(listener);
                let served = serve(client, program, filter);
                libc::_exit(served.map_or(111, |()| 0));
            }
            libc::close(client);
            while libc::waitpid(-1, null_mut(), libc::WNOHANG) > 0 {}
        }
    }
}

/// One client, from its request to its end. `None`: it is none of the benchmark's.
fn serve(client: c_int, program: &CStr, filter: Option<usize>) -> Option<()> {
    let mut block = [0; ROOM];
    let one: c_int = 1;
    let length = size_of::<c_int>() as libc::socklen_t;
    let option = (&raw const one).cast();
    // SAFETY: the kernel reads the option, which is as long.
    unsafe { libc::setsockopt(client, libc::IPPROTO_TCP, libc::TCP_NODELAY, option, length) };
    let length = read(client, &mut block);
    let request = &block[..length];
    let at = request
        .windows(KEY_NAME.len())
        .position(|it| it == KEY_NAME)?;
    let at = at + KEY_NAME.len();
    let key = accept_key(request.get(at..at + KEY)?);
    let mut service = Service {
        program,
        stdin: [0; 2],
        stdout: [0; 2],
    };
    // SAFETY: there is room for the ends of both; those that are closed are the child's.
    let child = unsafe {
        libc::pipe2(service.stdin.as_mut_ptr(), libc::O_CLOEXEC);
        libc::pipe2(service.stdout.as_mut_ptr(), libc::O_CLOEXEC);
        let child = spawn(&service);
        libc::close(service.stdin[0]);
        libc::close(service.stdout[1]);
        child
    };
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    write(client, response.as_bytes());
    if let Some(instructions) = filter {
        confine(instructions);
    }
    relay(client, service.stdin[1], service.stdout[0], &mut block);
    // SAFETY: nothing is asked for.
    unsafe { libc::waitpid(child, null_mut(), 0) };
    write(client, &[0x88, 2, 3, 232]);
    Some(())
}

/// Starts the program in our memory and returns when it has its own.
fn spawn(service: &Service<'_>) -> c_int {
    let mut stack = [0_u128; ROOM / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let service = (&raw const *service).cast_mut();
    // SAFETY: we stand still until the child has left our memory, and what it has of it lives as long.
    unsafe { libc::clone(live, top.cast(), flags, service.cast()) }
}

extern "C" fn live(service: *mut c_void) -> c_int {
    // SAFETY: it is the one that `spawn` passed, and its owner stands still.
    let service = unsafe { &*service.cast::<Service<'_>>() };
    let arguments = [service.program.as_ptr(), c"echo".as_ptr(), null()];
    // SAFETY: the child rearranges nobody but itself; both lists end with null.
    unsafe {
        libc::setsid();
        libc::dup2(service.stdin[0], 0);
        libc::dup2(service.stdout[1], 1);
        libc::execve(arguments[0], arguments.as_ptr(), [null()].as_ptr());
        libc::_exit(127)
    }
}

/// Moves lines and messages until the client has closed and the program has ended.
fn relay(client: c_int, sink: c_int, source: c_int, block: &mut [u8; ROOM]) {
    let mut wanted = [client, source].map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    loop {
        // SAFETY: there are two of them.
        unsafe { libc::poll(wanted.as_mut_ptr(), 2, -1) };
        if wanted[0].revents != 0 {
            let length = read(client, block);
            match line(block, length) {
                Some(line) => write(sink, line),
                None => {
                    wanted[0].fd = -1;
                    // SAFETY: nobody uses it any more.
                    unsafe { libc::close(sink) };
                }
            }
        }
        if wanted[1].revents != 0 {
            match read(source, &mut block[HEADER..]) {
                0 => return,
                length => write(client, frame(block, length - 1)),
            }
        }
    }
}

/// The line that a text frame of this length holds, with its end. `None`: it is another frame, or none.
fn line(block: &mut [u8; ROOM], length: usize) -> Option<&[u8]> {
    let start = match block[..length] {
        [0x81, 0xfe, ..] => HEADER + MASK,
        [0x81, _, ..] => 2 + MASK,
        _ => return None,
    };
    let (head, payload) = block[..length].split_at_mut_checked(start)?;
    let mask = head[start - MASK..].iter().cycle();
    for (byte, mask) in payload.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    block[length] = b'\n';
    block.get(start..=length)
}

/// The frame of a payload of this length, which stands behind the room for its header.
fn frame(block: &mut [u8; ROOM], length: usize) -> &[u8] {
    let start = match u8::try_from(length) {
        Ok(length @ 0..126) => {
            block[2..HEADER].copy_from_slice(&[0x81, length]);
            2
        }
        _ => {
            let [.., high, low] = length.to_be_bytes();
            block[..HEADER].copy_from_slice(&[0x81, 126, high, low]);
            0
        }
    };
    &block[start..HEADER + length]
}

/// Has the kernel ask a filter of so many instructions about every system call from now on.
fn confine(instructions: usize) {
    let instruction = |code, k| libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    };
    // Loads of an argument: a filter that only looks at the number would be tried for every call there
    // is. The last one allows.
    let load = instruction((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 16);
    let mut filter = [load; MAX_FILTER];
    let length = instructions.clamp(2, MAX_FILTER);
    filter[length - 1] = instruction(
        (libc::BPF_RET | libc::BPF_K) as u16,
        libc::SECCOMP_RET_ALLOW,
    );
    let program = libc::sock_fprog {
        len: length as u16,
        filter: filter.as_mut_ptr(),
    };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the kernel copies the program, which is as long.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program);
    }
}

/// How many bytes one read brings; 0: an end, or an error, which ends a session alike. Leaves room for one
/// more.
fn read(fd: c_int, block: &mut [u8]) -> usize {
    // SAFETY: the block can be written to for its length.
    let count = unsafe { libc::read(fd, block.as_mut_ptr().cast(), block.len() - 1) };
    usize::try_from(count).unwrap_or(0)
}

fn write(fd: c_int, block: &[u8]) {
    // SAFETY: the block can be read for its length.
    unsafe { libc::write(fd, block.as_ptr().cast(), block.len()) };
}
