//! Names under which the program is taken for another one, and has that one's manners.
//!
//! All of it is in this table: defaults that are options of ours, said for who did not say them, and the
//! other one's way to write options. Nothing else knows of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::flags::{Means, Table};
use super::said::{self, Spoken as _};
use super::{Failure, Options};

/// How the program behaves under one name.
#[derive(Debug)]
pub(super) struct Personality {
    name: &'static str,
    /// What holds where it was not said.
    presets: &'static [Preset],
}

/// An option, its value, and when it is said.
type Preset = (&'static str, &'static str, fn(&Options) -> bool);

const ALL: &[Personality] = &[Personality {
    name: "websocketd",
    presets: &[
        ("address", "*", listens_on_tcp),
        ("port", "443", |it| listens_on_tcp(it) && is_encrypted(it)),
        ("port", "80", |it| listens_on_tcp(it) && !is_encrypted(it)),
        ("any-origin", "true", |it| !names_origins(it)),
        ("host", "*", always),
        ("list", "true", |it| it.static_dir.is_some()),
        ("pass-env", "PATH,LD_LIBRARY_PATH", always),
        ("log-format", "websocketd", always),
    ],
}];

fn always(_: &Options) -> bool {
    true
}

/// A Unix socket is alone unless more was asked for.
fn listens_on_tcp(options: &Options) -> bool {
    let is_asked_for = ["address", "port", "redirect-port"]
        .iter()
        .any(|name| options.said(name).is_some());
    !options.inetd && (is_asked_for || options.said("unix").is_none())
}

fn is_encrypted(options: &Options) -> bool {
    options.tls == Some(true) || !options.tls_certs.is_empty()
}

fn names_origins(options: &Options) -> bool {
    options.said("origin").is_some() || options.same_origin.is_some()
}

impl Personality {
    /// That of a name, with or without the directory it is in.
    pub(super) fn of(name: &OsStr) -> Option<&'static Self> {
        let name = Path::new(name).file_name()?;
        ALL.iter().find(|it| name == it.name)
    }

    /// Says what was not said.
    ///
    /// # Errors
    ///
    /// If a preset is none of its option's values, which a test excludes.
    pub(super) fn complete(
        &self,
        table: &Table<Options>,
        options: &mut Options,
    ) -> Result<(), Failure> {
        for (name, value, holds) in self.presets {
            let long = format!("--{name}");
            let Some((flag, _)) = table.find(&long) else {
                return Err(Failure::usage(format_args!(
                    "{long}: there is no such option"
                )));
            };
            if options.said(name).is_none() && holds(options) {
                said::say(options, flag, &long, value.into(), Some(OsStr::new(value)))?;
            }
        }
        Ok(())
    }
}

/// Rewrites options as Go's flag package takes them, `-port=80`, `-ssl=1`, to ours. What it does not
/// know it leaves alone, and what follows the options.
pub(super) fn rewrite<I>(table: &Table<Options>, args: I) -> Vec<OsString>
where
    I: IntoIterator<Item = OsString>,
{
    let mut args = args.into_iter();
    let mut rewritten = Vec::new();
    while let Some(arg) = args.next() {
        let is_option = arg.len() > 1 && arg.as_bytes().starts_with(b"-");
        if !is_option || arg == "--" {
            rewritten.push(arg);
            break;
        }
        let (arg, takes_value) = rewrite_option(table, arg);
        rewritten.push(arg);
        if takes_value {
            rewritten.extend(args.next());
        }
    }
    rewritten.extend(args);
    rewritten
}

/// One option, and whether its value is the next word.
fn rewrite_option(table: &Table<Options>, arg: OsString) -> (OsString, bool) {
    let bytes = arg.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=');
    let (name, value) = match equals.and_then(|at| bytes.split_at_checked(at)) {
        Some((name, value)) => (name, value),
        None => (bytes, &[][..]),
    };
    let name = String::from_utf8_lossy(name);
    let long = format!("--{}", name.trim_start_matches('-'));
    let (name, found) = match table.find(&long) {
        Some(found) => (long.as_str(), Some(found)),
        None => (&*name, table.find(&name)),
    };
    let Some((flag, means)) = found else {
        return (arg, false);
    };
    let is_boolean = flag.takes.name().is_none() || matches!(means, Means::Fixed { .. });
    let value: &[u8] = match value {
        b"=1" | b"=t" | b"=T" | b"=TRUE" | b"=True" if is_boolean => b"=true",
        b"=0" | b"=f" | b"=F" | b"=FALSE" | b"=False" if is_boolean => b"=false",
        value => value,
    };
    let rewritten = [name.as_bytes(), value].concat();
    (
        OsString::from_vec(rewritten),
        !is_boolean && equals.is_none(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::flags::SERVE;
    use super::super::{Outcome, parse_called};
    use super::*;
    use crate::daemon::{Config, Source};
    use crate::handshake::server::{Hosts, Origins};
    use crate::log::Format;

    fn rewritten(line: &str) -> String {
        let words = line.split(' ').map(OsString::from);
        let words = rewrite(&SERVE, words);
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn one_dash_is_as_good_as_two_before_a_long_name() {
        for (line, ours) in [
            ("-port=80 cat", "--port=80 cat"),
            ("-port 80 -ssl cat", "--port 80 --ssl cat"),
            ("-header -ssl -ssl", "--header -ssl --ssl"),
            ("--header-ws=a=b", "--header-ws=a=b"),
            ("-devconsole=1 -ssl=F", "--devconsole=true --ssl=false"),
            ("-binary=T -maxforks=1", "--binary=true --maxforks=1"),
            ("-passenv= cat", "--passenv= cat"),
            ("-p 80 -ssl", "-p 80 --ssl"),
            ("-b -ssl", "-b --ssl"),
            ("-xyzzy -ssl cat -port=1", "-xyzzy --ssl cat -port=1"),
            ("-ssl -- -ssl", "--ssl -- -ssl"),
            ("-ssl - -ssl", "--ssl - -ssl"),
        ] {
            assert_eq!(rewritten(line), ours);
        }
    }

    fn config(line: &str) -> Config {
        let words = line.split(' ').map(OsString::from);
        match parse_called(OsStr::new("websocketd"), words) {
            Ok(Outcome::Serve { config, format, .. }) => {
                assert_eq!(format, Format::Websocketd);
                *config
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    fn listen(config: &Config) -> (Vec<&str>, u16) {
        let Source::Listen {
            addresses, port, ..
        } = &config.source
        else {
            panic!("{:?}", config.source);
        };
        (addresses.iter().map(String::as_str).collect(), *port)
    }

    #[test]
    fn what_is_not_said_is_as_the_other_program_has_it() {
        let config = config("cat");
        assert_eq!(listen(&config), (vec!["*"], 80));
        assert_eq!(config.policy.origins, Origins::Any);
        assert_eq!(config.policy.hosts, Hosts::Any);
        let passed = config.pass_env.unwrap();
        assert_eq!(passed, ["PATH", "LD_LIBRARY_PATH"]);
    }

    #[test]
    fn what_is_said_holds() {
        for (line, addresses, port) in [
            ("-port=8080 cat", vec!["*"], 8080),
            (
                "-address=::1 -address 127.0.0.1 cat",
                vec!["::1", "127.0.0.1"],
                80,
            ),
            ("-unixsocket /nonexistent/a -port 81 cat", vec!["*"], 81),
            ("-redirport 81 cat", vec!["*"], 80),
            ("-unixsocket /nonexistent/a cat", vec![], 8080),
        ] {
            assert_eq!(listen(&config(line)), (addresses, port), "{line}");
        }
        assert_eq!(config("--inetd cat").source, Source::Inetd);
        assert_eq!(config("-sameorigin cat").policy.origins, Origins::Same);
        assert_eq!(config("-sameorigin=f cat").policy.origins, Origins::Any);
        let listed = Origins::Listed(vec!["a".to_owned()]);
        assert_eq!(config("-origin a cat").policy.origins, listed);
        assert_eq!(config("-passenv= cat").pass_env, Some(Vec::new()));
    }

    #[test]
    fn who_encrypts_does_it_at_443() {
        let mut options = Options {
            tls: Some(true),
            ..Options::default()
        };
        let personality = Personality::of(OsStr::new("websocketd")).unwrap();
        personality.complete(&SERVE, &mut options).unwrap();
        assert_eq!(options.port, 443);
    }

    #[test]
    fn a_name_is_known_wherever_it_is() {
        let is_known = |name: &str| Personality::of(OsStr::new(name)).is_some();
        assert!(is_known("websocketd") && is_known("/usr/bin/websocketd"));
        assert!(!is_known("websockd") && !is_known("/websocketd/websockd") && !is_known(""));
    }
}
