//! The body of a fuzz target: what must hold for any command line. Part of the crate so that ordinary
//! tests run it on the seeds.
//!
//! Floor 3.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::{Failure, Outcome, parse, parse_called};
use crate::daemon::Services;

/// A command line of any words, each a line of `bytes`, is served as it stands or refused in one
/// sentence with a status that says whose fault it is.
///
/// The same for the client. Panics if that does not hold.
#[doc(hidden)]
pub fn fuzz_flags(bytes: &[u8]) {
    let words: Vec<OsString> = bytes
        .split(|byte| *byte == b'\n')
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect();
    judge(&words, parse(words.iter().cloned()));
    let other = OsStr::new("websocketd");
    judge(&words, parse_called(other, words.iter().cloned()));
    #[cfg(feature = "client")]
    judge_dial(&words);
}

fn judge(words: &[OsString], outcome: Result<Outcome, Failure>) {
    match outcome {
        Ok(Outcome::Serve { config, .. } | Outcome::Check(config)) => {
            // What stands behind PROGRAM is its own, whatever it looks like.
            match config.services {
                Services::Program(program) => {
                    assert!(words.ends_with(&program.argv));
                    assert!(program.path.is_absolute());
                }
                Services::Dir(dir) => assert!(dir.is_absolute()),
                Services::None => {}
            }
        }
        Ok(Outcome::Print(text)) => assert!(!text.is_empty()),
        Err(failure) => {
            assert!(matches!(failure.status, 100 | 111 | 126 | 127));
            let sentence = failure.to_string();
            assert!(sentence.starts_with("websockd: "), "{sentence}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
        }
    }
}

#[cfg(feature = "client")]
fn judge_dial(words: &[OsString]) {
    use super::{DialOutcome, parse_dial};

    match parse_dial(words.iter().cloned()) {
        Ok(DialOutcome::Dial(config)) => {
            let argv = config.program.map(|program| program.argv);
            assert!(words.ends_with(&argv.unwrap_or_default()));
            assert!(config.url.resource.starts_with('/'));
        }
        Ok(DialOutcome::Print(text)) => assert!(!text.is_empty()),
        Err(failure) => {
            assert!(matches!(failure.status, 100 | 126 | 127));
            let sentence = failure.to_string();
            assert!(sentence.starts_with("websock: "), "{sentence}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
        }
    }
}
