//! The completions for bash, zsh and fish: what is committed is what the option table says.
//! `UPDATE=1 cargo test --test completions` writes them anew.
//!
//! They are made here and not by the program: who cross-compiles for a small box cannot run it there,
//! and it need not carry their text. websocketd's spellings are accepted but not proposed.

#![cfg(feature = "daemon")]
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(feature = "client")]
use websockd::cli::flags::DIAL;
use websockd::cli::flags::{Flag, Means, SERVE, Table, Takes};

const NOTE: &str = "made from the option table by: UPDATE=1 cargo test --test completions";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("completions")
        .join(name)
}

fn compare(name: &str, made: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).expect("the completions are written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "{} is not what the table says: UPDATE=1 writes it",
        path.display()
    );
}

/// The names to propose for an option itself, dashes included.
fn names<O>(flag: &Flag<O>) -> Vec<String> {
    let short = flag.short.map(|short| format!("-{short}"));
    let long = format!("--{}", flag.long);
    short.into_iter().chain([long]).collect()
}

/// The names to propose that stand for an option with one of its values, and that value.
fn shorthands<O>(flag: &Flag<O>) -> impl Iterator<Item = (&'static str, &'static str)> {
    flag.aliases.iter().filter_map(|alias| match alias.means {
        Means::Fixed { yes, .. } => Some((alias.name, yes)),
        Means::Same | Means::Converted(_) => None,
    })
}

/// The names, websocketd's among them, behind which a value stands.
fn names_with_values<O>(table: &Table<O>) -> Vec<String> {
    table
        .all()
        .filter(|flag| flag.takes != Takes::Nothing)
        .flat_map(|flag| {
            let aliases = flag.aliases.iter().filter_map(|alias| match alias.means {
                Means::Fixed { .. } => None,
                Means::Same | Means::Converted(_) => Some(alias.name.to_owned()),
            });
            names(flag).into_iter().chain(aliases)
        })
        .collect()
}

// -- bash

const BASH_TAIL: &str = r#"        esac
    done
    if ((i < COMP_CWORD)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$i"
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        return
    fi
"#;

fn bash<O>(table: &Table<O>) -> String {
    let program = table.program;
    let mut all = Vec::new();
    let mut cases = String::new();
    for flag in table.all() {
        all.extend(names(flag));
        all.extend(shorthands(flag).map(|(name, _)| name.to_owned()));
        let values = match flag.takes {
            Takes::OneOf(_, choices) => format!("compgen -W '{}'", choices.join(" ")),
            Takes::Directory(_) => "compgen -d".to_owned(),
            Takes::File(_) => "compgen -f".to_owned(),
            Takes::Nothing | Takes::Value(_) => continue,
        };
        cases += &format!(
            "    {}) mapfile -t COMPREPLY < <({values} -- \"$cur\"); return ;;\n",
            names(flag).join("|")
        );
    }
    let valued = names_with_values(table).join("|");
    // readline gives a URL as several words, too.
    let (operand, next) = match table.operands {
        0 => ("", "compgen -c"),
        _ => (
            "        ws | wss | ws:* | wss:* | : | //*) ((i++)) ;;\n",
            "compgen -c -W 'ws:// wss://'",
        ),
    };
    format!(
        r#"# bash completion for {program}
# {NOTE}
_{program}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} i=1
    COMPREPLY=()
    # readline gives --name=value as three words
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    while ((i < COMP_CWORD)); do
        case ${{COMP_WORDS[i]}} in
        {valued})
            [[ ${{COMP_WORDS[i + 1]}} == = ]] && ((i++))
            ((i += 2))
            ;;
        --) ((i++)); break ;;
        -*) ((i++)) ;;
{operand}        *) break ;;
{BASH_TAIL}    case $prev in
{cases}    {valued}) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '{}' -- "$cur")
    else
        mapfile -t COMPREPLY < <({next} -- "$cur")
    fi
}}
complete -o filenames -F _{program} {program}
"#,
        all.join(" ")
    )
}

#[test]
fn the_bash_completion_is_the_tables() {
    compare("websockd.bash", &bash(&SERVE));
    #[cfg(feature = "client")]
    compare("websock.bash", &bash(&DIAL));
}

/// What bash would propose for the last of these words.
fn proposed(words: &[&str]) -> Vec<String> {
    proposed_for("websockd", words)
}

/// The same for either program.
fn proposed_for(program: &str, words: &[&str]) -> Vec<String> {
    let script = r#"
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_$1"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash")
        .args(["--norc", "-c", script, "bash"])
        .arg(path(&format!("{program}.bash")))
        .arg(program)
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = output.expect("bash runs");
    assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_proposes_what_may_follow() {
    assert_eq!(proposed(&["--max-m"]), ["--max-message"]);
    assert_eq!(proposed(&["--record", ""]), ["line", "nul", "typed", "raw"]);
    assert_eq!(proposed(&["--record", "=", "t"]), ["typed"]);
    assert_eq!(
        proposed(&["--record", "="]),
        ["line", "nul", "typed", "raw"]
    );
    assert_eq!(proposed(&["--chdir", "sr"]), ["src"]);
    assert_eq!(proposed(&["--port", "80", "--inet"]), ["--inetd"]);
    assert_eq!(proposed(&["--port", "=", "80", "--inet"]), ["--inetd"]);
    assert!(proposed(&["-p", "8080", "c"]).contains(&"cat".to_owned()));
    assert!(proposed(&["--", "c"]).contains(&"cat".to_owned()));
    assert_eq!(proposed(&["cat", "Cargo.to"]), ["Cargo.toml"]);
    assert_eq!(proposed(&["--", "cat", "Cargo.to"]), ["Cargo.toml"]);
    assert_eq!(proposed(&["cat", "--inet"]), [""]);
    assert_eq!(proposed(&["--port", "8"]), [""]);
}

#[cfg(feature = "client")]
#[test]
fn bash_proposes_what_may_follow_for_the_client() {
    let proposed = |words: &[&str]| proposed_for("websock", words);
    assert_eq!(proposed(&["--clo"]), ["--close-on-eof"]);
    assert_eq!(proposed(&["--record", "typed", "ws:/"]), ["ws://"]);
    assert_eq!(proposed(&["ws://a", "--rec"]), ["--record", "--reconnect"]);
    assert!(proposed(&["-e", "ws://a", "ca"]).contains(&"cat".to_owned()));
    assert_eq!(
        proposed(&["ws", ":", "//a", "--", "cat", "Cargo.to"]),
        ["Cargo.toml"]
    );
}

// -- zsh

fn zsh<O>(table: &Table<O>) -> String {
    let program = table.program;
    let quoted = |help: &str| {
        help.replace('\'', r"'\''")
            .replace('[', r"\[")
            .replace(']', r"\]")
    };
    let mut specs = String::new();
    for flag in table.all() {
        let value = match flag.takes {
            Takes::Nothing => String::new(),
            Takes::Value(name) => format!(":{name}: "),
            Takes::OneOf(name, choices) => format!(":{name}:({})", choices.join(" ")),
            Takes::Directory(name) => format!(":{name}:_directories"),
            Takes::File(name) => format!(":{name}:_files"),
        };
        let (short_end, long_end) = match flag.takes {
            Takes::Nothing => ("", ""),
            Takes::Value(_) | Takes::OneOf(..) | Takes::Directory(_) | Takes::File(_) => ("+", "="),
        };
        let once: Vec<_> = names(flag)
            .into_iter()
            .chain(shorthands(flag).map(|(name, _)| name.to_owned()))
            .collect();
        let before = match flag.is_repeatable {
            true => "*".to_owned(),
            false => format!("({})", once.join(" ")),
        };
        let long = format!("--{}{long_end}", flag.long);
        let spelled = match flag.short {
            Some(short) => format!("'{before}'{{-{short}{short_end},{long}}}'"),
            None => format!("'{before}{long}"),
        };
        specs += &format!("  {spelled}[{}]{value}' \\\n", quoted(flag.help));
        for (name, stands_for) in shorthands(flag) {
            specs += &format!("  '{before}{name}[--{} {stands_for}]' \\\n", flag.long);
        }
    }
    let url = match table.operands {
        0 => "",
        _ => "  ':URL:(ws\\:// wss\\://)' \\\n",
    };
    format!(
        "#compdef {program}\n# {NOTE}\n_arguments -s -S \\\n{specs}{url}  \
         '(-):program: _command_names -e' \\\n  '*::argument: _normal'\n"
    )
}

#[test]
fn the_zsh_completion_is_the_tables() {
    compare("_websockd", &zsh(&SERVE));
    #[cfg(feature = "client")]
    compare("_websock", &zsh(&DIAL));
}

// -- fish

fn fish<O>(table: &Table<O>) -> String {
    let program = table.program;
    let quoted = |help: &str| help.replace('\\', r"\\").replace('\'', r"\'");
    let mut lines = format!(
        "# fish completion for {program}\n# {NOTE}\n\
         complete -c {program} -x -a '(__fish_complete_subcommand -- {})'\n",
        names_with_values(table).join(" ")
    );
    for flag in table.all() {
        let short = flag.short.map(|short| format!(" -s {short}"));
        let value = match flag.takes {
            Takes::Nothing => String::new(),
            Takes::Value(_) => " -x".to_owned(),
            Takes::OneOf(_, choices) => format!(" -x -a '{}'", choices.join(" ")),
            Takes::Directory(_) => " -x -a '(__fish_complete_directories)'".to_owned(),
            Takes::File(_) => " -r -F".to_owned(),
        };
        lines += &format!(
            "complete -c {program}{} -l {}{value} -d '{}'\n",
            short.unwrap_or_default(),
            flag.long,
            quoted(flag.help)
        );
        for (name, stands_for) in shorthands(flag) {
            let spelled = match name.strip_prefix("--") {
                Some(long) => format!("-l {long}"),
                None => format!("-s {}", name.trim_start_matches('-')),
            };
            lines += &format!(
                "complete -c {program} {spelled} -d '--{} {stands_for}'\n",
                flag.long
            );
        }
    }
    lines
}

#[test]
fn the_fish_completion_is_the_tables() {
    compare("websockd.fish", &fish(&SERVE));
    #[cfg(feature = "client")]
    compare("websock.fish", &fish(&DIAL));
}
