//! The protocol engine without a kernel: what a frame costs, next to tungstenite's and fastwebsockets'
//! codecs.
//!
//! An iteration is 1,000 frames of 16 B, 100 of 128 B, 10 of 1 KiB or one that is larger, so that its
//! time, the point moved, is the time of a frame. The second and third line of a result are payload
//! bytes and frames per second.
//!
//! `cargo bench --manifest-path benches/Cargo.toml`

#[path = "engine/wire.rs"]
mod wire;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use fastwebsockets::{Frame, Payload};
use tungstenite::protocol::Role as TungsteniteRole;
use tungstenite::{Message, Utf8Bytes};
use websockd::connection::{Connection, Event, Limits};
use websockd::frame::{Kind, Role, Run, Utf8, mask};
use websockd::queue::Batch;
use websockd::record::{Decoder, Encoder, More, Record};

use wire::{KEY, SIZES, Wire, frames, letters, now, scripts, wire};

fn main() {
    divan::main();
}

/// A bencher that knows how many payload bytes and frames an iteration has.
fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, size: usize, frames: usize) -> Bencher<'a, 'b> {
    bencher
        .counter(BytesCount::new(size * frames))
        .counter(ItemsCount::new(frames))
}

/// Masked text frames to messages, checked and unmasked.
mod receive {
    use super::*;

    /// In the buffer they were read into.
    #[divan::bench(args = SIZES)]
    fn websockd(bencher: Bencher<'_, '_>, size: usize) {
        let mut buffer = wire(size);
        let mut connection = Connection::new(Role::Server, Limits::default());
        counted(bencher, size, frames(size)).bench_local(|| {
            assert_eq!(drain(&mut connection, &mut buffer), frames(size));
        });
    }

    /// The same behind the copy that stands for read(2), which the others cannot do without here.
    #[divan::bench(args = SIZES)]
    fn websockd_copied(bencher: Bencher<'_, '_>, size: usize) {
        let wire = wire(size);
        let mut buffer = wire.clone();
        let mut connection = Connection::new(Role::Server, Limits::default());
        counted(bencher, size, frames(size)).bench_local(|| {
            buffer.copy_from_slice(black_box(&wire));
            assert_eq!(drain(&mut connection, &mut buffer), frames(size));
        });
    }

    /// All messages in the buffer.
    fn drain(connection: &mut Connection, mut input: &mut [u8]) -> usize {
        let mut messages = 0;
        loop {
            let (event, rest) = connection.receive(input).unwrap();
            match event {
                Some(Event::Data(run)) => messages += usize::from(black_box(run).is_last()),
                Some(_) => {}
                None => return messages,
            }
            input = rest;
        }
    }

    #[divan::bench(args = SIZES)]
    fn tungstenite(bencher: Bencher<'_, '_>, size: usize) {
        let wire = Wire::new(wire(size));
        let mut socket =
            tungstenite::WebSocket::from_raw_socket(wire, TungsteniteRole::Server, None);
        counted(bencher, size, frames(size)).bench_local(|| {
            for _ in 0..frames(size) {
                assert_eq!(black_box(socket.read().unwrap()).len(), size);
            }
        });
    }

    #[divan::bench(args = SIZES)]
    fn fastwebsockets(bencher: Bencher<'_, '_>, size: usize) {
        let wire = Wire::new(wire(size));
        let mut socket =
            fastwebsockets::WebSocket::after_handshake(wire, fastwebsockets::Role::Server);
        counted(bencher, size, frames(size)).bench_local(|| {
            for _ in 0..frames(size) {
                assert_eq!(
                    black_box(now(socket.read_frame()).unwrap()).payload.len(),
                    size
                );
            }
        });
    }
}

/// Messages to text frames, as a server writes them.
mod send {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn websockd(bencher: Bencher<'_, '_>, size: usize) {
        super::send(bencher, size, Role::Server);
    }

    #[divan::bench(args = SIZES)]
    fn tungstenite(bencher: Bencher<'_, '_>, size: usize) {
        super::send_tungstenite(bencher, size, TungsteniteRole::Server);
    }

    #[divan::bench(args = SIZES)]
    fn fastwebsockets(bencher: Bencher<'_, '_>, size: usize) {
        super::send_fastwebsockets(bencher, size, fastwebsockets::Role::Server);
    }
}

/// The same with masks, as a client writes them. The others draw a key for each frame; ours is given.
mod send_masked {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn websockd(bencher: Bencher<'_, '_>, size: usize) {
        super::send(bencher, size, Role::Client);
    }

    #[divan::bench(args = SIZES)]
    fn tungstenite(bencher: Bencher<'_, '_>, size: usize) {
        super::send_tungstenite(bencher, size, TungsteniteRole::Client);
    }

    #[divan::bench(args = SIZES)]
    fn fastwebsockets(bencher: Bencher<'_, '_>, size: usize) {
        super::send_fastwebsockets(bencher, size, fastwebsockets::Role::Client);
    }
}

fn send(bencher: Bencher<'_, '_>, size: usize, role: Role) {
    let payload = letters(size);
    let mut connection = Connection::new(role, Limits::default());
    let mut scratch = Vec::new();
    counted(bencher, size, frames(size)).bench_local(|| {
        let mut batch = Batch::new(&mut scratch);
        for _ in 0..frames(size) {
            connection.send(Run::whole(Kind::Text, black_box(&payload)), KEY, &mut batch);
        }
        black_box(batch.slices(0));
    });
}

fn send_tungstenite(bencher: Bencher<'_, '_>, size: usize, role: TungsteniteRole) {
    let payload = Utf8Bytes::try_from(letters(size)).unwrap();
    let wire = Wire::new(Vec::new());
    let mut socket = tungstenite::WebSocket::from_raw_socket(wire, role, None);
    counted(bencher, size, frames(size)).bench_local(|| {
        for _ in 0..frames(size) {
            socket
                .write(Message::Text(black_box(&payload).clone()))
                .unwrap();
        }
        socket.flush().unwrap();
    });
}

/// It writes each frame at once: header and payload in one vectored write.
fn send_fastwebsockets(bencher: Bencher<'_, '_>, size: usize, role: fastwebsockets::Role) {
    let payload = letters(size);
    let wire = Wire::new(Vec::new());
    let mut socket = fastwebsockets::WebSocket::after_handshake(wire, role);
    counted(bencher, size, frames(size)).bench_local(|| {
        for _ in 0..frames(size) {
            let frame = Frame::text(Payload::Borrowed(black_box(&payload)));
            now(socket.write_frame(frame)).unwrap();
        }
    });
}

/// Masking in place. Tungstenite's is not public; fastwebsockets' is the same code.
mod unmask {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn websockd(bencher: Bencher<'_, '_>, size: usize) {
        let mut payload = letters(size);
        counted(bencher, size, frames(size)).bench_local(|| {
            for _ in 0..frames(size) {
                black_box(mask::apply(KEY, black_box(&mut payload)));
            }
        });
    }

    #[divan::bench(args = SIZES)]
    fn fastwebsockets(bencher: Bencher<'_, '_>, size: usize) {
        let mut payload = letters(size);
        counted(bencher, size, frames(size)).bench_local(|| {
            for _ in 0..frames(size) {
                fastwebsockets::unmask(black_box(&mut payload), KEY);
            }
        });
    }
}

/// Is it text? Tungstenite asks std, fastwebsockets asks simdutf8, neither of which goes on where it has
/// stopped.
mod utf8 {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn websockd_letters(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &letters(size), |text| {
            let mut utf8 = Utf8::new();
            utf8.check(text).is_ok() && utf8.finish().is_ok()
        });
    }

    #[divan::bench(args = SIZES)]
    fn websockd_scripts(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &scripts(size), |text| {
            let mut utf8 = Utf8::new();
            utf8.check(text).is_ok() && utf8.finish().is_ok()
        });
    }

    #[divan::bench(args = SIZES)]
    fn simdutf8_letters(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &letters(size), |text| {
            simdutf8::basic::from_utf8(text).is_ok()
        });
    }

    #[divan::bench(args = SIZES)]
    fn simdutf8_scripts(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &scripts(size), |text| {
            simdutf8::basic::from_utf8(text).is_ok()
        });
    }

    #[divan::bench(args = SIZES)]
    fn std_letters(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &letters(size), |text| {
            std::str::from_utf8(text).is_ok()
        });
    }

    #[divan::bench(args = SIZES)]
    fn std_scripts(bencher: Bencher<'_, '_>, size: usize) {
        check(bencher, size, &scripts(size), |text| {
            std::str::from_utf8(text).is_ok()
        });
    }

    fn check(bencher: Bencher<'_, '_>, size: usize, text: &[u8], is_text: impl Fn(&[u8]) -> bool) {
        counted(bencher, text.len(), frames(size)).bench_local(|| {
            for _ in 0..frames(size) {
                assert!(is_text(black_box(text)));
            }
        });
    }
}

/// Messages to lines for the service, and the service's lines to messages.
mod record {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn encode(bencher: Bencher<'_, '_>, size: usize) {
        let payload = letters(size);
        let mut encoder = Encoder::new(Record::Line, 0);
        let mut scratch = Vec::new();
        counted(bencher, size, frames(size)).bench_local(|| {
            let mut batch = Batch::new(&mut scratch);
            for _ in 0..frames(size) {
                let run = Run::whole(Kind::Text, black_box(&payload));
                encoder.encode(run, &mut batch).unwrap();
            }
            black_box(batch.slices(0));
        });
    }

    #[divan::bench(args = SIZES)]
    fn decode(bencher: Bencher<'_, '_>, size: usize) {
        let lines = [letters(size), vec![b'\n']].concat().repeat(frames(size));
        let mut decoder = Decoder::new(Record::Line);
        counted(bencher, size, frames(size)).bench_local(|| {
            let mut rest = &lines[..];
            while let Some((run, done)) = decoder.decode(rest, More::Possible).unwrap() {
                black_box(run);
                rest = &rest[done..];
            }
            assert!(rest.is_empty());
        });
    }
}

/// The whole way of a byte through the engine, both directions: frames to lines, lines to frames.
mod relay {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn inbound(bencher: Bencher<'_, '_>, size: usize) {
        let mut buffer = wire(size);
        let mut connection = Connection::new(Role::Server, Limits::default());
        let mut encoder = Encoder::new(Record::Line, 0);
        let mut scratch = Vec::new();
        counted(bencher, size, frames(size)).bench_local(|| {
            let mut batch = Batch::new(&mut scratch);
            let mut input = &mut buffer[..];
            while let (Some(event), rest) = connection.receive(input).unwrap() {
                if let Event::Data(run) = event {
                    encoder.encode(run, &mut batch).unwrap();
                }
                input = rest;
            }
            black_box(batch.slices(0));
        });
    }

    #[divan::bench(args = SIZES)]
    fn outbound(bencher: Bencher<'_, '_>, size: usize) {
        let lines = [letters(size), vec![b'\n']].concat().repeat(frames(size));
        let mut decoder = Decoder::new(Record::Line);
        let mut connection = Connection::new(Role::Server, Limits::default());
        let mut scratch = Vec::new();
        counted(bencher, size, frames(size)).bench_local(|| {
            let mut batch = Batch::new(&mut scratch);
            let mut rest = &lines[..];
            while let Some((run, done)) = decoder.decode(rest, More::Possible).unwrap() {
                connection.send(run, KEY, &mut batch);
                rest = &rest[done..];
            }
            black_box(batch.slices(0));
        });
    }
}
