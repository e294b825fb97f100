//! The heap of a session: pages that nobody else writes to.
//!
//! What a session takes from the heap that it inherits lies in pages that are the listener's, too, a
//! little in each, and every page that it writes to is copied for it. So it takes what it needs, which
//! is little, from pages of its own, one after the other, and gives a page back when nothing in it is
//! used any more. What it finds there of the listener's it leaves alone.
#![expect(unsafe_code, reason = "an allocator, madvise, malloc_trim")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use nix::libc;
use nix::sys::mman::{MmapAdvise, madvise};

use super::pages::{Pages, page_len};

/// Bytes of a page of an arena.
const PAGE_LEN: usize = 4096;

/// Pages of an arena. They are used, and cost anything, as they are needed.
const PAGES: usize = 64;

/// Bytes of an arena.
const LEN: usize = PAGES * PAGE_LEN;

/// The longest piece that comes from an arena: a page. Longer ones, which a session seldom needs, are
/// the system's.
const MAX_LEN: usize = PAGE_LEN;

/// Every piece begins at a multiple of this.
const ALIGN: usize = 16;

/// Bytes that hold the arena itself, at its beginning.
const HEAD_LEN: usize = size_of::<Arena>().next_multiple_of(ALIGN);

/// The arena of this process, if there is one.
static ARENA: AtomicPtr<Arena> = AtomicPtr::new(ptr::null_mut());

/// The program's allocator: the system's, and in a session the session's own in front of it.
///
/// For a program without threads: there is one arena, and nothing keeps two from it.
#[derive(Debug)]
pub struct Heap;

/// What is taken and free in the pages behind it. All zero: it is not used yet.
#[derive(Debug)]
struct Arena {
    /// Pieces of each page that are in use. The first page has one more, which is this.
    used: [u16; PAGES],
    /// Where the next piece begins if its page has room.
    next: usize,
    /// Whether a piece has been the system's since this began: then those from outside are not all
    /// inherited.
    has_borrowed: bool,
}

/// Whose a piece is.
enum Owner {
    /// The arena's: where it begins there.
    Arena(&'static mut Arena, usize),
    /// The listener's: its pages are not to be touched.
    Listener,
    System,
}

/// Maps an arena for the processes that will be forked. Without memory for it they do without.
pub(crate) fn prepare() {
    let Some(len) = NonZeroUsize::new(LEN) else {
        return;
    };
    if let Ok(pages) = Pages::new(len) {
        // For good.
        let start = ManuallyDrop::new(pages).as_mut_ptr();
        ARENA.store(start.cast(), Ordering::Relaxed);
    }
}

/// Has this process, which has just been forked, take what it needs from its arena.
pub(crate) fn begin() {
    if let Some(arena) = arena() {
        arena.begin();
    }
}

/// Gives back to the kernel what is free.
pub(crate) fn give_back_unused() {
    let arena = arena().filter(|arena| arena.is_begun());
    let page_len = page_len();
    for unused in arena.iter().flat_map(|arena| arena.unused(page_len)) {
        if let Some(start) = NonNull::new(at(unused.start)) {
            // SAFETY: nothing is used in these pages; the next piece finds zeroes.
            let _given_back =
                unsafe { madvise(start.cast(), unused.len(), MmapAdvise::MADV_DONTNEED) };
        }
    }
    #[cfg(target_env = "gnu")]
    if arena.is_none_or(|arena| arena.has_borrowed) {
        // SAFETY: it only concerns memory that is free, and there is one thread.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// The arena, if there is one. Nobody keeps it while somebody else asks for it.
fn arena() -> Option<&'static mut Arena> {
    // SAFETY: it is null or the mapping, which begins with a valid arena and is there for good.
    unsafe { ARENA.load(Ordering::Relaxed).as_mut() }
}

/// The address of a place in the arena.
fn at(offset: usize) -> *mut u8 {
    ARENA
        .load(Ordering::Relaxed)
        .cast::<u8>()
        .wrapping_add(offset)
}

/// Where in the arena a piece comes from. `None`: the system has to give it.
fn take(layout: Layout) -> Option<*mut u8> {
    let arena = arena().filter(|arena| arena.is_begun())?;
    let taken = arena.take(layout);
    arena.has_borrowed |= taken.is_none();
    taken.map(at)
}

fn owner(piece: *const u8) -> Owner {
    let Some(arena) = arena().filter(|arena| arena.is_begun()) else {
        return Owner::System;
    };
    let offset = piece.addr().wrapping_sub(at(0).addr());
    if offset < LEN {
        Owner::Arena(arena, offset)
    } else if arena.has_borrowed {
        Owner::System
    } else {
        Owner::Listener
    }
}

// SAFETY: pieces of the arena are aligned as they must be, do not overlap, and stay until they are given
// back; all others are the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(piece) => {
                // SAFETY: it is as long.
                unsafe { piece.write_bytes(0, layout.size()) };
                piece
            }
            // SAFETY: the caller's.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match owner(piece) {
            Owner::Arena(arena, offset) => arena.give(offset, layout.size()),
            Owner::Listener => {}
            // SAFETY: the caller's, and it came from there.
            Owner::System => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_len: usize) -> *mut u8 {
        match owner(piece) {
            Owner::Arena(arena, offset) => {
                if arena.stretch(offset, layout.size(), new_len) {
                    return piece;
                }
            }
            Owner::Listener => {}
            // SAFETY: the caller's, and it came from there.
            Owner::System => return unsafe { System.realloc(piece, layout, new_len) },
        }
        // SAFETY: the caller's: the new length does not overflow with the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(new_len, layout.align()) };
        // SAFETY: the caller's: the new length is not zero.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both are as long, and the old one is the caller's until now.
            unsafe { ptr::copy_nonoverlapping(piece, moved, layout.size().min(new_len)) };
            // SAFETY: as above.
            unsafe { self.dealloc(piece, layout) };
        }
        moved
    }
}

impl Arena {
    fn begin(&mut self) {
        self.used = [0; PAGES];
        self.used[0] = 1;
        self.next = HEAD_LEN;
    }

    fn is_begun(&self) -> bool {
        self.next > 0
    }

    /// Finds room for a piece; where it begins.
    fn take(&mut self, layout: Layout) -> Option<usize> {
        if layout.size() > MAX_LEN || layout.align() > ALIGN {
            return None;
        }
        let len = layout.size().next_multiple_of(ALIGN);
        if self.room() < len {
            let page = self.used.iter().position(|used| *used == 0)?;
            self.next = page * PAGE_LEN;
        }
        let at = self.next;
        self.count(at)?;
        self.next += len;
        Some(at)
    }

    fn count(&mut self, at: usize) -> Option<()> {
        let used = self.used.get_mut(at / PAGE_LEN)?;
        *used += 1;
        Some(())
    }

    /// How much the page of the next piece has left.
    fn room(&self) -> usize {
        self.next.next_multiple_of(PAGE_LEN) - self.next
    }

    /// A piece is free.
    fn give(&mut self, at: usize, len: usize) {
        let page = at / PAGE_LEN;
        if let Some(used) = self.used.get_mut(page) {
            *used -= 1;
            let is_last = at + len.next_multiple_of(ALIGN) == self.next;
            if is_last {
                self.next = at;
            }
        }
    }

    /// Makes the last piece longer or shorter where it is; whether that went.
    fn stretch(&mut self, at: usize, old_len: usize, len: usize) -> bool {
        let is_last = at + old_len.next_multiple_of(ALIGN) == self.next;
        let end = at + len.next_multiple_of(ALIGN);
        let fits = end <= (at / PAGE_LEN + 1) * PAGE_LEN;
        if is_last && fits {
            self.next = end;
        }
        fits && is_last
    }

    /// Runs of pages in which nothing is used, as far as they are whole ones of the kernel's: it would
    /// take what is in use behind them, too. Each is a system call.
    fn unused(&self, kernel_page_len: usize) -> impl Iterator<Item = Range<usize>> {
        let runs = self.used.chunk_by(|one, next| (*one == 0) == (*next == 0));
        let mut end = 0;
        runs.filter_map(move |run| {
            let start = end;
            end += run.len() * PAGE_LEN;
            let is_unused = run.first() == Some(&0);
            let start = start.next_multiple_of(kernel_page_len);
            let whole = start..end / kernel_page_len * kernel_page_len;
            (is_unused && !whole.is_empty()).then_some(whole)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arena() -> Arena {
        let mut arena = Arena {
            used: [0; PAGES],
            next: 0,
            has_borrowed: false,
        };
        arena.begin();
        arena
    }

    fn bytes(len: usize) -> Layout {
        Layout::from_size_align(len, 1).expect("a layout")
    }

    #[test]
    fn pieces_are_aligned_and_lie_apart_within_their_pages() {
        let mut arena = arena();
        let mut end = HEAD_LEN;
        for len in (1..=MAX_LEN).step_by(7) {
            let Some(at) = arena.take(bytes(len)) else {
                break;
            };
            assert!(at >= end && at % ALIGN == 0 && at + len <= LEN);
            assert_eq!(at / PAGE_LEN, (at + len - 1) / PAGE_LEN, "{at} {len}");
            end = at + len;
        }
        assert!(end > LEN - PAGE_LEN, "all of it");
        assert_eq!(arena.take(bytes(MAX_LEN)), None);
    }

    #[test]
    fn what_is_long_or_aligned_beyond_the_usual_is_not_for_it() {
        let mut arena = arena();
        assert_eq!(arena.take(bytes(MAX_LEN + 1)), None);
        let page = Layout::from_size_align(16, 32).expect("a layout");
        assert_eq!(arena.take(page), None);
        assert!(arena.take(bytes(MAX_LEN)).is_some());
    }

    #[test]
    fn a_page_is_used_again_when_nothing_in_it_is() {
        let mut arena = arena();
        let mut taken = Vec::new();
        while let Some(at) = arena.take(bytes(1000)) {
            taken.push(at);
        }
        for at in taken.iter().filter(|at| **at / PAGE_LEN == 7) {
            assert_eq!(arena.take(bytes(1000)), None);
            arena.give(*at, 1000);
        }
        assert_eq!(arena.take(bytes(1000)), Some(7 * PAGE_LEN));
    }

    #[test]
    fn the_last_piece_gives_its_room_back_and_grows_in_its_place() {
        let mut arena = arena();
        let first = arena.take(bytes(40)).expect("room");
        let last = arena.take(bytes(40)).expect("room");
        assert!(!arena.stretch(first, 40, 50), "something is behind it");
        assert!(arena.stretch(last, 40, 400) && arena.stretch(last, 400, 300));
        assert!(
            !arena.stretch(last, 300, PAGE_LEN),
            "not into the next page"
        );
        assert_eq!(arena.take(bytes(8)), Some(last + 304));
        arena.give(last + 304, 8);
        arena.give(last, 300);
        assert_eq!(arena.take(bytes(16)), Some(last));
    }

    #[test]
    fn pages_without_a_piece_are_given_back_as_runs() {
        let half = PAGE_LEN / 2;
        let mut arena = arena();
        assert_eq!(unused(&arena, 1), [(1, 64)]);
        let pieces: Vec<_> = (0..6).filter_map(|_| arena.take(bytes(half))).collect();
        assert_eq!(unused(&arena, 1), [(4, 64)]);
        arena.give(pieces[1], half);
        assert_eq!(unused(&arena, 1), [(4, 64)]);
        arena.give(pieces[2], half);
        assert_eq!(unused(&arena, 1), [(1, 2), (4, 64)]);
    }

    #[test]
    fn where_pages_are_longer_only_whole_ones_are_given_back() {
        let mut arena = arena();
        let pieces: Vec<_> = (0..40).filter_map(|_| arena.take(bytes(MAX_LEN))).collect();
        for page in [1..18, 20..38].into_iter().flatten() {
            arena.give(pieces[page - 1], MAX_LEN);
        }
        assert_eq!(unused(&arena, 1), [(1, 18), (20, 38), (41, 64)]);
        assert_eq!(unused(&arena, 4), [(4, 16), (20, 36), (44, 64)]);
        assert_eq!(unused(&arena, 16), [(48, 64)]);
    }

    /// The first page and the end of each run that is given back, where a page of the kernel's is so many
    /// of ours.
    fn unused(arena: &Arena, pages: usize) -> Vec<(usize, usize)> {
        let unused = arena.unused(pages * PAGE_LEN);
        let in_pages = |it: Range<usize>| (it.start / PAGE_LEN, it.end / PAGE_LEN);
        unused.map(in_pages).collect()
    }

    /// What is done with the pieces, each of which is where it lies and how long it is.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Take(usize),
        Give(prop::sample::Index),
        GiveLast,
        Stretch(prop::sample::Index, usize),
        StretchLast(usize),
    }

    fn len() -> impl Strategy<Value = usize> {
        prop_oneof![8 => 1..200_usize, 2 => 1..=MAX_LEN, 1 => Just(MAX_LEN), 1 => Just(MAX_LEN / 2)]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => len().prop_map(Step::Take),
            3 => any::<prop::sample::Index>().prop_map(Step::Give),
            2 => Just(Step::GiveLast),
            1 => (any::<prop::sample::Index>(), len()).prop_map(|(at, len)| Step::Stretch(at, len)),
            2 => len().prop_map(Step::StretchLast),
        ]
    }

    proptest! {
        #[test]
        fn no_piece_touches_another_whatever_is_done(steps in prop::collection::vec(step(), 0..400)) {
            let mut arena = arena();
            // As they were taken.
            let mut pieces: Vec<(usize, usize)> = Vec::new();
            for step in steps {
                let last = pieces.len().checked_sub(1);
                let chosen = |at: prop::sample::Index| last.map(|last| at.index(last + 1));
                match step {
                    Step::Take(len) => pieces.extend(arena.take(bytes(len)).map(|at| (at, len))),
                    Step::Give(_) | Step::GiveLast => {
                        let place = if let Step::Give(at) = step { chosen(at) } else { last };
                        if let Some((at, len)) = place.map(|place| pieces.remove(place)) {
                            arena.give(at, len);
                        }
                    }
                    Step::Stretch(_, new_len) | Step::StretchLast(new_len) => {
                        let place = if let Step::Stretch(at, _) = step { chosen(at) } else { last };
                        if let Some((at, len)) = place.and_then(|place| pieces.get_mut(place)) {
                            if arena.stretch(*at, *len, new_len) {
                                *len = new_len;
                            }
                        }
                    }
                }
                let mut sorted = pieces.clone();
                sorted.sort_unstable();
                let mut end = HEAD_LEN;
                for (at, len) in sorted {
                    prop_assert!(at >= end && at % ALIGN == 0, "{at} lies in the one before, {end}");
                    end = at + len;
                    prop_assert!(end <= LEN && at / PAGE_LEN == (end - 1) / PAGE_LEN);
                }
                for (start, end) in unused(&arena, 1) {
                    let is_in_use = pieces.iter().any(|(at, _)| (start..end).contains(&(at / PAGE_LEN)));
                    prop_assert!(!is_in_use, "{start} to {end}");
                }
            }
            for (at, len) in pieces {
                arena.give(at, len);
            }
            prop_assert_eq!(unused(&arena, 1), [(1, PAGES)]);
        }
    }
}
