#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| websockd::cli::fuzz_flags(data));
