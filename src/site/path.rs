//! A request's path as names, one below the other.
//!
//! Read strictly, since it becomes a path of the file system: what a name may not be is refused by its
//! form alone, before anything is looked at, so that an answer tells nothing of what is there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use percent_encoding::percent_decode_str;

use crate::handshake::Reject;

/// The decoded parts of a path between its slashes. None has a slash or a NUL, none is `.` or `..`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Names(Vec<OsString>);

impl Names {
    /// Takes a request's path apart; it begins with a slash.
    ///
    /// # Errors
    ///
    /// [`Reject::PathNul`], [`Reject::PathForbidden`].
    pub(crate) fn parse(path: &str) -> Result<Self, Reject> {
        let parts = path.strip_prefix('/').unwrap_or(path).split('/');
        let names = parts.map(|part| {
            let name: Vec<u8> = percent_decode_str(part).collect();
            match name.as_slice() {
                b"." | b".." => Err(Reject::PathForbidden),
                name if name.contains(&0) => Err(Reject::PathNul),
                name if name.contains(&b'/') => Err(Reject::PathForbidden),
                _ => Ok(OsString::from_vec(name)),
            }
        });
        names.collect::<Result<_, _>>().map(Self)
    }

    /// How many there are; at least one, which may be empty.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The first `count`, for the file system.
    ///
    /// # Errors
    ///
    /// The last of them is none that is looked up there: [`Reject::PathForbidden`] for a hidden one,
    /// [`Reject::NotFound`] for an empty one.
    pub(crate) fn first(&self, count: usize) -> Result<&[OsString], Reject> {
        let names = self.0.get(..count).unwrap_or(&self.0);
        match names.last().map(|name| name.as_bytes()) {
            None | Some(b"") => Err(Reject::NotFound),
            Some([b'.', ..]) => Err(Reject::PathForbidden),
            Some(_) => Ok(names),
        }
    }

    /// All of them, for the file system.
    ///
    /// # Errors
    ///
    /// As [`first`](Self::first), of any of them.
    #[cfg(feature = "site")]
    pub(crate) fn all(&self) -> Result<&[OsString], Reject> {
        self.upto_checked(self.count())
    }

    /// Those of a path that ends with a slash; `None` if this one does not.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[cfg(feature = "site")]
    pub(crate) fn directory(&self) -> Result<Option<&[OsString]>, Reject> {
        let is_directory = self.0.last().is_some_and(|name| name.is_empty());
        let names = is_directory.then(|| self.upto_checked(self.count() - 1));
        names.transpose()
    }

    #[cfg(feature = "site")]
    fn upto_checked(&self, count: usize) -> Result<&[OsString], Reject> {
        for count in 1..=count {
            self.first(count)?;
        }
        Ok(self.0.get(..count).unwrap_or_default())
    }

    /// The first `count` with a slash before each; nothing for none.
    pub(crate) fn upto(&self, count: usize) -> OsString {
        joined(self.0.get(..count).unwrap_or(&self.0))
    }

    /// What follows the first `count` likewise.
    pub(crate) fn behind(&self, count: usize) -> OsString {
        joined(self.0.get(count..).unwrap_or_default())
    }
}

/// The answer where the system refuses: of what lies outside it does not depend on what is there.
pub(crate) fn reject(errno: Errno) -> Reject {
    if matches!(errno, Errno::EXDEV | Errno::ELOOP | Errno::EACCES) {
        Reject::PathForbidden
    } else {
        Reject::NotFound
    }
}

fn joined(names: &[OsString]) -> OsString {
    let mut path = OsString::new();
    for name in names {
        path.push(OsStr::new("/"));
        path.push(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_decoded_once() {
        for (path, count, upto, behind) in [
            ("/", 1, "/", ""),
            ("/a", 1, "/a", ""),
            ("/a/b%20c", 1, "/a", "/b c"),
            ("/a/", 1, "/a", "/"),
            ("/a//b", 2, "/a/", "/b"),
            ("/%2561", 1, "/%61", ""),
            ("/a%", 1, "/a%", ""),
            ("/...", 1, "/...", ""),
            ("/a\\b", 1, "/a\\b", ""),
        ] {
            let names = Names::parse(path).unwrap();
            assert_eq!(names.upto(count), upto, "{path}");
            assert_eq!(names.behind(count), behind, "{path}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for path in [
            "/..",
            "/.",
            "/a/..",
            "/a/../b",
            "/%2e%2e/b",
            "/.%2E/b",
            "/%2e",
            "/a%2fb",
            "/a%2F..%2Fb",
        ] {
            assert_eq!(Names::parse(path), Err(Reject::PathForbidden), "{path}");
        }
        assert_eq!(Names::parse("/a%00"), Err(Reject::PathNul));
    }

    #[test]
    fn hidden_and_empty_names_are_not_looked_up() {
        let names = Names::parse("/a/.b//c").unwrap();
        assert_eq!(names.first(1).unwrap(), ["a"]);
        assert_eq!(names.first(2), Err(Reject::PathForbidden));
        assert_eq!(names.first(3), Err(Reject::NotFound));
        assert_eq!(names.first(4).unwrap().len(), 4);
    }
}
