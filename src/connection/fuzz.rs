//! What a fuzzer does with a conversation: any bytes of a peer, in any pieces, must give the same
//! events as at once, and none that break a promise.
//!
//! Floor 1. Public, though hidden, so that a fuzz target is one line; the tests run it too.

use std::mem;

use super::{Connection, Event, Fault, Limits};
use crate::frame::{CloseCode, Kind, Role, Run};

/// An event with whole messages instead of runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

/// What came of a peer's bytes.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) heard: Vec<Heard>,
    /// The message that has not ended, as far as it has come.
    pub(super) under_way: Option<(Kind, Vec<u8>)>,
    pub(super) fault: Option<Fault>,
}

/// The first bytes choose role, limit and pieces, the rest is what the peer sends.
///
/// Panics if a promise of [`Connection`] is broken.
#[doc(hidden)]
pub fn fuzz_connection(data: &[u8]) {
    let Some((&[role, max, a, b], input)) = data.split_first_chunk() else {
        return;
    };
    let role = match role & 1 {
        0 => Role::Client,
        _ => Role::Server,
    };
    let limits = Limits {
        max_message_len: (max > 0).then_some(max.into()),
    };
    let whole = hear(role, limits, input, &[usize::MAX]);
    let split = hear(
        role,
        limits,
        input,
        &[usize::from(a) + 1, usize::from(b) + 1],
    );
    assert_eq!(split.heard, whole.heard, "a split matters");
    assert_eq!(split.fault, whole.fault, "a split matters");
    // A run in which a fault is found is not handed on.
    assert!(split.fault.is_some() || split.under_way == whole.under_way);
    let max = limits.max_message_len;
    for heard in whole.heard {
        if let Heard::Message(kind, payload) = heard {
            let len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            assert!(max.is_none_or(|max| len <= max), "too long");
            assert!(kind == Kind::Binary || std::str::from_utf8(&payload).is_ok());
        }
    }
}

/// What a new connection makes of `input`, and that it can be closed afterwards.
fn hear(role: Role, limits: Limits, input: &[u8], lens: &[usize]) -> Outcome {
    let mut connection = Connection::new(role, limits);
    let outcome = receive_all(&mut connection, input, lens);
    let is_inside = connection.is_inside_message();
    let has_closed = matches!(outcome.heard.last(), Some(Heard::Close(..)));
    assert_eq!(has_closed, connection.peer_close().is_some());
    assert_eq!(
        connection.can_receive(),
        !has_closed && outcome.fault.is_none()
    );
    assert!(outcome.fault.is_some() || is_inside == outcome.under_way.is_some());
    assert!(
        connection.close(None, "", [0; 4]).is_some(),
        "nothing to say"
    );
    assert_eq!(connection.is_closed(), !connection.can_receive());
    assert!(connection.poll_control([0; 4]).is_none(), "says more");
    outcome
}

/// Gives `input` to a connection in pieces of `lens` bytes, in turn. None of `lens` is zero.
pub(super) fn receive_all(connection: &mut Connection, input: &[u8], lens: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut bytes = input.to_vec();
    let mut unread = &mut *bytes;
    let mut lens = lens.iter().copied().cycle();
    while !unread.is_empty() && outcome.fault.is_none() {
        let len = lens.next().unwrap_or(1).min(unread.len());
        let (mut now, later) = mem::take(&mut unread).split_at_mut(len);
        loop {
            match connection.receive(now) {
                Ok((Some(event), rest)) => {
                    outcome.add(connection, event);
                    now = rest;
                }
                Ok((None, rest)) => {
                    assert!(rest.is_empty(), "bytes are left");
                    break;
                }
                Err(fault) => {
                    outcome.fault = Some(fault);
                    break;
                }
            }
        }
        unread = later;
    }
    outcome
}

impl Outcome {
    fn add(&mut self, connection: &Connection, event: Event<'_>) {
        let control = || connection.control_payload().to_vec();
        let heard = match event {
            Event::Data(run) => self.add_run(run),
            Event::Ping => Some(Heard::Ping(control())),
            Event::Pong => Some(Heard::Pong(control())),
            Event::Close => connection
                .peer_close()
                .map(|close| Heard::Close(close.code, close.reason.to_owned())),
        };
        self.heard.extend(heard);
    }

    fn add_run(&mut self, run: Run<'_>) -> Option<Heard> {
        assert_eq!(
            run.is_first,
            self.under_way.is_none(),
            "a message begins within another"
        );
        let (kind, payload) = self.under_way.get_or_insert((run.kind, Vec::new()));
        assert_eq!(*kind, run.kind, "a message changes its type");
        payload.extend_from_slice(run.bytes);
        if !run.is_last() {
            return None;
        }
        let (kind, payload) = self.under_way.take()?;
        Some(Heard::Message(kind, payload))
    }
}
