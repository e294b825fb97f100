//! What the runs say, as text and as the README's table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::measure::{Measure, Row, Target, Unit};
use crate::server::Program;
use crate::statistics::Summary;

const BEGIN: &str = "<!-- benches/compare: begin -->\n";
const END: &str = "<!-- benches/compare: end -->\n";

/// All numbers so far.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// By measure, row and server.
    values: BTreeMap<(usize, usize, usize), Vec<f64>>,
    /// Measures and the servers that fail in them.
    failed: BTreeSet<(usize, usize)>,
}

impl Results {
    pub(crate) fn add(&mut self, measure: usize, server: usize, values: &[f64]) {
        for (row, value) in values.iter().enumerate() {
            self.values
                .entry((measure, row, server))
                .or_default()
                .push(*value);
        }
    }

    /// Notes that a server does not do what is measured.
    pub(crate) fn fail(&mut self, measure: usize, server: usize) {
        self.failed.insert((measure, server));
    }

    pub(crate) fn has_failed(&self, measure: usize, server: usize) -> bool {
        self.failed.contains(&(measure, server))
    }

    fn summary(&self, measure: usize, row: usize, server: usize) -> Option<Summary> {
        if self.has_failed(measure, server) {
            return None;
        }
        Summary::of(self.values.get(&(measure, row, server))?.clone())
    }

    /// Every number of one measure, a line each, with the target where there is one.
    pub(crate) fn text(&self, index: usize, measure: Measure, servers: usize) -> String {
        let mut text = String::new();
        for (at, row) in measure.rows().into_iter().enumerate() {
            let name = format!("{} {}", measure.name(), row.name);
            let _ = write!(text, "{name:<32}");
            for server in 0..servers {
                let cell = self.cell(index, at, row, server);
                let ratio = self.ratio(index, at, server).unwrap_or_default();
                let _ = write!(text, " {cell:>24} {ratio:>7}");
            }
            let _ = writeln!(text, "  {}", self.verdict(index, at, row));
        }
        text
    }

    /// The rows for the README, ready between its marks.
    pub(crate) fn markdown(&self, measures: &[Measure], servers: &[Program]) -> String {
        let mut text = String::from("| |");
        for (at, server) in servers.iter().enumerate() {
            let ratio = if at == 0 { "" } else { " ratio |" };
            let _ = write!(text, " {server} |{ratio}");
        }
        let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(2 * servers.len() - 1));
        for (index, measure) in measures.iter().enumerate() {
            let shown = |(_, row): &(usize, Row)| row.is_shown;
            for (at, row) in measure.rows().into_iter().enumerate().filter(shown) {
                let name = [measure.title().as_str(), row.name].join(", ");
                let _ = write!(text, "| {} |", name.trim_end_matches(", "));
                for server in 0..servers.len() {
                    let _ = write!(text, " {} |", self.cell(index, at, row, server));
                    if server > 0 {
                        let ratio = self.ratio(index, at, server).unwrap_or_else(|| "–".into());
                        let _ = write!(text, " {ratio} |");
                    }
                }
                text.push('\n');
            }
        }
        text
    }

    /// `MEDIAN (LEAST–MOST)`.
    fn cell(&self, measure: usize, at: usize, row: Row, server: usize) -> String {
        match self.summary(measure, at, server) {
            Some(summary) => {
                let (unit, factor) = unit(row.unit, summary.median);
                let [median, least, most] = [summary.median, summary.least, summary.most]
                    .map(|value| number(value / factor));
                format!("{median}{unit} ({least}–{most})")
            }
            None => "fails".into(),
        }
    }

    /// Ours divided by this server's.
    fn ratio(&self, measure: usize, row: usize, server: usize) -> Option<String> {
        let ours = self.summary(measure, row, 0)?.median;
        let theirs = self.summary(measure, row, server)?.median;
        (server > 0 && theirs != 0.0).then(|| format!("{}×", number(ours / theirs)))
    }

    fn verdict(&self, measure: usize, at: usize, row: Row) -> String {
        let (Some(ours), peer) = (self.summary(measure, at, 0), self.summary(measure, at, 1))
        else {
            return String::new();
        };
        let ratio = peer.map(|peer| ours.median / peer.median);
        let (is_met, target) = match (row.target, ratio) {
            (Target::AtLeast(least), Some(ratio)) => (ratio >= least, format!("≥ {least}×")),
            (Target::AtMost(most), Some(ratio)) => (ratio <= most, format!("≤ {most}×")),
            (Target::ValueAtMost(most), _) => (ours.median <= most, format!("≤ {most}")),
            _ => return String::new(),
        };
        format!("{target} {}", if is_met { "met" } else { "MISSED" })
    }
}

/// Puts the text between the marks of a file.
///
/// # Errors
/// What reading or writing says, or that there are no marks.
pub(crate) fn write_between_marks(path: &Path, text: &str) -> io::Result<()> {
    let old = fs::read_to_string(path)?;
    let parts = old
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        let message = format!("{} has no lines {BEGIN}and {END}", path.display());
        return Err(io::Error::other(message));
    };
    fs::write(path, format!("{before}{BEGIN}\n{text}\n{END}{after}"))
}

/// The unit that suits a value, and how many of the row's units it is.
fn unit(unit: Unit, value: f64) -> (&'static str, f64) {
    match unit {
        Unit::PerSecond => ("/s", 1.0),
        Unit::MebibytesPerSecond => (" MiB/s", 1.0),
        Unit::Microseconds if value >= 1e4 => (" ms", 1e3),
        Unit::Microseconds => (" µs", 1.0),
        Unit::Kibibytes if value >= 1e4 => (" MiB", 1024.0),
        Unit::Kibibytes => (" KiB", 1.0),
        Unit::Percent => (" %", 1.0),
    }
}

/// Three digits that count, thousands and millions by letter.
fn number(value: f64) -> String {
    let (value, letter) = match value.abs() {
        0.0..9_999.5 => (value, ""),
        9_999.5..999_500.0 => (value / 1e3, "k"),
        _ => (value / 1e6, "M"),
    };
    let digits = match value.abs() {
        0.0..0.0005 => 0,
        0.0005..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let numbers = [0.0, 0.05, 1.234, 12.34, 123.4, 1234.0, 12_345.0, 1.5e6];
        let texts = ["0", "0.05", "1.23", "12.3", "123", "1234", "12.3k", "1.50M"];
        assert_eq!(numbers.map(number), texts);
    }
}
