//! The programs behind the servers while these are measured: static, without a C library (whose start
//! alone takes longer than a fork), 64 KiB at a time, so that what is measured is the server.
//!
//! `service echo`         every byte back, one write a read
//! `service count`        counts lines and bytes; at a line `END` answers with both counts
//! `service flood SIZE`   after one line of input: lines of SIZE bytes for ever
//! `service line SIZE`    after one line of input: one line of SIZE bytes
//! `service stall`        reads nothing, for five minutes at most

#![no_std]
#![no_main]
// Loops stay loops: there is no memset(3) to call.
#![no_builtins]

mod kernel;

use kernel::{Memory, read, sleep, write};

/// What one read asks for: as much as a pipe holds.
const BLOCK: usize = 64 << 10;

/// What a flood writes at once; several pipes full, so that it is never the one waited for.
const FLOOD: usize = 256 << 10;

/// Untouched, so not there yet: zeroes on the stack would cost a page fault for each of its pages.
static MEMORY: Memory<BLOCK> = Memory::new(0);

static TEXT: [u8; BLOCK] = [b'x'; BLOCK];

static FLOODED: Memory<FLOOD> = Memory::new(b'x');

/// Says that the lines to count end here; itself neither counted as line nor as bytes.
const END: &[u8; 4] = b"END\n";

/// Runs the service the arguments name and returns its exit status.
fn run(name: &[u8], size: &[u8]) -> usize {
    let digit = |digit: &u8| usize::from(digit.wrapping_sub(b'0'));
    let size = size.iter().fold(0, |size, byte| size * 10 + digit(byte));
    match name {
        b"echo" => echo(MEMORY.take()),
        b"count" => count(MEMORY.take()),
        b"flood" => flood(size, FLOODED.take()),
        b"line" => line(size),
        b"stall" => sleep(300),
        _ => return 100,
    }
    0
}

fn echo(block: &mut [u8]) {
    loop {
        let count = read(block);
        if count == 0 || !write(&block[..count]) {
            return;
        }
    }
}

fn count(memory: &mut [u8]) {
    let mut tail = [0; 4];
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let count = read(memory);
        if count == 0 {
            return;
        }
        let block = &memory[..count];
        lines += newlines(block);
        bytes += count;
        for byte in &block[count.saturating_sub(4)..] {
            tail.rotate_left(1);
            tail[3] = *byte;
        }
        if tail == *END {
            lines -= 1;
            bytes -= END.len();
            answer(lines, bytes);
        }
    }
}

/// Counts at memory speed: what 255 bytes hold fits a byte.
fn newlines(block: &[u8]) -> usize {
    let count = |part: &[u8]| part.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    block.chunks(255).map(|part| usize::from(count(part))).sum()
}

/// Writes `LINES BYTES`.
fn answer(lines: usize, bytes: usize) {
    let mut text = [b'\n'; 48];
    let mut at = text.len() - 1;
    for mut number in [bytes, lines] {
        loop {
            at -= 1;
            text[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        at -= 1;
        text[at] = b' ';
    }
    write(&text[at + 1..]);
}

fn flood(size: usize, block: &mut [u8]) {
    if read(&mut [0; 64]) == 0 {
        return;
    }
    if size >= FLOOD {
        while spread(size) && write(b"\n") {}
        return;
    }
    let length = size + 1;
    for newline in block.iter_mut().skip(size).step_by(length) {
        *newline = b'\n';
    }
    while write(&block[..FLOOD - FLOOD % length]) {}
}

fn line(size: usize) {
    if read(&mut [0; 64]) == 0 || !spread(size) || !write(b"\n") {
        return;
    }
    while read(&mut [0; 64]) > 0 {}
}

/// Writes `size` bytes without a newline.
fn spread(size: usize) -> bool {
    let mut left = size;
    while left > 0 {
        let now = left.min(BLOCK);
        if !write(&TEXT[..now]) {
            return false;
        }
        left -= now;
    }
    true
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    kernel::exit(101)
}
