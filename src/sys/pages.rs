//! Memory that goes back to the kernel when it is dropped, which a heap does not promise: an idle
//! session holds no buffer, and this is how.
#![expect(unsafe_code, reason = "mmap and the slice over it")]

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

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
}

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
