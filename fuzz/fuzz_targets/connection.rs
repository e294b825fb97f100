#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| websockd::connection::fuzz_connection(data));
