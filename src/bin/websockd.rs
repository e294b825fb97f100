//! `websockd`: any Unix program as a WebSocket service.

use std::env;
use std::process::ExitCode;

use websockd::cli::{self, Outcome};
use websockd::{daemon, log};

#[global_allocator]
static HEAP: daemon::Heap = daemon::Heap;

/// Runs the command line and turns its outcome into an exit code.
fn main() -> ExitCode {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    let status = match cli::parse_called(&name, args) {
        Ok(Outcome::Print(text)) => cli::print("websockd", &text),
        Ok(Outcome::Serve {
            config,
            level,
            format,
        }) => {
            log::init(level, format);
            daemon::run(&config)
        }
        Ok(Outcome::Check(_)) => 0,
        Err(failure) => cli::report(&failure),
    };
    ExitCode::from(status)
}
