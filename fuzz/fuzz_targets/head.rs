#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| websockd::handshake::fuzz_head(data));
