//! Bytes on their way out of the process, in one direction: a [`Batch`] is what one step produced, a
//! [`Queue`] what the kernel did not take of it.
//!
//! Floor 0. Nothing here writes: a batch lends its bytes as slices for one `writev`, is told how many
//! were taken, and what is left is moved to the queue, which is written from first afterwards.
//!
//! The queue is a linked list of nodes. A node holds many small frames, or a part of none: it always
//! ends where a frame (or record) ends, so that a control frame can be put between two nodes.

use std::borrow::Cow;
use std::collections::LinkedList;
use std::io::IoSlice;

/// From this length on a run is lent to the kernel in place; below it, one copy costs less than one
/// more slice for the kernel to walk.
const LEND_FROM: usize = 2048;

/// How many slices one `writev` is given; a batch that has as many is full.
const MAX_SLICES: usize = 64;

/// The least a node holds before the next one is begun: the grain in which control frames overtake.
const NODE_LEN: usize = 4096;

/// Scratch memory beyond this is given back before the next batch.
const MAX_SCRATCH_LEN: usize = 256 * 1024;

/// The outcome of one step: short pieces copied together, long ones lent, in order.
#[derive(Debug)]
pub struct Batch<'a, 's> {
    scratch: &'s mut Vec<u8>,
    /// What was not copied, each with the length of `scratch` when it was added.
    aside: Vec<(usize, Cow<'a, [u8]>)>,
    aside_len: usize,
    /// Ends of frames, as offsets, at least `NODE_LEN` apart.
    ends: Vec<usize>,
    last_end: usize,
}

impl<'a, 's> Batch<'a, 's> {
    /// An empty batch that copies into `scratch`, which is cleared and keeps its capacity up to 256 KiB.
    pub fn new(scratch: &'s mut Vec<u8>) -> Self {
        scratch.clear();
        scratch.shrink_to(MAX_SCRATCH_LEN);
        Self {
            scratch,
            aside: Vec::new(),
            aside_len: 0,
            ends: Vec::new(),
            last_end: 0,
        }
    }

    /// Adds bytes that do not outlive the call. Copies them once.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        match bytes.len() {
            8..16 => self.copy_ends::<8>(bytes),
            16..=32 => self.copy_ends::<16>(bytes),
            _ => self.scratch.extend_from_slice(bytes),
        }
    }

    /// [`copy`](Self::copy) for a piece of `N` to `2 * N` bytes, as its first `N` and its last: what is
    /// copied by known lengths takes a fifth of the time of a call.
    #[inline]
    fn copy_ends<const N: usize>(&mut self, bytes: &[u8]) {
        let end = self.scratch.len() + bytes.len();
        if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
            self.scratch.extend_from_slice(first);
            self.scratch.truncate(end - N);
            self.scratch.extend_from_slice(last);
        }
    }

    /// Adds the first `len` bytes of an array: it is copied as a whole, likewise, and cut.
    #[inline]
    pub fn copy_start<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        let end = self.scratch.len() + len;
        self.scratch.extend_from_slice(bytes);
        self.scratch.truncate(end);
    }

    /// Adds bytes that live as long as the batch; copies them only where that is cheaper.
    #[inline]
    pub fn lend(&mut self, bytes: &'a [u8]) {
        if bytes.len() < LEND_FROM {
            self.copy(bytes);
        } else {
            self.put_aside(Cow::Borrowed(bytes));
        }
    }

    /// Adds bytes that nobody else needs; their memory goes with the batch.
    pub fn give(&mut self, bytes: Vec<u8>) {
        if bytes.len() < LEND_FROM {
            self.copy(&bytes);
        } else {
            self.put_aside(Cow::Owned(bytes));
        }
    }

    /// Adds a copy of `bytes` and returns it, to be changed in place (a client masks it).
    pub fn copy_mut(&mut self, bytes: &[u8]) -> &mut [u8] {
        let from = self.scratch.len();
        self.copy(bytes);
        self.scratch.get_mut(from..).unwrap_or_default()
    }

    /// Says that a frame or record ends here: what comes next may be overtaken.
    #[inline]
    pub fn end_frame(&mut self) {
        let len = self.len();
        if len - self.last_end >= NODE_LEN {
            self.ends.push(len);
            self.last_end = len;
        }
    }

    /// How many bytes the batch holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.scratch.len() + self.aside_len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is time to write: one `writev` takes no more slices.
    #[inline]
    pub fn is_full(&self) -> bool {
        // The next step puts at most two pieces aside, and copied ones stand around each.
        2 * (self.aside.len() + 2) + 1 > MAX_SLICES
    }

    /// The bytes from offset `from` on, for `writev`.
    pub fn slices(&self, from: usize) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.aside.len() + 1);
        self.for_each_from(from, |bytes| slices.push(IoSlice::new(bytes)));
        slices
    }

    fn put_aside(&mut self, bytes: Cow<'a, [u8]>) {
        self.aside_len += bytes.len();
        self.aside.push((self.scratch.len(), bytes));
    }

    /// Calls `each` with every piece that has bytes at or after `from`, in order, never with an empty one.
    fn for_each_from<'b>(&'b self, from: usize, mut each: impl FnMut(&'b [u8])) {
        let mut skip = from;
        let mut visit = |bytes: &'b [u8]| match bytes.get(skip..) {
            Some(rest) if !rest.is_empty() => {
                each(rest);
                skip = 0;
            }
            _ => skip -= bytes.len(),
        };
        let mut copied = 0;
        for (at, bytes) in &self.aside {
            visit(self.scratch.get(copied..*at).unwrap_or_default());
            visit(bytes);
            copied = *at;
        }
        visit(self.scratch.get(copied..).unwrap_or_default());
    }
}

/// What a node's last byte ends, which decides what may come next to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Nothing: the rest of the frame is to be appended.
    Open,
    /// A data frame or record; more of them may be appended.
    Data,
    /// A control frame, alone in its node.
    Control,
}

#[derive(Debug)]
struct Node {
    bytes: Vec<u8>,
    /// `written < bytes.len()`.
    written: usize,
    /// Whether a part of the first frame has left: then nothing may come before this node.
    is_begun: bool,
    end: End,
}

/// Frames or records waiting in one direction.
#[derive(Debug, Default)]
pub struct Queue {
    /// None of them empty.
    nodes: LinkedList<Node>,
    len: usize,
}

impl Queue {
    /// An empty queue; it holds no memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes over what the kernel did not take of a batch: its bytes from offset `from` on, which is not
    /// zero only if the queue is empty. Copies them once.
    ///
    /// The batch ends with a whole frame wherever [`overtake`](Self::overtake) is used.
    pub fn push(&mut self, batch: &Batch<'_, '_>, from: usize) {
        let is_begun = from > 0 && self.is_empty();
        let mut ends = batch.ends.iter().copied().filter(|end| *end > from);
        let mut end = ends.next();
        let mut at = from;
        batch.for_each_from(from, |mut bytes| {
            while !bytes.is_empty() {
                let to_end = end.map_or(bytes.len(), |end| bytes.len().min(end - at));
                let (now, rest) = bytes.split_at_checked(to_end).unwrap_or((bytes, &[]));
                self.append(now);
                at += now.len();
                bytes = rest;
                if end == Some(at) {
                    self.close_node();
                    end = ends.next();
                }
            }
        });
        self.close_node();
        if let Some(node) = self.nodes.front_mut().filter(|_| is_begun) {
            node.is_begun = true;
        }
    }

    /// The bytes to write next, at most as many slices as one `writev` takes; none if nothing waits.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let nodes = self.nodes.iter().take(MAX_SLICES);
        nodes
            .filter_map(|node| node.bytes.get(node.written..))
            .map(IoSlice::new)
            .collect()
    }

    /// Forgets the first `count` bytes: the kernel has them. Frees every node that is done.
    pub fn advance(&mut self, count: usize) {
        let mut count = count.min(self.len);
        self.len -= count;
        while let Some(node) = self.nodes.front_mut().filter(|_| count > 0) {
            let now = count.min(node.bytes.len() - node.written);
            count -= now;
            node.written += now;
            node.is_begun = true;
            if node.written == node.bytes.len() {
                self.nodes.pop_front();
            }
        }
    }

    /// Puts a control frame before the first data frame that has not begun to leave, and after the control
    /// frames that wait already (RFC 6455 5.5: control frames may be injected between frames).
    pub fn overtake(&mut self, frame: &[u8]) {
        if frame.is_empty() {
            return;
        }
        let is_before = |node: &&Node| node.is_begun || node.end == End::Control;
        let before = self.nodes.iter().take_while(is_before).count();
        let mut after = self.nodes.split_off(before);
        self.nodes.push_back(Node {
            bytes: frame.to_vec(),
            written: 0,
            is_begun: false,
            end: End::Control,
        });
        self.nodes.append(&mut after);
        self.len += frame.len();
    }

    /// Drops everything: nobody is left to read it.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        let open = self.nodes.back_mut().filter(|node| match node.end {
            End::Open => true,
            End::Data => node.bytes.len() + bytes.len() <= NODE_LEN,
            End::Control => false,
        });
        if let Some(node) = open {
            node.bytes.extend_from_slice(bytes);
            node.end = End::Open;
        } else {
            self.nodes.push_back(Node {
                bytes: bytes.to_vec(),
                written: 0,
                is_begun: false,
                end: End::Open,
            });
        }
    }

    fn close_node(&mut self) {
        if let Some(node) = self.nodes.back_mut().filter(|node| node.end == End::Open) {
            node.end = End::Data;
        }
    }
}

#[cfg(test)]
mod tests;
