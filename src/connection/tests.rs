mod closing;
mod inbound;
mod outbound;
mod pair;

use super::fuzz::{Heard, Outcome, receive_all};
use super::*;
use crate::frame::Violation;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// A frame of the peer of `role`, made by hand: its first byte and payload of up to 65535 bytes.
fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if role == Role::Server { 0x80 } else { 0 };
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len @ 0..126) => frame.push(mask | len),
        _ => {
            frame.push(mask | 126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    if role == Role::Client {
        frame.extend(payload);
    } else {
        frame.extend(KEY);
        let key = KEY.iter().cycle();
        frame.extend(payload.iter().zip(key).map(|(byte, key)| byte ^ key));
    }
    frame
}

/// Several of the peer's frames behind one another.
fn frames(role: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    let encoded = frames
        .iter()
        .map(|(first, payload)| frame(role, *first, payload));
    encoded.collect::<Vec<_>>().concat()
}

fn open(role: Role) -> Connection {
    Connection::new(role, Limits::default())
}

/// What a new connection of `role` makes of the peer's frames, at once and byte by byte.
fn heard(role: Role, peer: &[(u8, &[u8])]) -> Outcome {
    let input = frames(role, peer);
    let whole = receive_all(&mut open(role), &input, &[usize::MAX]);
    let split = receive_all(&mut open(role), &input, &[1]);
    assert_eq!(split.heard, whole.heard);
    assert_eq!(split.fault, whole.fault);
    whole
}

fn text(payload: &str) -> Heard {
    Heard::Message(Kind::Text, payload.as_bytes().to_vec())
}

fn binary(payload: &[u8]) -> Heard {
    Heard::Message(Kind::Binary, payload.to_vec())
}

/// The bytes that `connection` sends for these runs.
fn sent(connection: &mut Connection, runs: &[Run<'_>]) -> Vec<u8> {
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    for run in runs {
        connection.send(*run, KEY, &mut batch);
    }
    written(&batch)
}

fn written(batch: &Batch<'_, '_>) -> Vec<u8> {
    let slices = batch.slices(0);
    slices
        .iter()
        .flat_map(|slice| slice.iter().copied())
        .collect()
}

/// All control frames that wait.
fn controls(connection: &mut Connection) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(frame) = connection.poll_control(KEY) {
        all.extend_from_slice(&frame);
    }
    all
}
