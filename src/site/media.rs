//! What a file's name says of its content.
//!
//! A table of our own: the well-kept crate for it brings a thousand types and a hundred kilobytes, for a
//! server that shows the pages of its services.

use std::ffi::OsStr;
use std::path::Path;

/// The type where the name says nothing.
const UNKNOWN: &str = "application/octet-stream";

/// Endings in small letters, in order.
const TYPES: [(&str, &str); 41] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("eot", "application/vnd.ms-fontobject"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("log", "text/plain; charset=utf-8"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The type of a file of this name.
pub(super) fn type_of(name: &OsStr) -> &'static str {
    let ending = Path::new(name).extension().unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    TYPES
        .iter()
        .find(|(known, _)| ending == *known)
        .map_or(UNKNOWN, |(_, media)| media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_in_small_letters() {
        assert!(TYPES.is_sorted_by(|one, other| one.0 < other.0));
        assert!(
            TYPES
                .iter()
                .all(|(ending, _)| *ending == ending.to_lowercase())
        );
    }

    #[test]
    fn the_last_ending_counts_whatever_its_case() {
        for (name, media) in [
            ("index.html", "text/html; charset=utf-8"),
            ("A.HTML", "text/html; charset=utf-8"),
            ("a.html.gz", "application/gzip"),
            ("html", UNKNOWN),
            (".html", UNKNOWN),
            ("a.", UNKNOWN),
            ("a.htmlx", UNKNOWN),
        ] {
            assert_eq!(type_of(OsStr::new(name)), media, "{name}");
        }
    }
}
