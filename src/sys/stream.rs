//! Descriptors that bytes are read from or written to without ever waiting, those included that we
//! share with others: a terminal's or a pipe's flags are not ours to change, for `O_NONBLOCK` would
//! hold for everybody who has them, and after us.

use std::cell::Cell;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::fd;
use super::pages::page_len;

/// What a pipe of ours holds from when it was full: its reader and its writer need not take turns then.
/// Measured with 1 KiB lines: half as much again, either way.
const WIDE_LEN: usize = 256 * 1024;

/// Pages that a pipe holds by itself.
const PIPE_PAGES: usize = 16;

/// A descriptor and the way not to wait for it.
#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
    way: Way,
    width: Cell<Width>,
}

/// How much a pipe holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Width {
    /// It is not ours to say.
    Fixed,
    /// What it does by itself: the kernel counts what a user's pipes may hold, and most have little in
    /// them.
    Narrow,
    Wide,
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
        let width = match narrow_len() < WIDE_LEN {
            true => Width::Narrow,
            false => Width::Fixed,
        };
        Self {
            fd,
            way: Way::Pipe,
            width: Cell::new(width),
        }
    }

    /// Reads what is there: 0 is the end, EAGAIN nothing yet.
    pub(crate) fn read(&self, into: &mut [u8]) -> nix::Result<usize> {
        match self.way {
            Way::Pipe => {
                let count = fd::read(&self.fd, into)?;
                if count >= narrow_len() {
                    self.widen();
                }
                Ok(count)
            }
            #[cfg(feature = "client")]
            Way::Direct | Way::Socket | Way::Asked => self.read_shared(into),
        }
    }

    /// Writes what there is room for, in order.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> nix::Result<usize> {
        match self.way {
            Way::Pipe => match fd::write_vectored(&self.fd, slices) {
                Err(Errno::EAGAIN) if self.widen() => fd::write_vectored(&self.fd, slices),
                written => written,
            },
            #[cfg(feature = "client")]
            Way::Direct | Way::Socket | Way::Asked => self.write_shared(slices),
        }
    }

    /// A pipe of ours is full: from here on it holds more, if the kernel lets it. Whether it does.
    fn widen(&self) -> bool {
        let is_narrow = self.width.get() == Width::Narrow;
        if is_narrow {
            self.width.set(Width::Wide);
        }
        is_narrow && fd::set_pipe_len(&self.fd, WIDE_LEN).is_ok()
    }

    /// A pipe of ours rests: it holds as much as any, unless there is more in it.
    pub(crate) fn narrow(&self) {
        if self.width.get() == Width::Wide && fd::set_pipe_len(&self.fd, narrow_len()).is_ok() {
            self.width.set(Width::Narrow);
        }
    }

    /// Whether a read may bring more without word from the kernel. `is_full`: the last one used all its
    /// room.
    pub(crate) fn has_more(&self, is_full: bool) -> bool {
        is_full || self.way != Way::Pipe
    }

    /// Whether there may be room after a write without word from the kernel. `is_whole`: it took all it
    /// was given. A pipe that it filled holds more now: not every kernel has word of that.
    pub(crate) fn has_room(&self, is_whole: bool) -> bool {
        is_whole || self.way != Way::Pipe || self.widen()
    }
}

/// What a pipe holds by itself, in bytes.
fn narrow_len() -> usize {
    PIPE_PAGES * page_len()
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(feature = "client")]
mod shared {
    use std::cell::Cell;
    use std::io::{self, IoSlice, IsTerminal as _};
    use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

    use nix::errno::Errno;
    use nix::fcntl::{OFlag, open};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::socket::{MsgFlags, SockaddrStorage, recv, sendmsg};
    use nix::sys::stat::{Mode, SFlag, fstat};

    use super::{Stream, Way, Width};
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
                    return Ok(Self::of(fd, Way::Direct));
                }
                _ if fd.as_fd().is_terminal() => Way::Direct,
                _ => Way::Asked,
            };
            if let Way::Pipe | Way::Direct = way {
                let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
                let flags = access | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
                if let Ok(fd) = open(path.as_str(), flags, Mode::empty()) {
                    return Ok(Self::of(fd, way));
                }
            }
            let way = if way == Way::Socket { way } else { Way::Asked };
            let fd = fd.as_fd().try_clone_to_owned()?;
            Ok(Self::of(fd, way))
        }

        fn of(fd: OwnedFd, way: Way) -> Self {
            let width = Cell::new(Width::Fixed);
            Self { fd, way, width }
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

#[cfg(test)]
mod tests {
    use nix::fcntl::{FcntlArg, fcntl};

    use super::*;

    /// The two ends of a pipe of ours.
    fn pipe() -> (Stream, Stream) {
        let (source, sink) = fd::pipe().unwrap();
        for end in [&source, &sink] {
            fd::make_nonblocking(end).unwrap();
        }
        (Stream::pipe(source), Stream::pipe(sink))
    }

    fn len(stream: &Stream) -> usize {
        let len = fcntl(stream, FcntlArg::F_GETPIPE_SZ).unwrap();
        usize::try_from(len).unwrap()
    }

    fn write(stream: &Stream, len: usize) -> nix::Result<usize> {
        stream.write(&[IoSlice::new(&vec![b'x'; len])])
    }

    fn read(stream: &Stream) -> usize {
        stream.read(&mut vec![0; WIDE_LEN]).unwrap()
    }

    #[test]
    fn a_pipe_that_is_full_holds_more_until_it_rests() {
        let (source, sink) = pipe();
        assert_eq!(write(&sink, narrow_len()), Ok(narrow_len()));
        assert_eq!(len(&sink), narrow_len());
        assert_eq!(write(&sink, WIDE_LEN), Ok(WIDE_LEN - narrow_len()));
        assert_eq!(len(&sink), WIDE_LEN);
        assert_eq!(write(&sink, 1), Err(Errno::EAGAIN));
        sink.narrow();
        assert_eq!(len(&sink), WIDE_LEN, "it is not empty");
        assert_eq!(read(&source), WIDE_LEN);
        sink.narrow();
        assert_eq!(len(&sink), narrow_len());
    }

    #[test]
    fn a_pipe_that_takes_a_part_has_room_for_more_once() {
        let (_source, sink) = pipe();
        assert_eq!(write(&sink, WIDE_LEN), Ok(narrow_len()));
        assert!(sink.has_room(false));
        assert_eq!(write(&sink, WIDE_LEN), Ok(WIDE_LEN - narrow_len()));
        assert!(!sink.has_room(false));
    }

    #[test]
    fn what_fills_a_pipe_makes_its_reader_have_it_hold_more() {
        let (source, sink) = pipe();
        write(&sink, narrow_len() - 1).unwrap();
        read(&source);
        assert_eq!(len(&source), narrow_len());
        write(&sink, narrow_len()).unwrap();
        read(&source);
        assert_eq!(len(&source), WIDE_LEN);
    }
}
