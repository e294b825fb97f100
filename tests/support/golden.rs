//! Texts that are compared whole: `tests/golden/NAME`, written anew with `UPDATE=1`.

use std::fs;
use std::path::Path;

/// Compares `text` with the golden file of that name.
pub(crate) fn check(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, text).unwrap();
    }
    let golden = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        golden,
        "not as in {}; if it should be so, run with UPDATE=1",
        file.display()
    );
}
