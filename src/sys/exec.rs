//! Becoming another program in the same process, or going on as before if that fails.
#![expect(unsafe_code, reason = "descriptors by number")]

use std::convert::Infallible;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::execve;

use super::strings::Strings;

/// The first descriptor that is passed on, as in the socket-activation protocol.
pub(crate) const FIRST: RawFd = 3;

/// Becomes the program at `path`, with `pass` as descriptors 3 and up; all others above 2 are
/// close-on-exec. Signal mask and pid stay, handlers go.
///
/// # Errors
///
/// The program cannot be run. Then every descriptor is what it was.
pub(crate) fn replace(
    path: &CStr,
    argv: &Strings,
    env: &Strings,
    pass: &[BorrowedFd<'_>],
) -> nix::Result<Infallible> {
    let end = FIRST + RawFd::try_from(pass.len()).map_err(|_| Errno::EMFILE)?;
    // None of them may be overwritten before its turn.
    let copies: Vec<_> = pass.iter().map(|fd| copy(fd, end)).collect();
    let copies = copies.into_iter().collect::<nix::Result<Vec<_>>>()?;
    let places = Places::take(end)?;
    let placed: nix::Result<Vec<()>> = (FIRST..).zip(&copies).map(place).collect();
    let (argv, env): (Vec<_>, Vec<_>) = (argv.iter().collect(), env.iter().collect());
    let outcome = placed.and_then(|_| execve(path, &argv, &env));
    places.restore();
    outcome
}

/// What was at the numbers that are needed; `None` for a number that was free.
#[derive(Debug)]
struct Places(Vec<(RawFd, Option<OwnedFd>)>);

impl Places {
    fn take(end: RawFd) -> nix::Result<Self> {
        let kept = (FIRST..end).map(|number| {
            // SAFETY: the borrow ends with this closure, and a number that is not open gives EBADF.
            match copy(&unsafe { BorrowedFd::borrow_raw(number) }, end) {
                Ok(kept) => Ok((number, Some(kept))),
                Err(Errno::EBADF) => Ok((number, None)),
                Err(errno) => Err(errno),
            }
        });
        kept.collect::<nix::Result<_>>().map(Self)
    }

    /// Whoever owned a number finds the same behind it again.
    fn restore(self) {
        for (number, kept) in self.0 {
            match kept {
                // SAFETY: both are numbers; dup3 replaces the one by what it was.
                Some(kept) => unsafe { libc::dup3(kept.as_raw_fd(), number, libc::O_CLOEXEC) },
                // SAFETY: it was free before we placed something there, so nobody owns it.
                None => unsafe { libc::close(number) },
            };
        }
    }
}

/// A close-on-exec copy with a number that is not below `min`.
fn copy(fd: &impl AsFd, min: RawFd) -> nix::Result<OwnedFd> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(min))?;
    // SAFETY: fcntl has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn place((number, copy): (RawFd, &OwnedFd)) -> nix::Result<()> {
    // SAFETY: what was at the number is kept, and comes back if we stay.
    Errno::result(unsafe { libc::dup2(copy.as_raw_fd(), number) }).map(drop)
}
