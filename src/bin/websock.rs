//! `websock`: connects a terminal, a pipe or a program to a WebSocket server.

use std::env;
use std::process::ExitCode;

use websockd::cli::{self, DialOutcome};
use websockd::dial;

/// Runs the command line and turns its outcome into an exit code.
fn main() -> ExitCode {
    let status = match cli::parse_dial(env::args_os().skip(1)) {
        Ok(DialOutcome::Print(text)) => cli::print("websock", &text),
        Ok(DialOutcome::Dial(config)) => dial::run(&config),
        Err(failure) => cli::report(&failure),
    };
    ExitCode::from(status)
}
