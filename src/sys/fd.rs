//! Descriptors: made close-on-exec, from birth or at the first opportunity.
#![expect(
    unsafe_code,
    reason = "descriptors by number: accept4, those we were started with"
)]

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::{
    self, MsgFlags, Shutdown, SockType, SockaddrLike, SockaddrStorage, UnixAddr, UnixCredentials,
    getpeername, getsockname, getsockopt, send, setsockopt, sockopt,
};
use nix::sys::stat::fstat;

use super::retry;

/// The length of whatever address there is.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "128 is a number of any width"
)]
const SOCKADDR_LEN: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

/// A pipe: its read end, its write end.
pub(crate) fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC)
}

/// [`set_nonblocking`] for a descriptor that has no other status flag yet, such as a new pipe's end:
/// one call instead of two.
pub(crate) fn make_nonblocking(fresh: &impl AsFd) -> nix::Result<()> {
    fcntl(fresh, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop)
}

/// Makes reads and writes answer EAGAIN where they would wait.
pub(crate) fn set_nonblocking(fd: &impl AsFd) -> nix::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map(drop)
}

/// Has a pipe hold so many bytes.
///
/// # Errors
///
/// `EBUSY` if there are more in it, `EPERM` if that is more than the user may have.
pub(crate) fn set_pipe_len(pipe: &impl AsFd, len: usize) -> nix::Result<()> {
    let len = i32::try_from(len).map_err(|_| Errno::EINVAL)?;
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(len)).map(drop)
}

/// Reads what is there.
pub(crate) fn read(fd: &impl AsFd, into: &mut [u8]) -> nix::Result<usize> {
    retry(|| nix::unistd::read(fd, into))
}

/// Looks at what is there, and leaves it to be read.
#[cfg(feature = "proxy")]
pub(crate) fn peek(socket: &impl AsFd, into: &mut [u8]) -> nix::Result<usize> {
    use nix::sys::socket::{MsgFlags, recv};
    let number = socket.as_fd().as_raw_fd();
    retry(|| recv(number, into, MsgFlags::MSG_PEEK))
}

/// Writes what there is room for.
pub(crate) fn write(fd: &impl AsFd, bytes: &[u8]) -> nix::Result<usize> {
    retry(|| nix::unistd::write(fd, bytes))
}

/// Sends what there is room for, in one segment with what follows.
pub(crate) fn send_with_next(socket: &impl AsFd, bytes: &[u8]) -> nix::Result<usize> {
    let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
    retry(|| send(socket.as_fd().as_raw_fd(), bytes, flags))
}

/// Writes what there is room for, in order.
pub(crate) fn write_vectored(fd: &impl AsFd, slices: &[IoSlice<'_>]) -> nix::Result<usize> {
    match slices {
        [only] => write(fd, only),
        _ => retry(|| nix::sys::uio::writev(fd, slices)),
    }
}

/// Accepts one connection, non-blocking, and tells its other end's address; `None` for a Unix socket.
pub(crate) fn accept(listener: &impl AsFd) -> nix::Result<(OwnedFd, Option<SocketAddr>)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let number = listener.as_fd().as_raw_fd();
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = SOCKADDR_LEN;
    let fd = retry(|| {
        len = SOCKADDR_LEN;
        // SAFETY: the kernel writes at most so many bytes of the address, and how many it would have.
        Errno::result(unsafe {
            libc::accept4(number, storage.as_mut_ptr().cast(), &raw mut len, flags)
        })
    })?;
    // SAFETY: the kernel has just given us this descriptor; nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: it was all zero, which is a value, before the kernel wrote into it.
    let storage = unsafe { storage.assume_init() };
    let start = (&raw const storage).cast();
    // SAFETY: it holds an address of this length and lives longer than the copy takes.
    let address = unsafe { SockaddrStorage::from_raw(start, Some(len.min(SOCKADDR_LEN))) };
    Ok((fd, address.as_ref().and_then(internet_address)))
}

/// The other end's address; `None` for a Unix socket.
pub(crate) fn peer_address(socket: &impl AsFd) -> nix::Result<Option<SocketAddr>> {
    getpeername::<SockaddrStorage>(socket.as_fd().as_raw_fd()).map(|it| internet_address(&it))
}

/// This end's address; `None` for a Unix socket.
pub(crate) fn local_address(socket: &impl AsFd) -> nix::Result<Option<SocketAddr>> {
    getsockname::<SockaddrStorage>(socket.as_fd().as_raw_fd()).map(|it| internet_address(&it))
}

/// The path that a Unix socket is bound to, if it is to one.
pub(crate) fn local_path(socket: &impl AsFd) -> Option<PathBuf> {
    let address = getsockname::<UnixAddr>(socket.as_fd().as_raw_fd()).ok()?;
    address.path().map(PathBuf::from)
}

/// The path that the other end of a Unix socket is bound to, if it is to one.
pub(crate) fn peer_path(socket: &impl AsFd) -> Option<PathBuf> {
    let address = getpeername::<UnixAddr>(socket.as_fd().as_raw_fd()).ok()?;
    address.path().map(PathBuf::from)
}

/// Who connected a Unix socket, by the kernel's word; `None` if it is none.
pub(crate) fn peer_credentials(socket: &impl AsFd) -> Option<UnixCredentials> {
    let credentials = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    // A socket of another family has an answer, too: nobody.
    (credentials.pid() != 0).then_some(credentials)
}

fn internet_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    let v6: std::net::SocketAddrV6 = (*storage.as_sockaddr_in6()?).into();
    // An IPv4 client of a socket for both is what it is.
    Some(match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), v6.port()),
        None => SocketAddr::V6(v6),
    })
}

/// Sends small segments at once: a batch is one write already.
pub(crate) fn set_nodelay(socket: &impl AsFd) -> nix::Result<()> {
    setsockopt(socket, sockopt::TcpNoDelay, &true)
}

/// Ends our direction of a connection: the peer reads an end of file after what was written.
pub(crate) fn shutdown_write(socket: &impl AsFd) -> nix::Result<()> {
    socket::shutdown(socket.as_fd().as_raw_fd(), Shutdown::Write)
}

/// Ends both directions of a connection.
pub(crate) fn shutdown(socket: &impl AsFd) -> nix::Result<()> {
    socket::shutdown(socket.as_fd().as_raw_fd(), Shutdown::Both)
}

/// Whether `fd` is a stream socket, and if so whether it listens.
pub(crate) fn socket_listens(fd: &impl AsFd) -> Option<bool> {
    let kind = getsockopt(fd, sockopt::SockType).ok()?;
    (kind == SockType::Stream).then(|| getsockopt(fd, sockopt::AcceptConn).unwrap_or(false))
}

/// Whether a standard descriptor leads to this socket.
pub(crate) fn is_standard(number: RawFd, socket: &impl AsFd) -> bool {
    // SAFETY: as in `copy_standard`.
    let standard = unsafe { BorrowedFd::borrow_raw(number) };
    match (fstat(standard), fstat(socket)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// `/dev/null`, for reading and writing.
pub(crate) fn null() -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    nix::fcntl::open("/dev/null", flags, nix::sys::stat::Mode::empty())
}

/// A copy of a standard descriptor, under a number above 2.
pub(crate) fn copy_standard(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: descriptors 0 to 2 are open in every process of ours (the runtime sees to it), and the
    // borrow ends with this function.
    let standard = unsafe { BorrowedFd::borrow_raw(number) };
    let number = fcntl(standard, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: fcntl has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Has a standard descriptor lead where `by` does.
pub(crate) fn replace_standard(number: RawFd, by: &impl AsFd) -> nix::Result<()> {
    // SAFETY: dup2 replaces what is open under the number, which nobody owns, in one step.
    Errno::result(unsafe { libc::dup2(by.as_fd().as_raw_fd(), number) }).map(drop)
}

/// Locks a file against every other process that asks for it. The lock is the open file's: it goes on
/// where the descriptor does, through fork and exec, and ends when the last copy is closed.
///
/// # Errors
///
/// `EWOULDBLOCK` if another has it.
pub(crate) fn lock(file: &impl AsFd) -> nix::Result<()> {
    // SAFETY: flock(2) looks at nothing but the numbers.
    let answer = unsafe { libc::flock(file.as_fd().as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    Errno::result(answer).map(drop)
}

/// Takes for our own a descriptor that who started us says is at `number`, close-on-exec from now on.
///
/// Only before anything else is opened, and once for a number: it must not be another owner's.
///
/// # Errors
///
/// `EBADF` if there is none.
pub(crate) fn take_passed(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: the borrow ends with this statement, and a number that is not open gives EBADF.
    let passed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(passed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and by the condition above nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Marks every descriptor above 2 close-on-exec: what we were started with and did not ask for stays
/// ours and is not the service's.
pub(crate) fn keep_from_services() -> nix::Result<()> {
    // SAFETY: close_range(2) with this flag closes nothing now.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if done == 0 {
        return Ok(());
    }
    // Linux before 5.11, or a sandbox that knows no close_range.
    let open = std::fs::read_dir("/proc/self/fd").map_err(|_| Errno::ENOSYS)?;
    for number in open
        .flatten()
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
    {
        if number > 2 {
            // SAFETY: a number that is not open any more (the directory's own) gives EBADF.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            let _closed = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
    }
    Ok(())
}
