//! The directory whose files are shown, and what in it is not: programs.
//!
//! Where the directory of programs lies below, nothing in it is shown. Where it is the same, or above,
//! the files of both sorts lie side by side, and a file that can be executed, or begins as a script
//! does, is not shown. No link is followed then, since it could lead to one under another name.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, fstat, stat};
use nix::sys::uio::pread;

use crate::sys::beneath::{self, Kind, Links};

/// Any of the bits that let a file be executed.
const EXECUTABLE: u32 = 0o111;

/// What is run here and is not to be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Programs<'c> {
    /// The directories of programs.
    pub(crate) dirs: [Option<&'c Path>; 2],
    /// The one program.
    pub(crate) program: Option<&'c Path>,
}

#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
    links: Links,
    /// Directories of programs below.
    hidden: Vec<Id>,
    /// Programs may lie anywhere.
    is_mixed: bool,
    program: Option<Id>,
}

/// Device and number, which no other name for the same thing changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Id(u64, u64);

impl Id {
    fn of(stat: &FileStat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

impl Tree {
    pub(super) fn open(dir: &Path, programs: Programs<'_>) -> nix::Result<Self> {
        let program = programs.program.and_then(|path| stat(path).ok());
        let mut tree = Self {
            root: beneath::root(dir)?,
            links: Links::Within,
            hidden: Vec::new(),
            is_mixed: false,
            program: program.map(|it| Id::of(&it)),
        };
        let ours = dir.canonicalize().map_err(|_| Errno::ENOENT)?;
        for path in programs.dirs.into_iter().flatten() {
            // One that has gone has no programs.
            let Ok(theirs) = path.canonicalize() else {
                continue;
            };
            if ours.starts_with(&theirs) {
                tree.is_mixed = true;
            } else if theirs.starts_with(&ours) {
                tree.hidden.push(Id::of(&stat(&theirs)?));
            } else {
                continue;
            }
            tree.links = Links::None;
        }
        Ok(tree)
    }

    /// What there is under these names.
    pub(super) fn look(&self, names: &[OsString]) -> nix::Result<FileStat> {
        for count in 1..=names.len() {
            let is_needed = count == names.len() || !self.hidden.is_empty();
            if !is_needed {
                continue;
            }
            let above = names.get(..count).unwrap_or(names);
            let found = fstat(beneath::find(&self.root, above, self.links)?)?;
            if self.hidden.contains(&Id::of(&found)) {
                return Err(Errno::ENOENT);
            }
            if count == names.len() {
                return Ok(found);
            }
        }
        fstat(&self.root)
    }

    /// Opens a file under these names for reading.
    pub(super) fn read(&self, names: &[OsString]) -> nix::Result<(OwnedFd, FileStat)> {
        // Before it is opened, which a device might mind.
        if beneath::kind(&self.look(names)?) != Kind::File {
            return Err(Errno::ENOENT);
        }
        let file = beneath::read(&self.root, names, self.links)?;
        let found = fstat(&file)?;
        let is_program = self.program == Some(Id::of(&found))
            || (self.is_mixed && (found.st_mode & EXECUTABLE != 0 || begins_as_script(&file)));
        if is_program || beneath::kind(&found) != Kind::File {
            return Err(Errno::ENOENT);
        }
        Ok((file, found))
    }

    /// Opens a directory under these names for reading.
    pub(super) fn read_dir(&self, names: &[OsString]) -> nix::Result<OwnedFd> {
        beneath::read(&self.root, names, self.links)
    }
}

fn begins_as_script(file: &OwnedFd) -> bool {
    let mut bytes = [0; 2];
    pread(file, &mut bytes, 0) == Ok(2) && bytes == *b"#!"
}
