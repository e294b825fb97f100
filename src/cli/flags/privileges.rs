//! What runs with which rights.

use std::path::PathBuf;

use super::{FLAG, Flag, Section, Takes, store};
use crate::cli::value;

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "user",
        takes: Takes::Value("U[:G]"),
        section: Section::Privileges,
        help: "run all of it as user U, group G",
        set: |options, value| {
            let user = value::text(value).map(|text| Some(text.to_owned()));
            store(&mut options.user, user)
        },
        ..FLAG
    },
    Flag {
        long: "chroot",
        takes: Takes::Directory("DIR"),
        section: Section::Privileges,
        help: "with the root directory DIR, PROGRAM inside",
        set: |options, value| store(&mut options.chroot, Ok(Some(PathBuf::from(value)))),
        ..FLAG
    },
    Flag {
        long: "limit",
        takes: Takes::Value("NAME=N"),
        is_repeatable: true,
        section: Section::Privileges,
        help: "bound its nofile, as, cpu and others",
        set: |options, value| value::limit(value, &mut options.limits),
        ..FLAG
    },
    Flag {
        long: "no-sandbox",
        section: Section::Privileges,
        help: "sessions keep the rights they do not need",
        set: |options, value| store(&mut options.no_sandbox, value::boolean(value)),
        ..FLAG
    },
];
