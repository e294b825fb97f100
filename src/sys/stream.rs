//! Descriptors that bytes are read from or written to without ever waiting, those included that we
//! share with others: a terminal's or a pipe's flags are not ours to change, for `O_NONBLOCK` would
//! hold for everybody who has them, and after us.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::fd;

/// A descriptor and the way not to wait for it.
#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
    way: Way,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// A pipe that does not block: a read that brings less than was asked for has emptied it.
    Pipe,
    /// A terminal that does not block, of which a read brings one line, whatever is behind it; a file,
    /// which is always ready.
    #[cfg(feature = "client")]
    Direct,
    /// A socket that blocks unless each call says not to.
    #[cfg(feature = "client")]
    Socket,
    /// A descriptor that blocks unless it is asked beforehand.
    #[cfg(feature = "client")]
    Asked,
}

impl Stream {
    /// A pipe's end that is ours alone, and non-blocking.
    pub(crate) fn pipe(fd: OwnedFd) -> Self {
        Self { fd, way: Way::Pipe }
    }

    /// Reads what is there: 0 is the end, EAGAIN nothing yet.
    pub(crate) fn read(&self, into: &mut [u8]) -> nix::Result<usize> {
        match self.way {
            Way::Pipe => fd::read(&self.fd, into),
            #[cfg(feature = "client")]
            Way::Direct | Way::Socket | Way::Asked => self.read_shared(into),
        }
    }

    /// Writes what there is room for, in order.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> nix::Result<usize> {
        match self.way {
            Way::Pipe => fd::write_vectored(&self.fd, slices),
            #[cfg(feature = "client")]
            Way::Direct | Way::Socket | Way::Asked => self.write_shared(slices),
        }
    }

    /// Whether a read may bring more without word from the kernel. `is_full`: the last one used all its
    /// room.
    pub(crate) fn has_more(&self, is_full: bool) -> bool {
        is_full || self.way != Way::Pipe
    }

    /// Whether there may be room after a write without word from the kernel. `is_whole`: it took all it
    /// was given.
    pub(crate) fn has_room(&self, is_whole: bool) -> bool {
        is_whole || self.way != Way::Pipe
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(feature = "client")]
mod shared {
    use std::io::{self, IoSlice, IsTerminal as _};
    use std::os::fd::{AsFd, AsRawFd as _};

    use nix::errno::Errno;
    use nix::fcntl::{OFlag, open};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::socket::{MsgFlags, SockaddrStorage, recv, sendmsg};
    use nix::sys::stat::{Mode, SFlag, fstat};

    use super::{Stream, Way};
    use crate::sys::{fd, retry};

    /// What a pipe takes whole if it says that it has room.
    const MAX_ASKED_LEN: usize = 4096;

    impl Stream {
        /// What others have, too, to read from or to write to. It stays as it is: a pipe or a terminal
        /// is opened once more for us alone, if the system lets us, a socket is told at each call,
        /// and anything else is asked beforehand whether it is ready.
        pub(crate) fn shared(fd: &impl AsFd, access: OFlag) -> io::Result<Self> {
            let kind = SFlag::from_bits_truncate(fstat(fd)?.st_mode & SFlag::S_IFMT.bits());
            let way = match kind {
                SFlag::S_IFSOCK => Way::Socket,
                SFlag::S_IFIFO => Way::Pipe,
                SFlag::S_IFREG => {
                    let fd = fd.as_fd().try_clone_to_owned()?;
                    let way = Way::Direct;
                    return Ok(Self { fd, way });
                }
                _ if fd.as_fd().is_terminal() => Way::Direct,
                _ => Way::Asked,
            };
            if let Way::Pipe | Way::Direct = way {
                let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
                let flags = access | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
                if let Ok(fd) = open(path.as_str(), flags, Mode::empty()) {
                    return Ok(Self { fd, way });
                }
            }
            let way = if way == Way::Socket { way } else { Way::Asked };
            let fd = fd.as_fd().try_clone_to_owned()?;
            Ok(Self { fd, way })
        }

        pub(super) fn read_shared(&self, into: &mut [u8]) -> nix::Result<usize> {
            match self.way {
                Way::Socket => retry(|| recv(self.fd.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT)),
                Way::Asked => {
                    self.ask(PollFlags::POLLIN)?;
                    fd::read(&self.fd, into)
                }
                Way::Pipe | Way::Direct => fd::read(&self.fd, into),
            }
        }

        pub(super) fn write_shared(&self, slices: &[IoSlice<'_>]) -> nix::Result<usize> {
            match self.way {
                Way::Socket => retry(|| {
                    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                    sendmsg::<SockaddrStorage>(self.fd.as_raw_fd(), slices, &[], flags, None)
                }),
                Way::Asked => {
                    self.ask(PollFlags::POLLOUT)?;
                    let first = slices.iter().find(|slice| !slice.is_empty());
                    let first: &[u8] = first.map_or(&[], |slice| slice);
                    let part = first.get(..MAX_ASKED_LEN).unwrap_or(first);
                    fd::write(&self.fd, part)
                }
                Way::Pipe | Way::Direct => fd::write_vectored(&self.fd, slices),
            }
        }

        /// Answers EAGAIN if a call would wait.
        fn ask(&self, wanted: PollFlags) -> nix::Result<()> {
            let mut fds = [PollFd::new(self.fd.as_fd(), wanted)];
            match retry(|| poll(&mut fds, PollTimeout::ZERO))? {
                0 => Err(Errno::EAGAIN),
                _ => Ok(()),
            }
        }
    }
}
