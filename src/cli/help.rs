//! What `--help`, `--version` and `--license` print.

use super::flags::{self, Flag};

/// Where the right column begins.
const COLUMN: usize = 29;

const INTRODUCTION: &str = "\
Usage: websockd [OPTION]... [--] PROGRAM [ARG]...
Starts PROGRAM for each WebSocket client: messages are records on its standard
input, records on its standard output are messages.
";

const CLOSING: &str = "
D reads 500ms, 10s, 2m; SIZE reads 4096, 64K, 16M. Example: websockd -p 8080 cat
";

/// The help: every option of the table on one line, at most 80 columns.
pub fn help() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut section = None;
    for flag in flags::all() {
        if section != Some(flag.section) {
            section = Some(flag.section);
            text += &format!("\n{}:\n", flag.section.heading());
        }
        text += &line(flag);
    }
    text + CLOSING
}

/// `websockd` and its version.
pub fn version() -> String {
    format!("websockd {}\n", env!("CARGO_PKG_VERSION"))
}

/// The license, its SPDX expression first.
pub fn license() -> String {
    format!(
        "SPDX-License-Identifier: {}\n\n{}",
        env!("CARGO_PKG_LICENSE"),
        include_str!("../../LICENSE-MIT")
    )
}

fn line(flag: &Flag) -> String {
    let mut text = match flag.short {
        Some(short) => format!("  -{short}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    if let Some(name) = flag.takes.name() {
        text += &format!(" {name}");
    }
    let mut line = format!("{text:COLUMN$}{}", flag.help);
    if let Some(default) = flag.default.printed() {
        line += &format!(" [{default}]");
    }
    line.push('\n');
    line
}
