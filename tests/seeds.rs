//! Every seed of `fuzz/seeds` through the body of its fuzz target: what a fuzzer looks at for hours,
//! looked at once, without a fuzzer.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong, and shows what it printed"
)]

use std::fs;
use std::path::Path;

/// Runs all seeds of a target; the name of the one under way is what a failure shows.
fn run_seeds(target: &str, body: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut count = 0;
    for seed in fs::read_dir(directory).unwrap() {
        let path = seed.unwrap().path();
        println!("{}", path.display());
        body(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 10, "only {count} seeds");
}

#[test]
fn the_seeds_of_close_hold() {
    run_seeds("close", websockd::frame::fuzz_close);
}

#[test]
fn the_seeds_of_connection_hold() {
    run_seeds("connection", websockd::connection::fuzz_connection);
}

#[test]
fn the_seeds_of_decoder_hold() {
    run_seeds("decoder", websockd::frame::fuzz_decoder);
}

#[test]
#[cfg(feature = "daemon")]
fn the_seeds_of_flags_hold() {
    run_seeds("flags", websockd::cli::fuzz_flags);
}

#[test]
fn the_seeds_of_head_hold() {
    run_seeds("head", websockd::handshake::fuzz_head);
}

#[test]
fn the_seeds_of_offer_hold() {
    run_seeds("offer", websockd::handshake::fuzz_offer);
}

#[test]
fn the_seeds_of_records_hold() {
    run_seeds("records", websockd::record::fuzz_records);
}
