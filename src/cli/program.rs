//! Finding PROGRAM, once, at start: a mistyped name is told to who typed it, not to the first client.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Failure;
use super::root::Root;
use super::value::{quoted, reason};
use crate::daemon::Program;
use crate::daemon::environment::DEFAULT_PATH;

/// Why one file is not what we look for.
enum Miss {
    Absent,
    Directory,
    NotExecutable,
    Unreadable(io::Error),
}

/// Looks up a command as a shell does: a name with a slash is a file, any other is searched in `PATH`,
/// both as seen from `root`.
///
/// # Errors
///
/// 100: no command; 126: found, but cannot be run; 127: not found.
pub(super) fn find(command: &[OsString], root: &Root) -> Result<Program, Failure> {
    let Some(name) = command.first() else {
        return Err(Failure::usage(
            "no PROGRAM: say what is to run for each client, such as websockd cat, or give --dir DIR",
        ));
    };
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let found = if name.as_bytes().contains(&b'/') {
        look_at(Path::new(name), root)
    } else {
        search(name, &path, root)
    };
    let found = found.and_then(|file| root.absolute(&file).map_err(Miss::Unreadable));
    match found {
        Ok(path) => Ok(Program {
            path,
            argv: command.to_vec(),
        }),
        Err(miss) => Err(failure(name, &path, &miss)),
    }
}

/// The first file in `path` that can be run; else why the first that is there cannot.
fn search(name: &OsStr, path: &OsStr, root: &Root) -> Result<PathBuf, Miss> {
    let mut first = Miss::Absent;
    if name.is_empty() {
        return Err(first);
    }
    for directory in env::split_paths(path) {
        match look_at(&directory.join(name), root) {
            Ok(file) => return Ok(file),
            Err(miss) if matches!(first, Miss::Absent) => first = miss,
            Err(_) => {}
        }
    }
    Err(first)
}

fn look_at(file: &Path, root: &Root) -> Result<PathBuf, Miss> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match root.metadata(file) {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Err(Miss::Absent),
        Err(error) => Err(Miss::Unreadable(error)),
        Ok(metadata) if metadata.is_dir() => Err(Miss::Directory),
        Ok(metadata) if !root.may_execute(file, &metadata) => Err(Miss::NotExecutable),
        Ok(_) => Ok(file.to_owned()),
    }
}

fn failure(name: &OsStr, path: &OsStr, miss: &Miss) -> Failure {
    let shown = quoted(name);
    let (status, message) = match miss {
        Miss::Absent if name.as_bytes().contains(&b'/') => {
            (127, format!("program {shown}: there is no such file"))
        }
        Miss::Absent => (
            127,
            format!("program {shown}: not found in PATH {}", quoted(path)),
        ),
        Miss::Directory => (126, format!("program {shown}: is a directory")),
        Miss::NotExecutable => (
            126,
            format!("program {shown}: is not executable: chmod +x makes it so"),
        ),
        Miss::Unreadable(error) => (
            126,
            format!("program {shown}: cannot be run: {}", reason(error)),
        ),
    };
    Failure::of_status(status, message)
}
