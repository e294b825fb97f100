//! Programs of others that the tests use: where they are, and what happens when they are not there.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory that `tests/tools` fills.
fn directory() -> PathBuf {
    std::env::var_os("WEBSOCKD_TEST_TOOLS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools"),
        PathBuf::from,
    )
}

/// The file `name` of the tools directory. `None`, with a word to the person who watches, if it is not
/// there: the test is left out.
///
/// # Panics
/// Where `CI` is `true` nothing may be left out.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let file = directory().join(name);
    if file.exists() {
        return Some(file);
    }
    leave_out(&file.display().to_string());
    None
}

/// Whether `program` of the system can be started, judged as [`find`] does.
pub(super) fn has_program(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|directory| directory.join(program).exists());
    if !is_there {
        leave_out(program);
    }
    is_there
}

/// Says so past the test's captured output: a test that passes shows nothing else.
fn leave_out(missing: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!is_ci, "{missing} is missing, tests/tools fetches it");
    let line = format!("left out: {missing} is missing, tests/tools fetches it\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A file that belongs to these tests.
pub(super) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(name)
}
