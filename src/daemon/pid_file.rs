//! The pid file: the daemon's pid for scripts, and a lock that keeps a second daemon away from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

use nix::errno::Errno;

use crate::sys::fd;

/// A file that this process has locked. The lock is the open file's: it goes on with a fork and an
/// exec that keep the descriptor, and ends with the last process that has it.
///
/// The file is removed with this value, or emptied where we have no right to that, by the process that
/// it belongs to and no other, as [`SocketFile`](super::socket_file::SocketFile) has it.
#[derive(Debug)]
pub(super) struct PidFile {
    file: File,
    path: PathBuf,
    owner: u32,
}

impl PidFile {
    /// Locks the file at `path`, which is made if there is none, and leaves its contents.
    ///
    /// # Errors
    ///
    /// A sentence: another process has it locked, it is a device or a pipe, or the system refused.
    pub(super) fn lock(path: &Path) -> Result<Self, String> {
        let failed = |error: &io::Error| format!("cannot lock pid file {path:?}: {error}");
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let file = options.open(path).map_err(|error| failed(&error))?;
            if !file.metadata().is_ok_and(|it| it.is_file()) {
                return Err(format!("pid file {path:?}: not a file"));
            }
            match fd::lock(&file) {
                Ok(()) => {}
                Err(Errno::EWOULDBLOCK) => return Err(held(path, file)),
                Err(errno) => return Err(failed(&errno.into())),
            }
            // Its last owner may have removed it between our two steps.
            if is_same(&file, path) {
                return Ok(Self::inherited(file.into(), path));
            }
        }
    }

    /// The file that our former self had locked and has handed over.
    pub(super) fn inherited(fd: OwnedFd, path: &Path) -> Self {
        Self {
            file: File::from(fd),
            path: path.to_owned(),
            owner: process::id(),
        }
    }

    /// Writes our pid into it: it is this process's now, whose parent may have locked it.
    ///
    /// # Errors
    ///
    /// A sentence: the system refused.
    pub(super) fn write(&mut self) -> Result<(), String> {
        self.owner = process::id();
        let text = format!("{}\n", self.owner);
        let emptied = self.file.set_len(0);
        let written = emptied.and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| format!("cannot write pid file {:?}: {error}", self.path))
    }

    /// Leaves it to the child that has written its pid into it.
    pub(super) fn leave(mut self) {
        self.owner = 0;
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let is_ours = self.owner == process::id() && is_same(&self.file, &self.path);
        if is_ours && fs::remove_file(&self.path).is_err() {
            let _left_as_it_is = self.file.set_len(0);
        }
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn is_same(file: &File, path: &Path) -> bool {
    let (Ok(one), Ok(other)) = (file.metadata(), path.metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn held(path: &Path, file: File) -> String {
    let mut pid = String::new();
    let read = file.take(20).read_to_string(&mut pid);
    match pid.trim().parse::<u32>() {
        Ok(pid) if read.is_ok() => format!("pid file {path:?}: process {pid} has it and runs"),
        _ => format!("pid file {path:?}: another process has it and runs"),
    }
}
