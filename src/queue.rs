//! Bytes on their way out of the process, in one direction: a [`Batch`] is what one step produced, a
//! [`Queue`] what the kernel did not take of it.
//!
//! Floor 0. Nothing here writes: a batch lends its bytes as slices for one `writev`, is told how many
//! were taken, and what is left is moved to the queue, which is written from first afterwards.
//!
//! The queue is a linked list of nodes. A node holds many small frames, or a part of none: it always
//! ends where a frame (or record) ends, so that a control frame can be put between two nodes.

use std::collections::LinkedList;
use std::io::IoSlice;

/// From this length on a run is lent to the kernel in place; below it, one copy costs less than one
/// more slice for the kernel to walk.
const LEND_FROM: usize = 2048;

/// How many slices one `writev` is given; a batch that has as many is full.
const MAX_SLICES: usize = 64;

/// The least a node holds before the next one is begun: the grain in which control frames overtake.
const NODE_LEN: usize = 4096;

#[derive(Clone, Copy, Debug)]
enum Piece<'a> {
    /// This many bytes of the scratch memory, following those of the piece before.
    Copied(usize),
    Lent(&'a [u8]),
}

/// The outcome of one step: short pieces copied together, long ones lent, in order.
#[derive(Debug)]
pub struct Batch<'a, 's> {
    scratch: &'s mut Vec<u8>,
    pieces: Vec<Piece<'a>>,
    len: usize,
    /// Ends of frames, as offsets, at least `NODE_LEN` apart.
    ends: Vec<usize>,
}

impl<'a, 's> Batch<'a, 's> {
    /// An empty batch that copies into `scratch`, which is cleared and keeps its capacity.
    pub fn new(scratch: &'s mut Vec<u8>) -> Self {
        scratch.clear();
        Self {
            scratch,
            pieces: Vec::new(),
            len: 0,
            ends: Vec::new(),
        }
    }

    /// Adds bytes that do not outlive the call. Copies them once.
    pub fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.scratch.extend_from_slice(bytes);
        self.note_copied(bytes.len());
    }

    /// Adds bytes that live as long as the batch; copies them only where that is cheaper.
    pub fn lend(&mut self, bytes: &'a [u8]) {
        if bytes.len() < LEND_FROM {
            self.copy(bytes);
        } else {
            self.pieces.push(Piece::Lent(bytes));
            self.len += bytes.len();
        }
    }

    /// Adds a copy of `bytes` and returns it, to be changed in place (a client masks it).
    pub fn copy_mut(&mut self, bytes: &[u8]) -> &mut [u8] {
        let from = self.scratch.len();
        self.copy(bytes);
        self.scratch.get_mut(from..).unwrap_or_default()
    }

    /// Says that a frame or record ends here: what comes next may be overtaken.
    pub fn end_frame(&mut self) {
        if self.len - self.ends.last().copied().unwrap_or(0) >= NODE_LEN {
            self.ends.push(self.len);
        }
    }

    /// How many bytes the batch holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it is time to write: one `writev` takes no more slices.
    pub fn is_full(&self) -> bool {
        // The next step adds at most two copied pieces and two lent ones.
        self.pieces.len() + 4 > MAX_SLICES
    }

    /// The bytes from offset `from` on, for `writev`.
    pub fn slices(&self, from: usize) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(self.pieces.len());
        self.for_each_from(from, |bytes| slices.push(IoSlice::new(bytes)));
        slices
    }

    fn note_copied(&mut self, count: usize) {
        match self.pieces.last_mut() {
            Some(Piece::Copied(len)) => *len += count,
            _ => self.pieces.push(Piece::Copied(count)),
        }
        self.len += count;
    }

    fn for_each_from<'b>(&'b self, from: usize, mut each: impl FnMut(&'b [u8])) {
        let mut skip = from;
        let mut scratch: &'b [u8] = self.scratch;
        for piece in &self.pieces {
            let bytes = match *piece {
                Piece::Lent(bytes) => bytes,
                Piece::Copied(len) => {
                    let (bytes, rest) = scratch.split_at_checked(len).unwrap_or((scratch, &[]));
                    scratch = rest;
                    bytes
                }
            };
            match bytes.get(skip..) {
                Some(rest) if !rest.is_empty() => {
                    each(rest);
                    skip = 0;
                }
                _ => skip -= bytes.len(),
            }
        }
    }
}

#[derive(Debug)]
struct Node {
    bytes: Vec<u8>,
    /// `written <= bytes.len()`.
    written: usize,
    /// Whether its last byte ends a frame: only then may a later push be appended or overtaken.
    is_closed: bool,
}

/// Frames or records waiting in one direction.
#[derive(Debug, Default)]
pub struct Queue {
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

    /// Takes over what the kernel did not take of a batch: its bytes from offset `from` on. Copies
    /// them once.
    pub fn push(&mut self, batch: &Batch<'_, '_>, from: usize) {
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
        // A batch ends with a frame: its maker only writes whole ones.
        self.close_node();
    }

    /// The bytes to write next; empty if none wait.
    pub fn front(&self) -> &[u8] {
        self.nodes.front().map_or(&[], |node| {
            node.bytes.get(node.written..).unwrap_or_default()
        })
    }

    /// Forgets `count` bytes of [`front`](Self::front): the kernel has them.
    pub fn advance(&mut self, count: usize) {
        let Some(node) = self.nodes.front_mut() else {
            return;
        };
        let count = count.min(node.bytes.len() - node.written);
        node.written += count;
        self.len -= count;
        if node.written == node.bytes.len() {
            self.nodes.pop_front();
        }
    }

    /// Puts a control frame before the first frame that has not begun to leave (RFC 6455 5.5: control
    /// frames may be injected between frames).
    pub fn overtake(&mut self, frame: &[u8]) {
        let begun = self
            .nodes
            .front()
            .is_some_and(|node| node.written > 0)
            .then(|| self.nodes.pop_front())
            .flatten();
        self.nodes.push_front(Node {
            bytes: frame.to_vec(),
            written: 0,
            is_closed: true,
        });
        self.len += frame.len();
        if let Some(node) = begun {
            self.nodes.push_front(node);
        }
    }

    /// Drops everything: nobody is left to read it.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match self.nodes.back_mut() {
            Some(node) if !node.is_closed || node.bytes.len() + bytes.len() <= NODE_LEN => {
                node.bytes.extend_from_slice(bytes);
                node.is_closed = false;
            }
            _ => {
                let mut node = Vec::with_capacity(bytes.len().max(NODE_LEN));
                node.extend_from_slice(bytes);
                self.nodes.push_back(Node {
                    bytes: node,
                    written: 0,
                    is_closed: false,
                });
            }
        }
    }

    fn close_node(&mut self) {
        if let Some(node) = self.nodes.back_mut() {
            node.is_closed = true;
        }
    }
}
