//! Manual and README against the option table and each other: prose is written by hand, facts are
//! compared. `UPDATE=1 cargo test --test manual` writes the help into the README.

#![cfg(feature = "daemon")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use websockd::cli::flags::{Flag, Means, SERVE, Table, Takes};
use websockd::cli::help;
use websockd::daemon::environment::NAMES;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect(name)
}

/// The lines of one section of the manual.
fn section(name: &str) -> Vec<String> {
    section_of("man/websockd.8", name)
}

/// The lines of one section of a manual.
fn section_of(file: &str, name: &str) -> Vec<String> {
    let manual = read(file);
    let heading = format!(".Sh {name}");
    let lines = manual.lines().skip_while(|line| *line != heading).skip(1);
    let lines: Vec<_> = lines
        .take_while(|line| !line.starts_with(".Sh "))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "{heading}");
    lines
}

/// An option as the manual has it.
#[derive(Debug, Default)]
struct Paragraph {
    heading: String,
    /// Dashes included.
    names: Vec<String>,
    value: Option<String>,
    body: Vec<String>,
}

impl Paragraph {
    /// The text, macros and their punctuation taken away.
    fn text(&self) -> String {
        let words = self.body.iter().flat_map(|line| line.split_whitespace());
        let words: Vec<_> = words.filter(|word| !word.starts_with('.')).collect();
        words.join(" ")
    }

    fn is_default(&self, printed: &str) -> bool {
        let text = self.text();
        match printed {
            "the default" => text.contains("This is the default."),
            _ => text
                .split_once("The default is ")
                .and_then(|(_, rest)| rest.strip_prefix(printed))
                .is_some_and(|rest| rest.starts_with([',', '.'])),
        }
    }
}

/// The options of a manual, in its order.
fn paragraphs(file: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let mut heading = String::new();
    for line in section_of(file, "DESCRIPTION") {
        if let Some(name) = line.strip_prefix(".Ss ") {
            name.clone_into(&mut heading);
        } else if let Some(tag) = line.strip_prefix(".It Fl ") {
            let is_new = paragraphs.last().is_none_or(|last| !last.body.is_empty());
            if is_new {
                paragraphs.push(Paragraph {
                    heading: heading.clone(),
                    ..Paragraph::default()
                });
            }
            let last = paragraphs.last_mut().expect("one was pushed");
            let (names, value) = match tag.split_once(" Ar ") {
                Some((names, value)) => (names, Some(value.to_owned())),
                None => (tag, None),
            };
            let names = names.split(" , Fl ").map(|name| format!("-{name}"));
            last.names.extend(names);
            last.value = last.value.take().or(value);
        } else if let Some(last) = paragraphs.last_mut() {
            last.body.push(line);
        }
    }
    paragraphs
}

fn names<O>(flag: &Flag<O>) -> Vec<String> {
    let short = flag.short.map(|short| format!("-{short}"));
    let fixed = flag
        .aliases
        .iter()
        .filter(|alias| matches!(alias.means, Means::Fixed { .. }))
        .map(|alias| alias.name.to_owned());
    short
        .into_iter()
        .chain([format!("--{}", flag.long)])
        .chain(fixed)
        .collect()
}

// -- the manuals' options

#[test]
fn the_manual_is_as_its_table_says() {
    check_manual("man/websockd.8", &SERVE);
}

#[cfg(feature = "client")]
#[test]
fn the_manual_of_the_client_is_as_its_table_says() {
    check_manual("man/websock.1", &websockd::cli::flags::DIAL);
}

/// A manual has every option of the table, in its order, with what the table knows of it, and no other.
fn check_manual<O>(file: &str, table: &Table<O>) {
    let in_table: Vec<_> = table.all().map(names).collect();
    let paragraphs = paragraphs(file);
    let in_manual: Vec<_> = paragraphs.iter().map(|entry| entry.names.clone()).collect();
    assert_eq!(in_manual, in_table, "{file}");
    for (flag, entry) in table.all().zip(&paragraphs) {
        check_facts(flag, entry);
        check_words(flag, entry);
    }
    let manual = read(file);
    for line in manual.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        for (one, next) in words.iter().zip(words.iter().skip(1)) {
            if ["Fl", ".Fl"].contains(one) && *next != "-" {
                let name = format!("-{next}");
                assert!(table.find(&name).is_some(), "{name}: {line}");
            }
        }
    }
}

/// Value name, default, heading, and whether it may be repeated.
fn check_facts<O>(flag: &Flag<O>, entry: &Paragraph) {
    assert_eq!(entry.value.as_deref(), flag.takes.name(), "--{}", flag.long);
    assert_eq!(entry.heading, flag.section.heading(), "--{}", flag.long);
    match flag.default.printed() {
        Some(printed) => assert!(entry.is_default(printed), "--{}: {printed}", flag.long),
        None => assert!(!entry.text().contains("default is"), "--{}", flag.long),
    }
    let says_repeatable = entry.body.iter().any(|line| line.contains("epeatable."));
    assert_eq!(says_repeatable, flag.is_repeatable, "--{}", flag.long);
}

/// Every choice and every alias.
fn check_words<O>(flag: &Flag<O>, entry: &Paragraph) {
    let has = |macro_line: &str| {
        entry.body.iter().any(|line| {
            let rest = line.strip_prefix(macro_line);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
    };
    if let Takes::OneOf(_, choices) = flag.takes {
        for choice in choices {
            let is_there = has(&format!(".Cm {choice}")) || has(&format!(".It Cm {choice}"));
            assert!(is_there, "--{} {choice}", flag.long);
        }
    }
    for alias in flag.aliases {
        let is_there = has(&format!(".Fl {}", &alias.name[1..]));
        assert!(is_there, "{} in --{}", alias.name, flag.long);
    }
}

// -- the README

/// What stands between two marks of the README.
fn block(readme: &str, mark: &str) -> (usize, usize) {
    let start = readme.find(&format!("<!-- {mark}")).expect(mark);
    let line = readme[start..].find('\n').expect("a line") + 1;
    let end = readme.find(&format!("<!-- /{mark}")).expect(mark);
    (start + line, end)
}

#[test]
fn the_readme_has_the_help() {
    let help = format!("```text\n{}```\n", help::help(&SERVE));
    let readme = read("README.md");
    let (start, end) = block(&readme, "help");
    if std::env::var_os("UPDATE").is_some() {
        let readme = format!("{}{help}{}", &readme[..start], &readme[end..]);
        fs::write(path("README.md"), readme).expect("the README is written");
        return;
    }
    assert!(
        readme[start..end] == help,
        "the README's help is not the program's: UPDATE=1 writes it"
    );
}

#[test]
fn the_readmes_first_command_knows_which_program_to_run() {
    assert!(read("README.md").contains("\ncargo run --release -- --console"));
    assert!(read("Cargo.toml").contains("\ndefault-run = \"websockd\"\n"));
}

#[test]
fn the_readme_is_short() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- help:").expect("the help block");
    let (_, after) = rest.split_once("\n```\n").expect("its end");
    let (between, rest) = after
        .split_once("<!-- benches/compare: begin -->")
        .expect("the table");
    let (_, after) = rest
        .split_once("<!-- benches/compare: end -->")
        .expect("its end");
    let written = [before, between, after].map(|text| text.lines().count());
    assert!(written.iter().sum::<usize>() < 200, "{written:?}");
}

/// The options of websocketd 0.5.
const WEBSOCKETDS: &[&str] = &[
    "address",
    "binary",
    "cgidir",
    "closems",
    "devconsole",
    "dir",
    "header",
    "header-http",
    "header-ws",
    "help",
    "license",
    "loglevel",
    "maxforks",
    "maxframesize",
    "origin",
    "passenv",
    "passstderr",
    "pingms",
    "port",
    "redirport",
    "reverselookup",
    "sameorigin",
    "ssl",
    "sslca",
    "sslcert",
    "sslkey",
    "staticdir",
    "unixsocket",
    "version",
];

#[test]
fn both_tables_tell_of_every_option_of_websocketd_that_there_is() {
    let readme = read("README.md");
    let (_, table) = readme.split_once("| websocketd's |").expect("a table");
    let rows = table.lines().take_while(|line| !line.is_empty());
    let cells: Vec<_> = rows.filter_map(|row| row.split('|').nth(1)).collect();
    let tags = tags("COMPATIBILITY", ".It Fl ");
    let tagged: Vec<_> = tags.iter().flat_map(|tag| tag.split(" , ")).collect();
    for name in WEBSOCKETDS {
        let long = format!("--{name}");
        let is_understood = SERVE.find(&long).is_some();
        let is_in_readme = cells.iter().any(|cell| cell.contains(&format!("`{long}`")));
        assert_eq!(is_in_readme, is_understood, "{long} in the README's table");
        assert_eq!(
            tagged.contains(&&long[1..]),
            is_understood,
            "{long} in COMPATIBILITY"
        );
    }
}

/// The options of a command line in a text, if there is one.
fn example(line: &str) -> Option<Vec<OsString>> {
    let start = line.find("websockd -")?;
    let is_word = line[..start]
        .chars()
        .next_back()
        .is_none_or(|before| before == ' ');
    let words = line[start..].split_whitespace().skip(1);
    // A build without the page refuses it.
    let words = words
        .take_while(|word| *word != "--")
        .filter(|word| cfg!(feature = "site") || *word != "--console")
        .map(|word| word.trim_matches('\'').into());
    is_word.then(|| words.collect())
}

/// Directories that an example names need not be there. Whether one of them stands for PROGRAM.
fn stand_for_directories(example: &mut [OsString]) -> bool {
    let mut has_dir = false;
    let mut is_named = false;
    for word in example {
        if is_named {
            *word = ".".into();
        }
        is_named = ["--dir", "--static-dir", "--cgi-dir"]
            .iter()
            .any(|it| word == *it);
        has_dir |= is_named;
    }
    has_dir
}

#[test]
fn every_example_is_a_command_line_that_is_understood() {
    let texts = [read("README.md"), read("man/websockd.8")].concat();
    let examples: Vec<_> = texts.lines().filter_map(example).collect();
    assert!(examples.len() >= 10, "{examples:?}");
    for mut example in examples {
        // A build without TLS refuses it.
        if cfg!(not(feature = "tls")) && example.iter().any(|word| word == "--tls-cert") {
            continue;
        }
        if cfg!(not(feature = "site")) && example.iter().any(|word| word == "--static-dir") {
            continue;
        }
        if cfg!(not(feature = "proxy")) && example.iter().any(|word| word == "--trust-proxy") {
            continue;
        }
        example.retain(|word| word != "\\" && word != "\\e");
        let has_dir = stand_for_directories(&mut example);
        if !has_dir {
            example.extend(["--".into(), "cat".into()]);
        }
        let outcome = websockd::cli::parse(example.clone());
        // A certificate that it names need not be there.
        let is_understood = outcome
            .as_ref()
            .map_or_else(|it| it.status == 111, |_| true);
        assert!(is_understood, "{example:?}: {outcome:?}");
    }
}

// -- facts that stand in several places

/// The tags of a list in a section of the manual: `.It Ev NAME` for `Ev`.
fn tags(name: &str, prefix: &str) -> Vec<String> {
    section(name)
        .iter()
        .filter_map(|line| line.strip_prefix(prefix).map(str::to_owned))
        .collect()
}

/// The variables of the manual, in its order; several may share a paragraph.
fn variables() -> Vec<String> {
    let tags = tags("ENVIRONMENT", ".It Ev ");
    let names = tags.iter().flat_map(|tag| tag.split(" , "));
    names.map(str::to_owned).collect()
}

#[test]
fn the_manual_has_every_variable_in_the_order_of_the_list() {
    let names: Vec<_> = NAMES.into_iter().chain(["HTTP_*"]).collect();
    assert_eq!(variables(), names);
}

#[test]
fn manual_and_readme_have_the_same_variables() {
    let readme = read("README.md");
    let table = readme.split_once("| variable |").expect("a table").1;
    let first_cells = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1));
    let listed: BTreeSet<_> = first_cells
        .flat_map(|cell| cell.split_whitespace())
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    assert_eq!(variables().into_iter().collect::<BTreeSet<_>>(), listed);
}

#[test]
fn the_manual_has_every_exit_status() {
    let statuses = tags("EXIT STATUS", ".It ");
    assert_eq!(statuses, ["0", "100", "111", "126", "127"]);
    for status in read("tests/golden/mistakes.txt")
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
    {
        assert!(statuses.iter().any(|known| known == status), "{status}");
    }
}

/// Events and their keys, read from the source of the log: `line(Level::Info, "open")`, and then what
/// opens a parenthesis with a name, `.text("peer", …)`.
fn logged() -> BTreeMap<String, BTreeSet<String>> {
    let source = read("src/log/mod.rs");
    let is_name = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let events = source.split("line(Level::").skip(1);
    events
        .map(|chunk| {
            let function = chunk.split("\n}").next().unwrap_or(chunk);
            let event = function.split('"').nth(1).expect("an event").to_owned();
            let strings = function.split("(\"").skip(1);
            let names = strings.filter_map(|text| text.split('"').next().filter(is_name));
            let mut keys: BTreeSet<_> = names.map(str::to_owned).collect();
            if function.contains(".own_pid()") {
                keys.insert("pid".to_owned());
            }
            (event, keys)
        })
        .collect()
}

#[test]
fn the_manual_has_every_event_of_the_log_with_its_keys() {
    let mut manual: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut event = None;
    for line in section("DIAGNOSTICS") {
        if let Some(name) = line.strip_prefix(".It Li ") {
            manual.insert(name.to_owned(), BTreeSet::new());
            event = Some(name.to_owned());
        } else if let (Some(key), Some(event)) = (line.strip_prefix(".Ar "), &event) {
            let key = key.split(' ').next().unwrap_or(key).to_owned();
            manual.entry(event.clone()).or_default().insert(key);
        }
    }
    assert_eq!(manual, logged());
}
