#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| websockd::record::fuzz_records(data));
