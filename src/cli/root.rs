//! Files as a process in another root directory sees them, its symbolic links included.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access};

/// A root directory to look from.
#[derive(Debug)]
pub(super) enum Root {
    Ours,
    Other(OwnedFd),
}

impl Root {
    /// The root `directory`, or ours.
    pub(super) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let Some(directory) = directory else {
            return Ok(Self::Ours);
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self::Other(open(directory, flags, Mode::empty())?))
    }

    /// A path from the root. In another root, the root is also where we are.
    pub(super) fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Self::Ours => absolute(path),
            Self::Other(_) => Ok(Path::new("/").join(path)),
        }
    }

    /// What a path leads to.
    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self {
            Self::Ours => path.metadata(),
            Self::Other(root) => {
                let how = OpenHow::new()
                    .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
                    .resolve(ResolveFlag::RESOLVE_IN_ROOT);
                File::from(openat2(root, path, how)?).metadata()
            }
        }
    }

    /// Whether a file that is there may be executed.
    pub(super) fn may_execute(&self, path: &Path, metadata: &Metadata) -> bool {
        match self {
            Self::Ours => access(path, AccessFlags::X_OK).is_ok(),
            // Who asks is root, for whom one of these bits is enough.
            Self::Other(_) => metadata.permissions().mode() & 0o111 != 0,
        }
    }
}
