//! Opening what a request names, below a directory and nowhere else: no `..`, no symbolic link out, by
//! the kernel's own guarantee (openat2(2)), or one component after the other without any link.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use super::{errno, retry};

/// How often a lookup is begun again that somebody's renaming has disturbed.
const MAX_ATTEMPTS: u32 = 8;

/// What there is under a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Directory,
    File,
    Other,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Links {
    /// Those that stay below.
    Within,
    #[cfg(feature = "site")]
    None,
}

/// Opens a directory to look below it.
pub(crate) fn root(directory: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    retry(|| open(directory, flags, Mode::empty()))
}

/// Finds `names`, one below the other, without opening what is there: for [`kind`] and the like. No name
/// is empty, is `.` or `..`, or has a slash.
///
/// # Errors
///
/// `EXDEV` or `ELOOP` where a link leads out, whether there is anything or not; those of open(2).
pub(crate) fn find(root: &impl AsFd, names: &[OsString], links: Links) -> nix::Result<OwnedFd> {
    open_by(root, names, OFlag::O_PATH, links)
}

/// Opens for reading what [`find`] finds; a pipe or a device does not keep us waiting.
#[cfg(feature = "site")]
pub(crate) fn read(root: &impl AsFd, names: &[OsString], links: Links) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    open_by(root, names, flags, links)
}

fn open_by(
    root: &impl AsFd,
    names: &[OsString],
    flags: OFlag,
    links: Links,
) -> nix::Result<OwnedFd> {
    if names.is_empty() || links != Links::Within {
        return step_by_step(root, names, flags);
    }
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let path = names.join(OsStr::new("/"));
    for _ in 1..MAX_ATTEMPTS {
        match retry(|| openat2(root, path.as_os_str(), how)) {
            Err(Errno::EAGAIN) => {}
            // Linux before 5.6, or a sandbox around us that does not know the call.
            Err(Errno::ENOSYS | Errno::EPERM) => return step_by_step(root, names, flags),
            answer => return answer,
        }
    }
    Err(Errno::EAGAIN)
}

/// Follows no link at all, so that none can lead out.
fn step_by_step(root: &impl AsFd, names: &[OsString], flags: OFlag) -> nix::Result<OwnedFd> {
    let Some((last, directories)) = names.split_last() else {
        let flags = flags | OFlag::O_CLOEXEC;
        return retry(|| openat(root, ".", flags, Mode::empty()));
    };
    let mut below = root.as_fd().try_clone_to_owned().map_err(errno)?;
    for name in directories {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        below = open_one(&below, name, flags)?;
    }
    let found = open_one(&below, last, flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)?;
    // With O_PATH a link itself can be opened.
    match format(&fstat(&found)?) {
        SFlag::S_IFLNK => Err(Errno::ELOOP),
        _ => Ok(found),
    }
}

fn open_one(directory: &impl AsFd, name: &OsStr, flags: OFlag) -> nix::Result<OwnedFd> {
    if matches!(name.as_bytes(), b"" | b"." | b"..") || name.as_bytes().contains(&b'/') {
        return Err(Errno::EXDEV);
    }
    retry(|| openat(directory, name, flags, Mode::empty()))
}

/// Whether something is a directory, a file, or something else.
pub(crate) fn kind(found: &FileStat) -> Kind {
    match format(found) {
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFREG => Kind::File,
        _ => Kind::Other,
    }
}

fn format(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// A tree with links of all sorts, and a file beside it that no name may reach.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let place = format!("websockd-beneath-{name}-{}", std::process::id());
            let place = std::env::temp_dir().join(place);
            fs::create_dir_all(place.join("root/sub")).unwrap();
            fs::write(place.join("secret"), "").unwrap();
            fs::write(place.join("root/file"), "").unwrap();
            fs::write(place.join("root/sub/file"), "").unwrap();
            for (link, target) in [
                ("within", "sub/file"),
                ("up-and-within", "sub/../file"),
                ("out", "../secret"),
                ("out-to-nothing", "../nothing"),
                ("absolute", "/etc/passwd"),
                ("around", "around"),
                ("sub-link", "sub"),
                ("out-directory", ".."),
            ] {
                symlink(target, place.join("root").join(link)).unwrap();
            }
            Self(place)
        }

        fn look(&self, path: &str) -> [Result<Kind, Errno>; 2] {
            let root = root(&self.0.join("root")).unwrap();
            let names: Vec<OsString> = path.split('/').map(Into::into).collect();
            let kind = |found: OwnedFd| kind(&fstat(&found).unwrap());
            [
                find(&root, &names, Links::Within).map(kind),
                step_by_step(&root, &names, OFlag::O_PATH).map(kind),
            ]
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_is_below_is_found() {
        let place = Place::new("found");
        for (path, expected) in [
            ("file", Ok(Kind::File)),
            ("sub", Ok(Kind::Directory)),
            ("sub/file", Ok(Kind::File)),
            ("sub/nothing", Err(Errno::ENOENT)),
            ("file/below", Err(Errno::ENOTDIR)),
        ] {
            assert_eq!(place.look(path), [expected; 2], "{path}");
        }
    }

    #[test]
    fn a_link_that_stays_below_is_followed_where_the_kernel_watches() {
        let place = Place::new("link");
        for path in ["within", "up-and-within"] {
            assert_eq!(
                place.look(path),
                [Ok(Kind::File), Err(Errno::ELOOP)],
                "{path}"
            );
        }
        let [watched, alone] = place.look("sub-link/file");
        assert_eq!(watched, Ok(Kind::File));
        assert_eq!(alone, Err(Errno::ENOTDIR));
    }

    #[test]
    fn a_link_that_leads_out_is_refused_whether_there_is_anything_or_not() {
        let place = Place::new("out");
        for path in ["out", "out-to-nothing", "absolute"] {
            assert_eq!(
                place.look(path),
                [Err(Errno::EXDEV), Err(Errno::ELOOP)],
                "{path}"
            );
        }
        for path in ["out-directory/secret", "out-directory/nothing"] {
            assert_eq!(
                place.look(path),
                [Err(Errno::EXDEV), Err(Errno::ENOTDIR)],
                "{path}"
            );
        }
        assert_eq!(place.look("around"), [Err(Errno::ELOOP); 2]);
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let place = Place::new("names");
        for path in ["..", "../secret", "sub/../../secret"] {
            let [watched, alone] = place.look(path);
            assert_eq!(watched, Err(Errno::EXDEV), "{path}");
            assert_eq!(alone, Err(Errno::EXDEV), "{path}");
        }
    }
}
