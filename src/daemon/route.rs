//! Which program a request is for: the one there is, or the first file that its path comes to.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::sys::stat::fstat;
use nix::unistd::{AccessFlags, access};

use crate::handshake::Reject;
use crate::log;
use crate::site::path::{self, Names};
use crate::sys::Error;
use crate::sys::beneath::{self, Kind, Links};

use super::config::Services;
use super::environment::Place;
use super::service::{Executable, Template};

/// A program below a directory that a path leads to.
#[derive(Debug)]
pub(super) struct Found {
    file: PathBuf,
    names: Names,
    /// How many of the names lead to it.
    count: usize,
}

/// The program for a request of this path, and what of the path is left to it.
///
/// # Errors
///
/// 400 or 403 for a path that is none of ours to look up, 404 where it leads to no program.
pub(super) fn find<'t>(
    template: &'t Template<'_>,
    path: &str,
) -> Result<(Cow<'t, Executable>, Place), Reject> {
    if let Some(program) = &template.program {
        return Ok((Cow::Borrowed(program), Place::of_all(path)?));
    }
    let Services::Dir(dir) = &template.config.services else {
        return Err(Reject::NotFound);
    };
    let found = Found::below(dir, path)?;
    let place = Place {
        script: found.names.upto(found.count),
        info: found.names.behind(found.count),
        translated: found.names.upto(found.names.count()),
        file: None,
    };
    Ok((Cow::Owned(Executable::alone(&found.file)), place))
}

/// The CGI script below `dir` for a request of this path, and what of the path is left to it. Files are
/// below `files`.
///
/// # Errors
///
/// As [`find`].
#[cfg(feature = "site")]
pub(super) fn find_script(
    dir: &Path,
    files: Option<&Path>,
    path: &str,
) -> Result<(Executable, Place), Reject> {
    let found = Found::below(dir, path)?;
    let info = found.names.behind(found.count);
    // RFC 3875 4.1.6: the server's place of what is left, if there is something left.
    let mut translated = OsString::new();
    if let Some(files) = files.filter(|_| !info.is_empty()) {
        translated.push(files);
        translated.push(&info);
    }
    let place = Place {
        script: found.names.upto(found.count),
        info,
        translated,
        file: Some(found.file.clone()),
    };
    Ok((Executable::at_home(&found.file), place))
}

impl Found {
    /// Goes down from `dir` as far as the path names directories. What it comes to then has to be a
    /// program.
    fn below(dir: &Path, target: &str) -> Result<Self, Reject> {
        let names = Names::parse(target)?;
        let root = beneath::root(dir).map_err(|errno| {
            log::error(Error::new("open", dir.display().to_string(), errno));
            Reject::SpawnFailed
        })?;
        for count in 1..=names.count() {
            let walked = names.first(count)?;
            match kind(&root, walked) {
                Ok(Kind::Directory) => {}
                Ok(Kind::File) => {
                    let file = dir.join(walked.join("/".as_ref()));
                    access(&file, AccessFlags::X_OK).map_err(|_| Reject::NotFound)?;
                    return Ok(Self { file, names, count });
                }
                Ok(Kind::Other) => return Err(Reject::NotFound),
                Err(errno) => return Err(path::reject(errno)),
            }
        }
        Err(Reject::NotFound)
    }
}

fn kind(root: &impl AsFd, names: &[OsString]) -> nix::Result<Kind> {
    let found = beneath::find(root, names, Links::Within)?;
    fstat(&found).map(|stat| beneath::kind(&stat))
}
