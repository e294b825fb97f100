//! A descriptor on its way to another process, with a few words.
#![expect(unsafe_code, reason = "descriptors by number: those that arrive")]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

use super::retry;

/// The two ends of a way. What is sent at one arrives at the other whole or not at all.
pub(crate) fn way() -> nix::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
}

/// Sends words, at least one byte of them, and a copy of a descriptor, without waiting for room.
pub(crate) fn send(way: &OwnedFd, words: &[u8], fd: &impl AsFd) -> nix::Result<()> {
    let fds = [fd.as_fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let words = [IoSlice::new(words)];
    retry(|| sendmsg::<()>(way.as_raw_fd(), &words, &rights, flags, None)).map(drop)
}

/// Waits for words and a descriptor: how many bytes of `words` they are. `None`: nobody will send any.
pub(crate) fn receive(way: &OwnedFd, words: &mut [u8]) -> nix::Result<Option<(usize, OwnedFd)>> {
    let mut words = [IoSliceMut::new(words)];
    let mut space = cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(way.as_raw_fd(), &mut words, Some(&mut space), flags)?;
    if message.bytes == 0 {
        return Ok(None);
    }
    let Some(ControlMessageOwned::ScmRights(fds)) = message.cmsgs()?.next() else {
        return Err(Errno::EBADMSG);
    };
    let fd = *fds.first().ok_or(Errno::EBADMSG)?;
    // SAFETY: the kernel has just made it for us, and there is room for one alone.
    Ok(Some((message.bytes, unsafe { OwnedFd::from_raw_fd(fd) })))
}
