//! The house, held: which part of `src` may know which, and what the protocol does without.
//!
//! Rust's own privacy does not say that `frame` must not import `daemon`; this table does. A part is a
//! file or a folder directly in `src`.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test says by a panic what is wrong"
)]

#[path = "support/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{blank_text, paths, split_tests, tokens};

/// Floor, part, and the parts of its own floor that it may know; it may know every lower floor, if it
/// is not a part of the protocol, which has a narrower list.
const PARTS: &[(u8, &str, &[&str])] = &[
    (0, "frame", &[]),
    (0, "queue", &[]),
    (0, "record", &["frame", "queue"]),
    (1, "handshake", &["frame"]),
    (1, "connection", &["frame", "queue"]),
    (2, "sys", &[]),
    (2, "transport", &["sys"]),
    (2, "log", &["sys"]),
    (2, "blocking", &[]),
    (3, "site", &[]),
    (3, "daemon", &["site"]),
    (3, "dial", &["daemon", "site"]),
    (3, "cli", &["daemon", "dial", "site"]),
];

/// Floors 0 and 1: no I/O, no clock, no randomness.
const TOP_PROTOCOL_FLOOR: u8 = 1;

/// What no path in the protocol may hold: consecutive names, wherever the path begins.
const NOT_IN_PROTOCOL: &[&[&str]] = &[
    &["io", "*"],
    &["io", "BufRead"],
    &["io", "Read"],
    &["io", "Write"],
    &["io", "prelude"],
    &["Instant", "now"],
    &["RandomState"],
    &["SystemTime"],
    &["libc"],
    &["mio"],
    // Addresses are words; what connects them is not.
    &["net", "*"],
    &["net", "TcpListener"],
    &["net", "TcpStream"],
    &["net", "ToSocketAddrs"],
    &["net", "UdpSocket"],
    &["nix"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "os"],
    &["std", "process"],
];

#[test]
fn every_file_keeps_to_its_floor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = files_under(&root);
    assert!(files.len() > 5, "{files:?}");
    let violations: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
            violations(name, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn what_is_planted_is_found_and_nothing_else() {
    let planted = include_str!("vectors/floors.txt");
    for case in planted.split("\n== ").skip(1) {
        let (title, code) = case.split_once('\n').unwrap();
        let (file, expected) = match title.split_once(": ") {
            Some((file, sentence)) => (file, vec![sentence]),
            None => (title, Vec::new()),
        };
        let found = violations(file, &format!("//! A part.\n\n{code}"));
        let sentences: Vec<&str> = found
            .iter()
            .map(|violation| violation.splitn(3, ':').nth(2).unwrap().trim_start())
            .collect();
        assert_eq!(sentences, expected, "{case}");
    }
}

#[test]
fn a_violation_is_told_with_its_place() {
    let found = violations(
        "frame/utf8.rs",
        "use std::fmt;\n\nuse std::{\n    fmt,\n    fs,\n};\n",
    );
    let expected = [
        "frame/utf8.rs:1: does not begin with its //! doc",
        "frame/utf8.rs:5: std::fs in the protocol",
    ];
    assert_eq!(found, expected);
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong with one file, `file` being its path from `src`; one line each.
fn violations(file: &str, text: &str) -> Vec<String> {
    let told = |(line, what)| format!("{file}:{line}: {what}");
    // What the page may hold, its own tests say.
    if file == "site/console.html" {
        return Vec::new();
    }
    let Some(module) = file.strip_suffix(".rs") else {
        return vec![told((1, "is no Rust".to_owned()))];
    };
    let part = module.split('/').next().unwrap();
    if !matches!(part, "lib" | "bin") && row(part).is_none() {
        return vec![told((1, format!("{part} is no part of the house")))];
    }
    let is_test = module.split('/').any(|name| name == "tests");
    let mut found = Vec::new();
    if !text.starts_with("//!") && !is_test {
        found.push((1, "does not begin with its //! doc".to_owned()));
    }
    let code = blank_text(text);
    let (own, tests) = split_tests(&code, is_test);
    // How many times `super` leads out of the file's own module to the crate.
    let inner = module.strip_suffix("/mod").unwrap_or(module);
    let depth = inner.split('/').count();
    for (line, path) in paths(&own) {
        found.extend(import_violation(part, &path, depth).map(|what| (line, what)));
        found.extend(own_violation(part, &path).map(|what| (line, what)));
    }
    for (line, path) in paths(&tests) {
        found.extend(import_violation(part, &path, depth + 1).map(|what| (line, what)));
    }
    for two in tokens(&code).windows(2) {
        if let [(line, "unsafe"), (_, next)] = *two {
            found.extend(unsafe_violation(part, text, line, next).map(|what| (line, what)));
        }
    }
    found.into_iter().map(told).collect()
}

fn row(part: &str) -> Option<&(u8, &str, &[&str])> {
    PARTS.iter().find(|(_, name, _)| *name == part)
}

fn import_violation(part: &str, path: &[&str], depth: usize) -> Option<String> {
    let ups = path.iter().take_while(|name| **name == "super").count();
    let target = match *path.first()? {
        "crate" => *path.get(1)?,
        "super" if ups == depth => *path.get(ups)?,
        _ => return None,
    };
    let (floor, _, known) = row(part)?;
    if target == part {
        return None;
    }
    let Some((target_floor, ..)) = row(target) else {
        return Some(format!("{target} is no part of the house"));
    };
    let is_below = target_floor < floor && *floor > TOP_PROTOCOL_FLOOR;
    let is_allowed = is_below || known.contains(&target);
    (!is_allowed).then(|| format!("{part} must not know {target}"))
}

fn own_violation(part: &str, path: &[&str]) -> Option<String> {
    if path.len() > 1 && path.contains(&"thread") {
        return Some(format!("{} starts a thread", path.join("::")));
    }
    let is_protocol = row(part).is_some_and(|(floor, ..)| *floor <= TOP_PROTOCOL_FLOOR);
    let is_forbidden = NOT_IN_PROTOCOL
        .iter()
        .any(|names| path.windows(names.len()).any(|window| window == *names));
    (is_protocol && is_forbidden && path.len() > 1)
        .then(|| format!("{} in the protocol", path.join("::")))
}

/// `next` is what follows the word in line `line`.
fn unsafe_violation(part: &str, text: &str, line: usize, next: &str) -> Option<String> {
    if part != "sys" {
        return Some("unsafe outside sys".to_owned());
    }
    let wants_reason = matches!(next, "{" | "impl") && !has_safety_comment(text, line);
    wants_reason.then(|| "unsafe without a SAFETY comment".to_owned())
}

/// Whether the statement that holds line `line` has a comment above it that says why it is sound.
fn has_safety_comment(text: &str, line: usize) -> bool {
    let above: Vec<&str> = text.lines().take(line - 1).map(str::trim).collect();
    above
        .iter()
        .rev()
        .take_while(|line| line.starts_with("//") || !line.ends_with([';', '{', '}', ',']))
        .take_while(|line| !line.is_empty())
        .any(|line| line.starts_with("// SAFETY:"))
}
