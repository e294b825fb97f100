//! Memory that goes back to the kernel when it is dropped, which a heap does not promise: an idle
//! session holds no buffer, and this is how.
#![expect(unsafe_code, reason = "mmap and the slice over it, madvise")]

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::OnceLock;

use nix::libc;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
use nix::unistd::{SysconfVar, sysconf};

use super::heap;

/// How much stack below the caller is given back: more than a session ever uses.
const STACK_LEN: usize = 256 * 1024;

/// More than the frames of a function that does nothing but a system call.
const FRAMES_LEN: usize = 512;

/// The longest page that a kernel has for us.
const MAX_PAGE_LEN: usize = 64 * 1024;

/// Gives back what the heap and the stack hold and nobody uses: what was needed to begin a session is
/// many times what it takes to wait for the next byte. A few microseconds.
pub(crate) fn give_back_unused() {
    heap::give_back_unused();
    give_back_stack();
}

/// Gives back the pages below this function's frame.
#[inline(never)]
fn give_back_stack() {
    let here = 0_u8;
    let page = page_len();
    // The frames of madvise itself stay.
    let top = ((&raw const here).addr() - FRAMES_LEN) & !(page - 1);
    let start = std::ptr::without_provenance_mut(top - STACK_LEN);
    if let Some(start) = NonNull::<libc::c_void>::new(start) {
        // SAFETY: below the frame that runs there is nothing but what earlier calls left behind; the
        // next ones find zeroes. Where the stack is not that long yet, nothing is mapped and the call
        // fails, having given back what there is.
        let _given_back = unsafe { madvise(start, STACK_LEN, MmapAdvise::MADV_DONTNEED) };
    }
}

/// Bytes of a page of the kernel's: some processors have several lengths of them. Costs no system call.
pub(super) fn page_len() -> usize {
    // Found out before the first fork: a session that asks reads a page of the C library's for it.
    static LEN: OnceLock<usize> = OnceLock::new();
    *LEN.get_or_init(|| {
        let len = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        len.and_then(|len| usize::try_from(len).ok())
            .unwrap_or(MAX_PAGE_LEN)
    })
}

/// Zeroed bytes in pages of their own. A page costs memory from its first touch on.
pub(crate) struct Pages {
    start: NonNull<u8>,
    len: NonZeroUsize,
}

impl Pages {
    /// Maps `len` bytes.
    pub(crate) fn new(len: NonZeroUsize) -> nix::Result<Self> {
        // SAFETY: a private anonymous mapping at an address of the kernel's choice touches no memory
        // that is in use.
        let start = unsafe {
            mmap_anonymous(
                None,
                len,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_PRIVATE,
            )
        }?;
        Ok(Self {
            start: start.cast(),
            len,
        })
    }

    /// Has them left out of what children of this process are given. A child must not drop them: the
    /// addresses may be somebody else's there.
    pub(super) fn keep_from_children(&self) -> nix::Result<()> {
        // SAFETY: the mapping is ours; nothing changes about it in this process.
        unsafe { madvise(self.start.cast(), self.len.get(), MmapAdvise::MADV_DONTFORK) }
    }
}

// SAFETY: the mapping is owned by one value, as memory of the heap is by its box; nothing about it
// depends on the thread.
unsafe impl Send for Pages {}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `start` is a mapping of `len` readable, zero-initialised bytes that lives as long as
        // `self`, and `&self` keeps the only writer away.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len.get()) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; `&mut self` keeps everyone else away.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len.get()) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing borrows from it any more. It cannot fail for a
        // mapping that was made; there would be nothing to do about it.
        let _unmapped = unsafe { munmap(self.start.cast(), self.len.get()) };
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({})", self.len)
    }
}
