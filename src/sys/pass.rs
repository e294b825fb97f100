//! A descriptor on its way to another process, with a few words.
#![expect(unsafe_code, reason = "sendmsg, recvmsg, a descriptor that arrives")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::{offset_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use super::retry;

/// The two ends of a way. What is sent at one arrives at the other whole or not at all.
pub(crate) fn way() -> nix::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
}

/// One descriptor as sendmsg(2) and recvmsg(2) have it: the only control message there is.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fd: RawFd,
}

/// Sends words, at least one byte of them, and a copy of a descriptor, without waiting for room.
///
/// Takes nothing from the heap: the listener sends, and each page that it writes to is copied then, for
/// it shares them with those it has forked.
pub(crate) fn send(way: &OwnedFd, words: &[u8], fd: &impl AsFd) -> nix::Result<()> {
    // SAFETY: all zero is a value.
    let mut rights: Rights = unsafe { zeroed() };
    rights.header.cmsg_level = libc::SOL_SOCKET;
    rights.header.cmsg_type = libc::SCM_RIGHTS;
    rights.header.cmsg_len = rights_len();
    rights.fd = fd.as_fd().as_raw_fd();
    let mut words = IoSlice::new(words);
    let message = message((&raw mut words).cast(), &mut rights);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the message is one slice, which the kernel only reads, and one block of control data with
    // one descriptor; all of it lives longer than the call.
    retry(|| Errno::result(unsafe { libc::sendmsg(way.as_raw_fd(), &raw const message, flags) }))
        .map(drop)
}

/// Waits for words and a descriptor: how many bytes of `words` they are. `None`: nobody will send any.
pub(crate) fn receive(way: &OwnedFd, words: &mut [u8]) -> nix::Result<Option<(usize, OwnedFd)>> {
    // SAFETY: all zero is a value.
    let mut rights: Rights = unsafe { zeroed() };
    let mut words = IoSliceMut::new(words);
    let mut message = message((&raw mut words).cast(), &mut rights);
    let flags = libc::MSG_CMSG_CLOEXEC;
    let len = retry(|| {
        // SAFETY: the message is one slice and one block of control data, which the kernel fills as far
        // as they go; both live longer than the call.
        Errno::result(unsafe { libc::recvmsg(way.as_raw_fd(), &raw mut message, flags) })
    })?;
    if len == 0 {
        return Ok(None);
    }
    let has_one = rights.header.cmsg_type == libc::SCM_RIGHTS
        && rights.header.cmsg_level == libc::SOL_SOCKET
        && rights.header.cmsg_len == rights_len();
    if !has_one {
        return Err(Errno::EBADMSG);
    }
    // SAFETY: the kernel has just made it for us, and there is room for one alone.
    let fd = unsafe { OwnedFd::from_raw_fd(rights.fd) };
    Ok(Some((usize::try_from(len).unwrap_or(0), fd)))
}

/// A message of one slice and one descriptor.
fn message(words: *mut libc::iovec, rights: &mut Rights) -> libc::msghdr {
    // SAFETY: all zero is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = words;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut *rights).cast();
    message.msg_controllen = length(size_of::<Rights>());
    message
}

/// What a header with one descriptor behind it has for a length (`CMSG_LEN`).
fn rights_len<L: From<u8>>() -> L {
    length(offset_of!(Rights, fd) + size_of::<RawFd>())
}

/// A length of a few bytes, in whatever type the C library has it.
fn length<L: From<u8>>(len: usize) -> L {
    L::from(u8::try_from(len).unwrap_or(0))
}
