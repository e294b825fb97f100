//! Our end: standard input and output, or a program on two pipes.

use std::env;
use std::io;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::daemon::Program;
use crate::daemon::relay::{Near, Rest};
use crate::sys::child::{self, Command};
use crate::sys::fd;
use crate::sys::signal::Signals;
use crate::sys::stream::Stream;
use crate::sys::strings::{Strings, c_string};

use super::error::Error;
use super::password::VARIABLE;

/// What we were started with. Others may have it, too: it is read and written as it is. `rest` is what
/// was read of it for an earlier connection.
pub(super) fn standard(rest: Option<Rest>) -> io::Result<Near> {
    Ok(Near {
        sink: Some(Stream::shared(&io::stdout(), OFlag::O_WRONLY)?),
        source: Some(Stream::shared(&io::stdin(), OFlag::O_RDONLY)?),
        rest,
        stderr: None,
        is_tagged: false,
        program: None,
    })
}

/// A program that runs, told the subprotocol in its environment. Its standard error is ours.
pub(super) fn start(
    program: &Program,
    protocol: Option<&str>,
    signals: &Signals,
) -> Result<Near, Error> {
    let failed = |source: Errno| Error::Here {
        doing: format!("run {}", program.path.display()),
        why: source.desc().to_owned(),
    };
    let (stdin, our_stdin) = fd::pipe().map_err(failed)?;
    let (our_stdout, stdout) = fd::pipe().map_err(failed)?;
    let stderr = io::stderr();
    let pid = child::spawn(&Command {
        path: &c_string(&program.path),
        argv: &program.argv.iter().collect(),
        env: [&environment(protocol), &Strings::default()],
        chdir: None,
        stdin: stdin.as_fd(),
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
        reset: signals.ignored(),
        limits: &[],
        slot: None,
    })
    .map_err(|error| match error.doing {
        "exec" => Error::Program {
            is_there: program.path.exists(),
            path: program.path.clone(),
            why: error.source,
        },
        _ => failed(error.source),
    })?;
    for end in [&our_stdin, &our_stdout] {
        fd::make_nonblocking(end).map_err(failed)?;
    }
    Ok(Near {
        sink: Some(Stream::pipe(our_stdin)),
        source: Some(Stream::pipe(our_stdout)),
        rest: None,
        stderr: None,
        is_tagged: false,
        program: Some(pid),
    })
}

/// Our environment without the password, and the subprotocol.
fn environment(protocol: Option<&str>) -> Strings {
    let own = ["WEBSOCKET_PROTOCOL", VARIABLE];
    let mut variables = Strings::default();
    for (name, value) in env::vars_os() {
        if !own.iter().any(|own| name == *own) {
            variables.add_variable(&name, &value);
        }
    }
    if let Some(protocol) = protocol {
        variables.add_variable("WEBSOCKET_PROTOCOL".as_ref(), protocol.as_ref());
    }
    variables
}
