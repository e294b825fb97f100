//! The four system calls and the entry point of a program without a C library.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const READ: usize = 0;
    pub(super) const WRITE: usize = 1;
    pub(super) const NANOSLEEP: usize = 35;
    pub(super) const EXIT: usize = 60;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub(super) const READ: usize = 63;
    pub(super) const WRITE: usize = 64;
    pub(super) const NANOSLEEP: usize = 101;
    pub(super) const EXIT: usize = 93;
}

// The kernel enters with the argument count at the top of the stack and the arguments above it.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {}", sym enter);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {}", sym enter);

extern "C" fn enter(stack: *const usize) -> ! {
    // SAFETY: the kernel put the count there and a null pointer behind as many strings, which live as
    // long as the process; a string that is not there is not looked at.
    let (name, size) = unsafe {
        let count = *stack;
        let argument = |index| match index < count {
            true => string((*stack.add(1 + index)) as *const u8),
            false => &[][..],
        };
        (argument(1), argument(2))
    };
    exit(super::run(name, size));
}

/// # Safety
/// There is a string, for the process's life.
unsafe fn string(start: *const u8) -> &'static [u8] {
    let mut length = 0;
    // SAFETY: the string ends with a zero, and no byte behind it is looked at.
    unsafe {
        while *start.add(length) != 0 {
            length += 1;
        }
        slice::from_raw_parts(start, length)
    }
}

/// Memory that the program file describes, so that it costs nothing before it is used.
pub(crate) struct Memory<const LENGTH: usize> {
    bytes: UnsafeCell<[u8; LENGTH]>,
    is_taken: AtomicBool,
}

// SAFETY: what is inside is handed out once.
unsafe impl<const LENGTH: usize> Sync for Memory<LENGTH> {}

impl<const LENGTH: usize> Memory<LENGTH> {
    pub(crate) const fn new(byte: u8) -> Self {
        Self {
            bytes: UnsafeCell::new([byte; LENGTH]),
            is_taken: AtomicBool::new(false),
        }
    }

    /// The memory, once; ends the program the second time.
    #[expect(clippy::mut_from_ref, reason = "it is handed out once")]
    pub(crate) fn take(&'static self) -> &'static mut [u8] {
        if self.is_taken.swap(true, Ordering::Relaxed) {
            exit(102);
        }
        // SAFETY: no other reference exists or will.
        unsafe { &mut *self.bytes.get() }
    }
}

/// What one read(2) of standard input brings; 0 at its end or at an error, which ends a service alike.
pub(crate) fn read(block: &mut [u8]) -> usize {
    // SAFETY: the block is writable for its length.
    let count = unsafe { call(number::READ, 0, block.as_mut_ptr() as usize, block.len()) };
    usize::try_from(count).unwrap_or(0)
}

/// Writes all of it to standard output; `false` when nobody reads any more.
pub(crate) fn write(mut block: &[u8]) -> bool {
    while !block.is_empty() {
        // SAFETY: the block is readable for its length.
        let count = unsafe { call(number::WRITE, 1, block.as_ptr() as usize, block.len()) };
        match usize::try_from(count)
            .ok()
            .and_then(|count| block.get(count..))
        {
            Some(rest) => block = rest,
            None => return false,
        }
    }
    true
}

/// Waits.
pub(crate) fn sleep(seconds: usize) {
    let time = [seconds, 0];
    // SAFETY: the kernel reads the two words and writes nowhere.
    unsafe { call(number::NANOSLEEP, time.as_ptr() as usize, 0, 0) };
}

pub(crate) fn exit(status: usize) -> ! {
    // SAFETY: touches no memory.
    unsafe { call(number::EXIT, status, 0, 0) };
    loop {
        core::hint::spin_loop();
    }
}

/// # Safety
/// What the kernel reads or writes by these arguments must be the caller's to lend.
unsafe fn call(number: usize, one: usize, two: usize, three: usize) -> isize {
    let outcome;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel changes these registers and no others, and memory as the caller allows.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => outcome,
            in("rdi") one, in("rsi") two, in("rdx") three,
            lateout("rcx") _, lateout("r11") _, options(nostack),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel changes x0 and no other register, and memory as the caller allows.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number, inlateout("x0") one => outcome,
            in("x1") two, in("x2") three, options(nostack),
        );
    }
    outcome
}
