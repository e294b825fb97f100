//! How the listener's own process behaves.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::{FLAG, Flag, Section, Takes, store};
use crate::cli::Options;
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "daemon",
        section: Section::Process,
        help: "leave the terminal once it serves; log to syslog",
        set: |options, value| store(&mut options.daemon, value::boolean(value)),
        ..FLAG
    },
    Flag {
        long: "pid-file",
        takes: Takes::Value("F"),
        section: Section::Process,
        help: "write the pid to F, and allow no second one",
        set: pid_file,
        ..FLAG
    },
];

fn pid_file(options: &mut Options, value: &OsStr) -> Result<(), String> {
    if value.is_empty() {
        return Err("give the name of a file".to_owned());
    }
    options.pid_file = Some(PathBuf::from(value));
    Ok(())
}
