//! A list that only this process has: what it forks does not find the pages. Memory that the listener
//! writes to between two forks is otherwise the session's, too, as it was, for as long as that lives.
#![expect(unsafe_code, reason = "slices over a mapping")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};

use nix::errno::Errno;

use super::pages::Pages;

/// Bytes of the first mapping; each next one is twice as long.
const FIRST_LEN: usize = 4096;

/// Values one behind the other, in pages of their own that no child of this process has. A child must
/// not look at it, which is the end of it by `SIGSEGV`.
///
/// The pages stay for the life of the process: in a child the addresses are free, and may have become
/// somebody else's when the table is dropped there.
pub(crate) struct Table<T> {
    pages: Option<ManuallyDrop<Pages>>,
    len: usize,
    values: PhantomData<T>,
}

impl<T: Copy> Table<T> {
    /// An empty one, without memory.
    pub(crate) fn new() -> Self {
        Self {
            pages: None,
            len: 0,
            values: PhantomData,
        }
    }

    /// Makes room for one more: the next [`Table::push`] succeeds.
    ///
    /// # Errors
    ///
    /// There is no memory. Nothing has changed.
    pub(crate) fn reserve(&mut self) -> nix::Result<()> {
        let held_len = self.pages.as_ref().map_or(0, |pages| pages.len());
        let wanted_len = (self.len + 1) * size_of::<T>();
        if wanted_len <= held_len {
            return Ok(());
        }
        let len = wanted_len.max(FIRST_LEN).next_power_of_two();
        let len = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
        let mut pages = Pages::new(len)?;
        pages.keep_from_children()?;
        if let Some(mut old) = self.pages.take() {
            if let Some(start) = pages.get_mut(..old.len()) {
                start.copy_from_slice(&old);
            }
            // SAFETY: it has just been taken from where it would be used again.
            unsafe { ManuallyDrop::drop(&mut old) };
        }
        self.pages = Some(ManuallyDrop::new(pages));
        Ok(())
    }

    /// Adds a value behind the others.
    ///
    /// # Errors
    ///
    /// As for [`Table::reserve`].
    pub(crate) fn push(&mut self, value: T) -> nix::Result<()> {
        self.reserve()?;
        if let Some(pages) = &mut self.pages {
            let values = pages.as_mut_ptr().cast::<T>();
            // SAFETY: there is room for one more behind the values.
            let end = unsafe { values.add(self.len) };
            // SAFETY: as above, and a mapping is aligned for any type.
            unsafe { end.write(value) };
            self.len += 1;
        }
        Ok(())
    }

    /// Takes out the last value.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.last().copied()?;
        self.len -= 1;
        Some(last)
    }

    /// Takes out a value; those behind it move up.
    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        let value = self.get(at).copied()?;
        self.copy_within(at + 1.., at);
        self.len -= 1;
        Some(value)
    }

    /// Takes out all but those of which `is_kept` holds.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        let mut kept_len = 0;
        for at in 0..self.len {
            if self.get(at).is_some_and(&is_kept) {
                self.copy_within(at..=at, kept_len);
                kept_len += 1;
            }
        }
        self.len = kept_len;
    }
}

impl<T: Copy> Deref for Table<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.pages {
            // SAFETY: the mapping is aligned for any type and holds `len` values that were written;
            // `&self` keeps the only writer away.
            Some(pages) => unsafe { std::slice::from_raw_parts(pages.as_ptr().cast(), self.len) },
            None => &[],
        }
    }
}

impl<T: Copy> DerefMut for Table<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.pages {
            // SAFETY: as above; `&mut self` keeps everyone else away.
            Some(pages) => unsafe {
                std::slice::from_raw_parts_mut(pages.as_mut_ptr().cast(), self.len)
            },
            None => &mut [],
        }
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::wait::{WaitStatus, waitpid};

    use super::super::fork::{Fork, exit_now, fork};
    use super::*;

    fn table(len: u32) -> Table<u32> {
        let mut table = Table::new();
        (0..len).for_each(|value| table.push(value).expect("memory"));
        table
    }

    #[test]
    fn what_is_put_in_is_there_however_much_it_is() {
        let table = table(100_000);
        assert!(table.iter().copied().eq(0..100_000));
    }

    #[test]
    fn values_are_taken_out_from_anywhere() {
        let mut table = table(6);
        assert_eq!(table.pop(), Some(5));
        assert_eq!(table.remove(1), Some(1));
        assert_eq!(*table, [0, 2, 3, 4]);
        table.retain(|value| value % 2 == 0);
        assert_eq!(*table, [0, 2, 4]);
        assert_eq!((table.remove(3), table.remove(2)), (None, Some(4)));
        assert_eq!(
            (table.pop(), table.pop(), table.pop()),
            (Some(2), Some(0), None)
        );
    }

    #[test]
    fn a_child_does_not_have_it() {
        let table = table(1);
        match fork().expect("a process") {
            // Its status would be the value.
            Fork::Child => exit_now(table.first().map_or(1, |value| u8::from(*value != 0))),
            Fork::Parent(pid) => {
                let end = waitpid(pid, None).expect("its end");
                let is_fault = matches!(end, WaitStatus::Signaled(_, nix::sys::signal::SIGSEGV, _));
                assert!(is_fault, "{end:?}");
            }
        }
    }
}
