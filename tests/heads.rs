//! Heads as data: each file of `tests/vectors/heads` is what a client sends, `index.txt` says what
//! becomes of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use websockd::handshake::head::{HeadError, HeadScanner};
use websockd::handshake::server::{Hosts, Origins, Place, Policy, admit, judge};
use websockd::handshake::{Reject, Request, fuzz_head, fuzz_offer};

/// A line of the index and the file it is about.
#[derive(Clone, Debug)]
struct Vector {
    name: String,
    bytes: Vec<u8>,
    status: String,
    detail: String,
    policy: Policy,
    place: Place,
    is_page: bool,
}

impl Vector {
    fn parse(line: &str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let mut word = || {
            words
                .next()
                .unwrap_or_else(|| panic!("too short: {line}"))
                .to_owned()
        };
        let (name, status, detail) = (word(), word(), word());
        let bytes = fs::read(folder().join(format!("{name}.http"))).expect(line);
        let mut vector = Self {
            name,
            bytes,
            status,
            detail,
            policy: Policy::default(),
            place: Place {
                is_secure: false,
                is_loopback: true,
            },
            is_page: false,
        };
        words.for_each(|setting| vector.set(setting));
        vector
    }

    fn set(&mut self, setting: &str) {
        match setting.split_once('=') {
            None if setting == "page" => self.is_page = true,
            None if setting == "remote" => self.place.is_loopback = false,
            None if setting == "secure" => self.place.is_secure = true,
            Some(("hosts", "any")) => self.policy.hosts = Hosts::Any,
            Some(("hosts", names)) => self.policy.hosts = Hosts::Listed(list(names)),
            Some(("origins", "any")) => self.policy.origins = Origins::Any,
            Some(("origins", names)) => self.policy.origins = Origins::Listed(list(names)),
            Some(("protocols", names)) => self.policy.protocols = list(names),
            _ => panic!("{}: no such setting: {setting}", self.name),
        }
    }

    /// What becomes of the bytes if they arrive in pieces that end at `cuts`.
    fn outcome(&self, cuts: &[usize]) -> (String, String) {
        match self.try_outcome(cuts) {
            Ok(outcome) => outcome,
            Err(reject) => (reject.status().to_string(), format!("{reject:?}")),
        }
    }

    fn try_outcome(&self, cuts: &[usize]) -> Result<(String, String), Reject> {
        let Some(len) = scan(&self.bytes, cuts)? else {
            return Ok(("more".to_owned(), "-".to_owned()));
        };
        let request = Request::parse(&self.bytes[..len])?;
        if self.is_page {
            admit(&request, &self.policy, &self.place)?;
            return Ok(("page".to_owned(), "-".to_owned()));
        }
        let upgrade = judge(&request, &self.policy, &self.place)?;
        let protocol = upgrade.protocol().unwrap_or("-").to_owned();
        Ok(("101".to_owned(), protocol))
    }
}

/// Shows a scanner what has arrived after each piece.
fn scan(bytes: &[u8], cuts: &[usize]) -> Result<Option<usize>, HeadError> {
    let mut scanner = HeadScanner::new();
    for cut in cuts {
        if let Some(len) = scanner.scan(&bytes[..*cut])? {
            return Ok(Some(len));
        }
    }
    scanner.scan(bytes)
}

fn list(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/heads")
}

fn vectors() -> Vec<Vector> {
    let index = fs::read_to_string(folder().join("index.txt")).unwrap();
    index
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Vector::parse)
        .collect()
}

#[test]
fn every_head_has_its_outcome() {
    for vector in vectors() {
        let expected = (vector.status.clone(), vector.detail.clone());
        assert_eq!(vector.outcome(&[]), expected, "{}", vector.name);
    }
}

#[test]
fn every_file_is_in_the_index() {
    let in_index: BTreeSet<_> = vectors().into_iter().map(|vector| vector.name).collect();
    let in_folder: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".http").map(str::to_owned)
        })
        .collect();
    assert_eq!(in_index, in_folder);
}

#[test]
fn what_follows_a_head_changes_nothing() {
    for mut vector in vectors() {
        if vector.status == "more" {
            continue;
        }
        let before = vector.outcome(&[]);
        vector.bytes.extend_from_slice(b"\x81\x80\0\0\0\0\r\n\r\n");
        assert_eq!(vector.outcome(&[]), before, "{}", vector.name);
    }
}

#[test]
fn the_fuzz_bodies_hold_for_every_head() {
    for vector in vectors() {
        fuzz_head(&vector.bytes);
        for line in vector
            .bytes
            .split(|byte| matches!(byte, b'\r' | b'\n' | b':'))
        {
            fuzz_offer(line);
        }
    }
}

fn any_vector() -> impl Strategy<Value = Vector> {
    prop::sample::select(vectors())
}

/// Bytes that make a difference more often than others do.
fn telling_byte() -> impl Strategy<Value = u8> {
    let telling = b"\r\n\t \0:;,=\"\\/?#@[]%*aA1\x16\x7f\x80\xff";
    prop_oneof![prop::sample::select(&telling[..]), any::<u8>()]
}

proptest! {
    #[test]
    fn any_split_has_the_same_outcome(
        vector in any_vector(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(vector.bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(vector.outcome(&cuts), vector.outcome(&[]));
    }

    #[test]
    fn any_change_of_a_head_is_judged_without_panic(
        vector in any_vector(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), telling_byte()), 1..4),
    ) {
        let mut bytes = vector.bytes;
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        fuzz_head(&bytes);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        fuzz_head(&bytes);
        fuzz_offer(&bytes);
    }

    #[test]
    fn any_offer_is_read_without_panic(bytes in prop::collection::vec(telling_byte(), 0..24)) {
        fuzz_offer(&bytes);
    }
}
