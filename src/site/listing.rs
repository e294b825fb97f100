//! A directory as a page.

use std::ffi::{CStr, OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, UNIX_EPOCH};

use nix::dir::Dir;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::sys::beneath::{self, Kind};

use super::response::{Body, Response};
use super::tree::Tree;

/// More are not listed: a page has to be held in memory.
const MAX_ENTRIES: usize = 10_000;

/// What a name needs encoded in a reference: all that could mean something there.
const IN_REFERENCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Something in the directory. The order is the page's.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    is_file: bool,
    name: OsString,
    len: i64,
    /// Since 1970.
    modified: Duration,
}

/// Lists what is shown of a directory, `path` being the request's.
pub(super) fn response(tree: &Tree, names: &[OsString], path: &str) -> nix::Result<Response> {
    let mut entries = Vec::new();
    let mut is_whole = true;
    for entry in Dir::from_fd(tree.read_dir(names)?)? {
        let shown = entry
            .ok()
            .and_then(|entry| look(tree, names, entry.file_name()));
        if entries.len() == MAX_ENTRIES {
            is_whole = false;
            break;
        }
        entries.extend(shown);
    }
    entries.sort_unstable();
    let page = page(path, &entries, is_whole);
    Ok(Response::new(200, "OK")
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Content-Security-Policy", "default-src 'none'")
        .field("X-Content-Type-Options", "nosniff")
        .field("Cache-Control", "no-cache")
        .body(Body::Bytes(page.into_bytes().into())))
}

/// What a name in the directory leads to, if it would be shown.
fn look(tree: &Tree, names: &[OsString], name: &CStr) -> Option<Entry> {
    let name = OsStr::from_bytes(name.to_bytes());
    if name.as_bytes().starts_with(b".") {
        return None;
    }
    let names: Vec<OsString> = names.iter().cloned().chain([name.to_owned()]).collect();
    let found = tree.look(&names).ok()?;
    let kind = beneath::kind(&found);
    if kind == Kind::Other || (kind == Kind::File && tree.read(&names).is_err()) {
        return None;
    }
    Some(Entry {
        is_file: kind == Kind::File,
        name: name.to_owned(),
        len: found.st_size,
        modified: Duration::from_secs(u64::try_from(found.st_mtime).unwrap_or(0)),
    })
}

fn page(path: &str, entries: &[Entry], is_whole: bool) -> String {
    let title = escaped(&percent_decode_str(path).decode_utf8_lossy());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<h1>{title}</h1>\n<table>\n\
         <tr><th>Name<th>Bytes<th>Changed\n"
    );
    if path != "/" {
        page += "<tr><td><a href=\"../\">../</a><td><td>\n";
    }
    for entry in entries {
        let slash = if entry.is_file { "" } else { "/" };
        let name = entry.name.as_bytes();
        let len = match entry.is_file {
            true => entry.len.to_string(),
            false => String::new(),
        };
        let _infallible = writeln!(
            page,
            "<tr><td><a href=\"./{}{slash}\">{}{slash}</a><td>{len}<td>{}",
            percent_encode(name, IN_REFERENCE),
            escaped(&String::from_utf8_lossy(name)),
            humantime::format_rfc3339_seconds(UNIX_EPOCH + entry.modified),
        );
    }
    page += "</table>\n";
    if !is_whole {
        let _infallible = writeln!(page, "<p>There is more than the {MAX_ENTRIES} shown.");
    }
    page
}

/// As text in a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_and_one_part_of_a_reference_whatever_it_holds() {
        let entry = |is_file, name: &str| Entry {
            is_file,
            name: name.into(),
            len: 7,
            modified: Duration::from_secs(1_704_067_200),
        };
        let entries = [entry(false, "a:b?#"), entry(true, "<script>'\"&")];
        let page = page("/%3Cb%3E/", &entries, true);
        for line in [
            "<title>/&lt;b&gt;/</title>",
            "<a href=\"./a%3Ab%3F%23/\">a:b?#/</a><td><td>2024-01-01T00:00:00Z",
            "<a href=\"./%3Cscript%3E%27%22%26\">&lt;script&gt;&#39;&quot;&amp;</a><td>7<td>",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }
}
