//! Payload bytes alone: the boundaries of messages are not told.
//!
//! Floor 0. For services that speak a protocol of their own over a stream of bytes.

use crate::frame::{Kind, Run};
use crate::queue::Batch;

pub(super) fn encode<'a>(run: Run<'a>, batch: &mut Batch<'a, '_>) {
    batch.lend(run.bytes);
    if run.is_last() {
        batch.end_frame();
    }
}

/// Whatever one read brought is a message.
pub(super) fn decode(input: &[u8]) -> Option<(Run<'_>, usize)> {
    (!input.is_empty()).then(|| (Run::whole(Kind::Binary, input), input.len()))
}
