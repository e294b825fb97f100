//! A descriptor on its way to another process, with a few words.
#![expect(unsafe_code, reason = "sendmsg, descriptors by number")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, socketpair,
};

use super::retry;

/// The two ends of a way. What is sent at one arrives at the other whole or not at all.
pub(crate) fn way() -> nix::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
}

/// One descriptor as sendmsg(2) takes it.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fd: RawFd,
}

/// Sends words, at least one byte of them, and a copy of a descriptor, without waiting for room.
///
/// Takes nothing from the heap: the listener sends, and each page that it writes to is copied then, for
/// it shares them with those it has forked.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "lengths of a few bytes, which each C library has in a type of its own"
)]
pub(crate) fn send(way: &OwnedFd, words: &[u8], fd: &impl AsFd) -> nix::Result<()> {
    // SAFETY: looks at nothing.
    let rights_len = unsafe { libc::CMSG_LEN(size_of::<RawFd>() as u32) };
    // SAFETY: all zero is a value.
    let mut rights: Rights = unsafe { zeroed() };
    rights.header.cmsg_level = libc::SOL_SOCKET;
    rights.header.cmsg_type = libc::SCM_RIGHTS;
    rights.header.cmsg_len = rights_len as _;
    rights.fd = fd.as_fd().as_raw_fd();
    let mut words = IoSlice::new(words);
    // SAFETY: as above.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = (&raw mut words).cast();
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut rights).cast();
    message.msg_controllen = size_of::<Rights>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the message is one slice, which the kernel only reads, and one block of control data with
    // one descriptor; all of it lives longer than the call.
    retry(|| Errno::result(unsafe { libc::sendmsg(way.as_raw_fd(), &raw const message, flags) }))
        .map(drop)
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
