//! The program that we are, as a file that can be run again.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};
use std::process;

use crate::sys::exec;
use crate::sys::strings::{Strings, c_string};

use super::VARIABLE;

/// What is not passed on: it was about the descriptors of this start.
const OF_THIS_START: [&str; 5] = [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    VARIABLE,
];

/// A program and its arguments.
#[derive(Debug)]
pub(super) struct Image {
    path: PathBuf,
    /// What it is called: from where we are, if that leads to it.
    name: OsString,
    /// Without the name.
    arguments: Vec<OsString>,
}

impl Image {
    /// The running one, by the name it was started with if that leads to it: so a link that points to
    /// a newer version by now is followed.
    pub(super) fn of_this_program() -> Self {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let named = if name.as_bytes().contains(&b'/') {
            vec![PathBuf::from(&name)]
        } else {
            let path = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&path).map(|it| it.join(&name)).collect()
        };
        let named = named.into_iter().find(|file| is_running(file));
        let path = named.and_then(|file| absolute(file).ok());
        Self {
            name: path.clone().map_or(name, PathBuf::into_os_string),
            path: path.or_else(|| env::current_exe().ok()).unwrap_or_default(),
            arguments: arguments.collect(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file as a string for the kernel.
    pub(super) fn file(&self) -> CString {
        c_string(&self.path)
    }

    /// The arguments with `first` before them, if it is given.
    pub(super) fn argv(&self, first: Option<&str>) -> Strings {
        let first = first.map(OsStr::new);
        let rest = self.arguments.iter().map(OsString::as_os_str);
        [self.name.as_os_str()]
            .into_iter()
            .chain(first)
            .chain(rest)
            .collect()
    }

    /// Becomes the program, with `pass` for it: first `sockets` of them that listen.
    ///
    /// # Errors
    ///
    /// Why not, as a sentence.
    pub(super) fn execute(
        &self,
        sockets: usize,
        pass: &[BorrowedFd<'_>],
    ) -> Result<Infallible, String> {
        let pid = process::id();
        let mut env = environment();
        for (name, value) in [
            ("LISTEN_FDS", sockets.to_string()),
            ("LISTEN_PID", pid.to_string()),
            (VARIABLE, pid.to_string()),
        ] {
            env.add_variable(name.as_ref(), value.as_ref());
        }
        exec::replace(&self.file(), &self.argv(None), &env, pass)
            .map_err(|errno| format!("cannot run {:?}: {}", self.path, errno.desc()))
    }
}

/// The environment that we were started with, but for what was about descriptors.
pub(super) fn environment() -> Strings {
    let mut all = Strings::default();
    for (name, value) in env::vars_os() {
        if !OF_THIS_START.iter().any(|it| name == *it) {
            all.add_variable(&name, &value);
        }
    }
    all
}

fn is_running(file: &Path) -> bool {
    let (Ok(one), Ok(other)) = (file.metadata(), Path::new("/proc/self/exe").metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
