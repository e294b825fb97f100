#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| websockd::frame::fuzz_decoder(data));
