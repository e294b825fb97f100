use super::*;
use proptest::prelude::*;

fn queued(bytes: &[u8], from: usize) -> Queue {
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    batch.lend(bytes);
    batch.end_frame();
    let mut queue = Queue::new();
    queue.push(&batch, from);
    queue
}

fn batch_bytes(batch: &Batch<'_, '_>, from: usize) -> Vec<u8> {
    let slices = batch.slices(from);
    assert!(slices.len() <= MAX_SLICES);
    assert!(slices.iter().all(|slice| !slice.is_empty()));
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

/// What a kernel that takes at most `count` bytes would take.
fn take(queue: &mut Queue, count: usize) -> Vec<u8> {
    let slices = queue.slices();
    assert!(slices.len() <= MAX_SLICES);
    assert!(slices.iter().all(|slice| !slice.is_empty()));
    let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
    bytes.truncate(count);
    queue.advance(bytes.len());
    bytes
}

fn drain(queue: &mut Queue) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !queue.is_empty() {
        bytes.extend(take(queue, usize::MAX));
    }
    assert_eq!(queue.len(), 0);
    assert!(queue.nodes.is_empty());
    bytes
}

#[test]
fn pieces_of_any_length_are_copied_whole() {
    let bytes: Vec<u8> = (0..100).collect();
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    for len in 0..=bytes.len() {
        batch.copy(&bytes[..len]);
    }
    for len in 0..=14 {
        batch.copy_start(bytes.first_chunk::<14>().expect("so many"), len);
    }
    let lens = (0..=bytes.len()).chain(0..=14);
    let expected: Vec<u8> = lens.flat_map(|len| bytes[..len].to_vec()).collect();
    assert_eq!(batch_bytes(&batch, 0), expected);
}

#[test]
fn a_batch_copies_short_pieces_and_lends_long_ones() {
    let long = vec![b'l'; LEND_FROM];
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    batch.copy(b"a");
    batch.lend(b"b");
    batch.lend(&long);
    batch.give(vec![b'g'; LEND_FROM]);
    batch.give(b"c".to_vec());
    batch.copy_mut(b"x").fill(b'd');
    let slices = batch.slices(0);
    let lens: Vec<_> = slices.iter().map(|slice| slice.len()).collect();
    assert_eq!(lens, [2, LEND_FROM, LEND_FROM, 2]);
    assert!(std::ptr::eq(slices[1].as_ptr(), long.as_ptr()));
    let expected = [b"ab", &long[..], &vec![b'g'; LEND_FROM], b"cd"].concat();
    assert_eq!(batch_bytes(&batch, 0), expected);
    assert_eq!(batch.len(), expected.len());
    for from in [1, 2, 3, LEND_FROM + 2, 2 * LEND_FROM + 3, expected.len()] {
        assert_eq!(batch_bytes(&batch, from), expected[from..]);
    }
}

#[test]
fn a_batch_is_full_before_it_has_more_slices_than_writev_takes() {
    let long = vec![b'l'; LEND_FROM];
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    while !batch.is_full() {
        batch.copy(b"header");
        batch.give(long.clone());
        batch.copy(b"between");
        batch.lend(&long);
        batch.copy(b"end");
    }
    let count = batch.slices(0).len();
    assert!((MAX_SLICES - 4..=MAX_SLICES).contains(&count), "{count}");
}

#[test]
fn scratch_memory_is_kept_up_to_its_limit() {
    for (capacity, kept) in [
        (1000, 1000),
        (MAX_SCRATCH_LEN, MAX_SCRATCH_LEN),
        (64 * MAX_SCRATCH_LEN, MAX_SCRATCH_LEN),
    ] {
        let mut scratch = Vec::with_capacity(capacity);
        scratch.push(b'x');
        assert!(Batch::new(&mut scratch).is_empty());
        assert_eq!(scratch.capacity(), kept);
    }
}

#[test]
fn small_frames_share_a_node() {
    let mut queue = Queue::new();
    for _ in 0..100 {
        let mut scratch = Vec::new();
        let mut batch = Batch::new(&mut scratch);
        batch.copy(&[7; 80]);
        batch.end_frame();
        queue.push(&batch, 0);
    }
    assert_eq!(queue.len(), 8000);
    assert_eq!(queue.nodes.len(), 2);
}

#[test]
fn advance_goes_over_several_nodes() {
    let bytes: Vec<u8> = (0..=255).cycle().take(4 * NODE_LEN).collect();
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    for frame in bytes.chunks(NODE_LEN) {
        batch.lend(frame);
        batch.end_frame();
    }
    let mut queue = Queue::new();
    queue.push(&batch, 0);
    assert_eq!(queue.slices().len(), 4);
    queue.advance(2 * NODE_LEN + 5);
    assert_eq!(queue.nodes.len(), 2);
    assert_eq!(*queue.slices()[0], bytes[2 * NODE_LEN + 5..3 * NODE_LEN]);
    assert_eq!(drain(&mut queue), bytes[2 * NODE_LEN + 5..]);
    queue.advance(1);
    assert!(queue.is_empty());
    assert!(queue.slices().is_empty());
}

#[test]
fn a_control_frame_overtakes_what_has_not_begun_to_leave() {
    let mut queue = queued(b"data", 0);
    queue.overtake(b"ping");
    assert_eq!(drain(&mut queue), b"pingdata");
}

#[test]
fn a_control_frame_waits_for_a_frame_that_the_queue_has_begun() {
    let mut queue = queued(b"data", 0);
    assert_eq!(take(&mut queue, 1), b"d");
    queue.overtake(b"ping");
    assert_eq!(drain(&mut queue), b"ataping");
}

#[test]
fn a_control_frame_waits_for_a_frame_that_the_batch_has_begun() {
    let mut queue = queued(b"data", 1);
    queue.overtake(b"ping");
    assert_eq!(drain(&mut queue), b"ataping");
}

#[test]
fn control_frames_keep_their_order() {
    let mut queue = queued(b"data", 1);
    queue.overtake(b"1");
    queue.overtake(b"2");
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    batch.copy(b"more");
    batch.end_frame();
    queue.push(&batch, 0);
    queue.overtake(b"3");
    assert_eq!(drain(&mut queue), b"ata123more");
}

#[test]
fn clear_leaves_nothing() {
    let mut queue = queued(b"data", 0);
    queue.clear();
    assert!(queue.is_empty());
    assert!(queue.slices().is_empty());
    queue.overtake(b"");
    assert!(queue.slices().is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    /// Data frames of these payload lengths in one batch, of which the kernel takes so much if it may.
    Data(Vec<usize>, usize),
    Write(usize),
    Control(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => 0_usize..40, 2 => 0_usize..6000, 1 => 0_usize..20_000];
    let taken = prop_oneof![Just(0_usize), 0_usize..100, 0_usize..30_000];
    prop_oneof![
        (prop::collection::vec(len, 1..6), taken.clone()).prop_map(|(l, t)| Step::Data(l, t)),
        taken.prop_map(Step::Write),
        (0_usize..126).prop_map(Step::Control),
    ]
}

/// A frame that can be told from every other: kind, number, length, filling.
fn frame(kind: u8, number: usize, len: usize) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(u32::try_from(number).unwrap().to_be_bytes());
    frame.extend(u32::try_from(len).unwrap().to_be_bytes());
    frame.extend((0..len).map(|i| u8::try_from((i + number) % 251).unwrap()));
    frame
}

/// The numbers of the data and of the control frames in `bytes`, which hold whole frames only.
fn parsed(mut bytes: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let (mut data, mut control) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let field = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let number = usize::try_from(field(1)).unwrap();
        let len = usize::try_from(field(5)).unwrap();
        let whole = frame(bytes[0], number, len);
        assert!(bytes.starts_with(&whole), "frame {number} is broken");
        match bytes[0] {
            b'd' => data.push(number),
            _ => control.push(number),
        }
        bytes = &bytes[whole.len()..];
    }
    (data, control)
}

/// Does the steps as the relay would and returns how many frames of each kind there were and what the
/// kernel has got.
fn run(steps: &[Step]) -> (usize, usize, Vec<u8>) {
    let (mut data, mut control, mut wire) = (0, 0, Vec::new());
    let (mut queue, mut scratch) = (Queue::new(), Vec::new());
    for step in steps {
        match step {
            Step::Data(lens, taken) => {
                let numbered = lens.iter().zip(data..);
                let frames: Vec<_> = numbered.map(|(&l, n)| frame(b'd', n, l)).collect();
                data += frames.len();
                let mut batch = Batch::new(&mut scratch);
                for frame in &frames {
                    batch.copy(&frame[..9]);
                    batch.lend(&frame[9..]);
                    batch.end_frame();
                }
                let taken = if queue.is_empty() { *taken } else { 0 }.min(batch.len());
                wire.extend(&batch_bytes(&batch, 0)[..taken]);
                queue.push(&batch, taken);
            }
            Step::Write(count) => wire.extend(take(&mut queue, *count)),
            Step::Control(len) => {
                queue.overtake(&frame(b'c', control, *len));
                control += 1;
            }
        }
        let held: usize = queue.nodes.iter().map(|n| n.bytes.len() - n.written).sum();
        assert_eq!(queue.len(), held);
    }
    wire.extend(drain(&mut queue));
    (data, control, wire)
}

proptest! {
    #[test]
    fn every_frame_leaves_whole_and_in_order(steps in prop::collection::vec(step(), 0..30)) {
        let (data, control, wire) = run(&steps);
        let (data_seen, control_seen) = parsed(&wire);
        prop_assert_eq!(data_seen, (0..data).collect::<Vec<_>>());
        prop_assert_eq!(control_seen, (0..control).collect::<Vec<_>>());
    }
}
