//! Messages of any length, both ways, in the same memory.

use std::process::Stdio;

use crate::support::frame::{BINARY, FIN};
use crate::support::host::{Host, unmasked_header};
use crate::support::process::peak_memory;
use crate::support::websock::Websock;

/// Many times what may be held.
const LEN: u64 = 256 << 20;

/// What the program needs besides, all its libraries included.
const MAX_MEMORY: u64 = 16 << 20;

#[test]
fn a_message_of_any_length_is_written_as_it_comes() {
    let host = Host::new();
    for record in ["line", "typed", "raw"] {
        let websock = Websock::start_with(&["--record", record, &host.url("/")], |command| {
            command.stdout(Stdio::null());
        });
        let mut guest = host.welcome();
        guest.send(unmasked_header(FIN | BINARY, LEN));
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..LEN >> 20 {
            guest.send(&chunk);
        }
        // An answer tells that all before it has been taken.
        guest.send_frame(FIN | 0x9, "");
        assert_eq!(guest.frame().opcode, 0xa);
        let peak = peak_memory(websock.pid());
        assert!(peak < MAX_MEMORY, "{record}: {peak}");
        guest.close(1000, "");
        assert_eq!(websock.ended().status, Some(0));
    }
}

#[test]
fn a_record_of_any_length_is_sent_as_it_is_read() {
    let host = Host::new();
    for (record, header) in [("line", String::new()), ("typed", format!("t {LEN:020}"))] {
        let websock = Websock::start_with(&["--record", record, &host.url("/")], |command| {
            let (reader, mut writer) = std::io::pipe().unwrap();
            command.stdin(reader);
            std::thread::spawn(move || {
                use std::io::Write as _;
                let chunk = vec![b'x'; 1 << 20];
                writer.write_all(header.as_bytes()).unwrap();
                for _ in 0..LEN >> 20 {
                    writer.write_all(&chunk).unwrap();
                }
                writer.write_all(b"\n").unwrap_or_default();
            });
        });
        let mut guest = host.welcome();
        let mut len = 0;
        loop {
            let frame = guest.frame();
            len += u64::try_from(frame.payload.len()).unwrap();
            if frame.is_last {
                break;
            }
        }
        assert_eq!(len, LEN, "{record}");
        let peak = peak_memory(websock.pid());
        assert!(peak < MAX_MEMORY, "{record}: {peak}");
        drop(guest);
        websock.ended();
    }
}

#[test]
fn a_reader_that_stalls_holds_the_server_back() {
    let host = Host::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let websock = Websock::start_with(&["-b", &host.url("/")], |command| {
        command.stdout(writer);
    });
    let mut guest = host.welcome();
    guest.send(unmasked_header(FIN | BINARY, LEN));
    let sent = guest.flood(LEN);
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    assert!(peak_memory(websock.pid()) < MAX_MEMORY);
    drop(reader);
    drop(guest);
    websock.ended();
}
