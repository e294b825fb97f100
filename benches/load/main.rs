//! Puts servers that make a WebSocket service of a program under load, in turn, and compares them.
//!
//! `load --service FILE --server KIND[@VERSION]=FILE[,OPTION]... [--rounds N] [--only MEASURE]... [--quick]
//! [--write-readme FILE]`; the first server is the one that is compared with the others.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::Arg::Long;
use lexopt::ValueExt;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

mod bounded;
mod client;
mod flow;
mod latency;
mod measure;
mod memory;
mod server;
mod statistics;
mod system;
mod table;

use measure::{Effort, Measure};
use server::Program;
use table::Results;

struct Task {
    programs: Vec<Program>,
    service: PathBuf,
    measures: Vec<Measure>,
    rounds: usize,
    effort: Effort,
    readme: Option<PathBuf>,
}

fn main() -> ExitCode {
    let task = match parse() {
        Ok(task) => task,
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::from(100);
        }
    };
    match run(&task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(111)
        }
    }
}

fn parse() -> Result<Task, lexopt::Error> {
    let mut task = Task {
        programs: Vec::new(),
        service: PathBuf::new(),
        measures: Measure::all(),
        rounds: 5,
        effort: Effort::FULL,
        readme: None,
    };
    let mut only: Vec<String> = Vec::new();
    let mut is_quick = false;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("server") => {
                let no_server = |text: OsString| {
                    format!("no KIND[@VERSION]=FILE[,OPTION]...: {}", text.display())
                };
                let text = parser.value()?.string()?;
                let program = Program::parse(&text).ok_or_else(|| no_server(text.into()))?;
                task.programs.push(program);
            }
            Long("service") => {
                task.service = PathBuf::from(parser.value()?)
                    .canonicalize()
                    .map_err(|error| error.to_string())?
            }
            Long("only") => only.push(parser.value()?.string()?),
            Long("rounds") => task.rounds = parser.value()?.parse()?,
            Long("quick") => is_quick = true,
            Long("write-readme") => task.readme = Some(parser.value()?.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if task.readme.is_some() && (is_quick || !only.is_empty()) {
        return Err("--write-readme needs all of it, without --quick and --only".into());
    }
    let is_wanted = |measure: &Measure| {
        only.is_empty()
            || only
                .iter()
                .any(|name| measure.name().starts_with(name.as_str()))
    };
    task.measures.retain(is_wanted);
    if is_quick {
        task.effort = Effort::QUICK;
    }
    Ok(task)
}

fn run(task: &Task) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    // A server's orphans become our children, so that none outlives its measure.
    prctl::set_child_subreaper(true)?;
    let names: Vec<_> = task.programs.iter().map(Program::to_string).collect();
    writeln!(io::stdout(), "{}", names.join(", "))?;
    let mut results = Results::default();
    for (index, measure) in task.measures.iter().enumerate() {
        let load = compare(task, index, *measure, &mut results);
        let text = results.text(index, *measure, task.programs.len());
        let own = format!(
            "load generator: at most {:.0} % of a processor",
            load * 100.0
        );
        writeln!(io::stdout(), "{text}{:<32} {own}", "")?;
    }
    if let Some(readme) = &task.readme {
        let table = results.markdown(&task.measures, &task.programs);
        let (rounds, machine) = (task.rounds, system::machine());
        let below = format!(
            "Median (least–most) of {rounds} rounds; ratio: websockd's number divided by theirs. {machine}."
        );
        table::write_between_marks(readme, &[table, below].join("\n"))?;
    }
    Ok(())
}

/// Takes one measure, the servers in turn, and returns this program's largest share of a processor. Who
/// fails once is asked no more.
fn compare(task: &Task, index: usize, measure: Measure, results: &mut Results) -> f64 {
    let mut load: f64 = 0.0;
    for _ in 0..measure.rounds(task.rounds) {
        for (server, program) in task.programs.iter().enumerate() {
            if results.has_failed(index, server) {
                continue;
            }
            match measure.run(program, &task.service, task.effort) {
                Ok(outcome) => {
                    results.add(index, server, &outcome.values);
                    load = load.max(outcome.load);
                }
                Err(error) => {
                    results.fail(index, server);
                    eprintln!("{} {}: {error}", measure.name(), program.kind);
                }
            }
        }
    }
    load
}
