//! The file that a Unix socket is: made with it, and removed by the process that listens.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

use nix::sys::stat::lstat;

/// A file that is removed with this value, by the process that it belongs to and no other: sessions
/// have a copy, and so has a command that leaves a daemon behind.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
    owner: u32,
}

/// Device and inode: by then another file may have the name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl SocketFile {
    /// The file that has just been made at `path`, ours.
    pub(super) fn made(path: &Path) -> nix::Result<Self> {
        let stat = lstat(path)?;
        Ok(Self::inherited(
            path,
            Identity {
                device: stat.st_dev,
                inode: stat.st_ino,
            },
        ))
    }

    /// The file that our former self made.
    pub(super) fn inherited(path: &Path, identity: Identity) -> Self {
        Self {
            path: path.to_owned(),
            identity,
            owner: process::id(),
        }
    }

    /// Which file it is, for who takes over.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Makes it this process's, whose parent made it.
    pub(super) fn take_over(&mut self) {
        self.owner = process::id();
    }

    /// Leaves it to the child that has taken it over.
    pub(super) fn leave(mut self) {
        self.owner = 0;
    }
}

impl Drop for SocketFile {
    /// Where we have no right to, it stays, and is replaced by the next one.
    fn drop(&mut self) {
        if self.owner != process::id() {
            return;
        }
        let found = fs::symlink_metadata(&self.path);
        let is_ours = found
            .is_ok_and(|it| (it.dev(), it.ino()) == (self.identity.device, self.identity.inode));
        if is_ours {
            let _left = fs::remove_file(&self.path);
        }
    }
}
