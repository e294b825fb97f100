//! What `--help`, `--version` and `--license` print.

use super::flags::{Flag, Table};

/// Where the right column begins.
const COLUMN: usize = 29;

/// The help: every option of the table on one line, at most 80 columns.
pub fn help<O>(table: &Table<O>) -> String {
    let mut text = table.introduction.to_owned();
    let mut section = None;
    for flag in table.all() {
        if section != Some(flag.section) {
            section = Some(flag.section);
            text += &format!("\n{}:\n", flag.section.heading());
        }
        text += &line(flag);
    }
    text + table.closing
}

/// The program's name and version.
pub fn version<O>(table: &Table<O>) -> String {
    format!("{} {}\n", table.program, env!("CARGO_PKG_VERSION"))
}

/// The license, its SPDX expression first.
pub fn license() -> String {
    format!(
        "SPDX-License-Identifier: {}\n\n{}",
        env!("CARGO_PKG_LICENSE"),
        include_str!("../../LICENSE-MIT")
    )
}

fn line<O>(flag: &Flag<O>) -> String {
    let mut text = match flag.short {
        Some(short) => format!("  -{short}, --{}", flag.long),
        None => format!("      --{}", flag.long),
    };
    if let Some(name) = flag.takes.name() {
        text += &format!(" {name}");
    }
    // A name that is too long for its column is still apart from what it does.
    let mut line = format!("{text:0$} {1}", COLUMN - 1, flag.help);
    if let Some(default) = flag.default.printed() {
        line += &format!(" [{default}]");
    }
    line.push('\n');
    line
}
