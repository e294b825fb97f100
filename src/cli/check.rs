//! The second stage: [`Options`] judged together, and against the file system, into a [`Config`].

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf, absolute};

use nix::errno::Errno;

use super::root::Root;
use super::said::Spoken as _;
use super::value::{quoted, reason};
use super::{Failure, Options, encryption, program};
use crate::daemon::{Config, ExtraHeaders, Identity, ServiceStderr, Services, Source, UnixSocket};
use crate::handshake::server::{Hosts, Origins, Policy};
use crate::record::Record;

/// Where to listen unless told otherwise; the table prints the same.
const ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];

/// Builds the configuration.
///
/// # Errors
///
/// Options that exclude each other, a directory that is none, a PROGRAM that cannot be run, a
/// certificate or key that cannot be used.
pub(super) fn config(options: Options) -> Result<Config, Failure> {
    let proxy = options
        .said("proxy-protocol")
        .or(options.said("trust-proxy"));
    if let Some(typed) = proxy.filter(|_| !cfg!(feature = "proxy")) {
        return Err(Failure::usage(format_args!(
            "{typed}: this websockd was built without it (feature \"proxy\")"
        )));
    }
    if let Some(tagged) = options.said("stderr").filter(|_| is_mixed(&options)) {
        return Err(Failure::usage(format_args!(
            "{tagged}: its messages are lines: leave --record at line"
        )));
    }
    check_site(&options)?;
    let source = source(&options)?;
    check_redirect(&options)?;
    let tls = encryption::load(&options)?;
    let pid_file = pid_file(&options)?;
    let in_root = |path| directory("--chroot", path, &Root::Ours);
    let chroot = options.chroot.as_deref().map(in_root).transpose()?;
    let root = open_root(chroot.as_deref())?;
    let in_directory = |path| directory("--chdir", path, &root);
    let chdir = options.chdir.as_deref().map(in_directory).transpose()?;
    let services = services(&options, &root)?;
    let static_dir = options.static_dir.as_deref();
    let static_dir = static_dir.map(|path| tree("--static-dir", path, &root));
    let cgi_dir = options.cgi_dir.as_deref();
    let cgi_dir = cgi_dir.map(|path| tree("--cgi-dir", path, &root));
    let policy = Policy {
        origins: origins(&options)?,
        requires_origin: options.require_origin,
        hosts: hosts(&options)?,
        protocols: options.protocols,
    };
    Ok(Config {
        source,
        policy,
        tls,
        backlog: options.backlog,
        reuse_port: options.reuse_port,
        proxy_protocol: options.proxy_protocol,
        trust_proxy: options.trust_proxy,
        redirect_port: options.redirect_port,
        chdir,
        services,
        static_dir: static_dir.transpose()?,
        cgi_dir: cgi_dir.transpose()?,
        list: options.list,
        record: options.record,
        invalid_utf8: options.invalid_utf8,
        stderr: options.stderr,
        headers: ExtraHeaders {
            upgrade: [options.headers.as_slice(), &options.headers_ws].concat(),
            others: [options.headers.as_slice(), &options.headers_http].concat(),
        },
        reverse_lookup: options.reverse_lookup,
        env: options.env,
        pass_env: options.pass_env,
        console: options.console,
        grace: options.grace,
        max_message: options.max_message,
        handshake_timeout: options.handshake_timeout,
        idle_timeout: options.idle_timeout,
        write_timeout: options.write_timeout,
        ping: options.ping,
        max_clients: options.max_clients,
        max_clients_per_address: options.max_clients_per_address,
        syslog: options.syslog || options.daemon,
        daemon: options.daemon,
        pid_file,
        user: options.user.as_deref().map(user).transpose()?,
        chroot,
        limits: options.limits,
        sandbox: !options.no_sandbox,
    })
}

/// PROGRAM, or the directory of programs, or neither where plain requests are answered.
fn services(options: &Options, root: &Root) -> Result<Services, Failure> {
    match (&options.dir, options.words.command.first()) {
        (None, None) if options.static_dir.is_some() || options.cgi_dir.is_some() => {
            Ok(Services::None)
        }
        (None, _) => program::find(&options.words.command, root).map(Services::Program),
        (Some(dir), None) => tree("--dir", dir, root).map(Services::Dir),
        (Some(dir), Some(program)) => Err(Failure::exclude(
            &format!("--dir {}", quoted(dir.as_os_str())),
            &format!("PROGRAM {}", quoted(program)),
        )),
    }
}

/// Whether lines that say where they are from are wanted of an output that has none.
fn is_mixed(options: &Options) -> bool {
    options.stderr == ServiceStderr::Tagged && options.record != Record::Line
}

/// Plain requests are answered by a part that may be missing.
fn check_site(options: &Options) -> Result<(), Failure> {
    let console = options.said("console").filter(|_| options.console);
    let given = console.or(options.said("static-dir"));
    let given = given.or(options.said("cgi-dir"));
    match given {
        Some(given) if !cfg!(feature = "site") => Err(Failure::usage(format_args!(
            "{given}: this websockd was built without what answers plain requests (feature \"site\")"
        ))),
        _ if options.list && options.static_dir.is_none() => Err(Failure::usage(
            "--list: directories are listed below --static-dir DIR: give that, too",
        )),
        _ => Ok(()),
    }
}

fn source(options: &Options) -> Result<Source, Failure> {
    let tcp = options.said("address").or(options.said("port"));
    let tcp = tcp.or(options.said("redirect-port"));
    match tcp.or(options.said("unix")) {
        Some(listening) if options.inetd => return Err(Failure::exclude("--inetd", listening)),
        None if options.inetd => return Ok(Source::Inetd),
        None => return Ok(Source::Auto { port: options.port }),
        Some(_) => {}
    }
    let addresses = match tcp {
        Some(_) if options.addresses.is_empty() => ADDRESSES.map(str::to_owned).to_vec(),
        Some(_) => options.addresses.clone(),
        None => Vec::new(),
    };
    let path = options.unix.as_ref().map(absolute).transpose();
    let path = path.map_err(|error| Failure::usage(format_args!("--unix: {}", reason(&error))))?;
    let mode = options.unix_mode;
    Ok(Source::Listen {
        addresses,
        port: options.port,
        unix: path.map(|path| UnixSocket { path, mode }),
    })
}

/// A redirection names the port it leads to, which has to be known and another.
fn check_redirect(options: &Options) -> Result<(), Failure> {
    let Some(port) = options.redirect_port else {
        return Ok(());
    };
    let right = match options.port {
        0 => "leads to --port, which has to be a number of your choice then",
        main if main == port => "leads to --port, and has to be another",
        _ => return Ok(()),
    };
    Err(Failure::usage(format_args!(
        "--redirect-port {port}: {right}"
    )))
}

/// `--same-origin=false` is what it says: any, unless some are named.
fn origins(options: &Options) -> Result<Origins, Failure> {
    let named = options.said("origin");
    match (options.same_origin, options.any_origin) {
        (Some(true), Some(true)) => Err(Failure::exclude("--same-origin", "--any-origin")),
        (Some(false), Some(false)) if named.is_none() => Err(Failure::exclude(
            "--same-origin=false",
            "--any-origin=false",
        )),
        (_, Some(true)) if named.is_some() => {
            Err(Failure::exclude("--any-origin", named.unwrap_or_default()))
        }
        (Some(true), _) if named.is_some() => Ok(Origins::SameAndListed(options.origins.clone())),
        _ if named.is_some() => Ok(Origins::Listed(options.origins.clone())),
        (_, Some(true)) | (Some(false), _) => Ok(Origins::Any),
        _ => Ok(Origins::Same),
    }
}

fn hosts(options: &Options) -> Result<Hosts, Failure> {
    match options.hosts.as_slice() {
        [] => Ok(Hosts::Local),
        [any] if any == "*" => Ok(Hosts::Any),
        names if names.iter().any(|name| name == "*") => Err(Failure::usage(
            "--host: * is every name: leave out the others, or the *",
        )),
        names => Ok(Hosts::Listed(names.to_vec())),
    }
}

/// The pid file's place from wherever we will be. What leaves with its client has no use for one, nor
/// for leaving the terminal.
fn pid_file(options: &Options) -> Result<Option<PathBuf>, Failure> {
    let daemon = options.said("daemon").filter(|_| options.daemon);
    match daemon.or(options.said("pid-file")) {
        Some(typed) if options.inetd => return Err(Failure::exclude("--inetd", typed)),
        _ => {}
    }
    let wrong = |error| Failure::usage(format_args!("--pid-file: {}", reason(&error)));
    let path = options.pid_file.as_ref().map(absolute);
    path.transpose().map_err(wrong)
}

fn user(text: &str) -> Result<Identity, Failure> {
    Identity::find(text).map_err(|unknown| {
        let shown = quoted(OsStr::new(text));
        Failure::usage(format_args!("--user {shown}: {unknown}"))
    })
}

fn open_root(chroot: Option<&Path>) -> Result<Root, Failure> {
    Root::open(chroot).map_err(|error| not_a_directory("--chroot", chroot, &error))
}

fn directory(option: &str, path: &Path, root: &Root) -> Result<PathBuf, Failure> {
    let found = root.absolute(path).and_then(|path| {
        if root.metadata(&path)?.is_dir() {
            Ok(path)
        } else {
            Err(Errno::ENOTDIR.into())
        }
    });
    found.map_err(|error| not_a_directory(option, Some(path), &error))
}

/// A directory in which what requests name is looked up.
fn tree(option: &str, path: &Path, root: &Root) -> Result<PathBuf, Failure> {
    let dir = directory(option, path, root)?;
    let may_search = root
        .metadata(&dir)
        .is_ok_and(|metadata| root.may_execute(&dir, &metadata));
    if may_search {
        return Ok(dir);
    }
    let shown = quoted(path.as_os_str());
    Err(Failure::usage(format_args!(
        "{option} {shown}: give a directory that may be searched: {}",
        Errno::EACCES.desc()
    )))
}

fn not_a_directory(option: &str, path: Option<&Path>, error: &io::Error) -> Failure {
    let shown = quoted(path.unwrap_or(Path::new("")).as_os_str());
    Failure::usage(format_args!(
        "{option} {shown}: give a directory: {}",
        reason(error)
    ))
}
