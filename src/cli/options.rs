//! What was said on the command line of `websockd`, typed but not yet judged.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::flags::{SERVE, Table};
use super::said::{Spoken, Words};
use crate::daemon::{InvalidUtf8, Limit, ServiceStderr, Trusted};
use crate::handshake::Header;
use crate::log::{Format, Level};
use crate::record::Record;

/// The options as given, the table's defaults where they were not. One field an option.
#[derive(Debug, Default)]
#[expect(
    missing_docs,
    reason = "each is the option of its name, described in the table"
)]
pub struct Options {
    pub addresses: Vec<String>,
    pub port: u16,
    pub redirect_port: Option<u16>,
    pub unix: Option<PathBuf>,
    pub unix_mode: u32,
    pub inetd: bool,
    pub proxy_protocol: bool,
    pub trust_proxy: Trusted,
    pub backlog: i32,
    pub reuse_port: bool,
    pub tls: Option<bool>,
    pub tls_certs: Vec<PathBuf>,
    pub tls_keys: Vec<PathBuf>,
    pub tls_client_ca: Option<PathBuf>,
    pub record: Record,
    pub invalid_utf8: InvalidUtf8,
    pub protocols: Vec<String>,
    pub dir: Option<PathBuf>,
    pub stderr: ServiceStderr,
    pub reverse_lookup: bool,
    pub env: Vec<(OsString, OsString)>,
    pub pass_env: Option<Vec<OsString>>,
    pub chdir: Option<PathBuf>,
    pub grace: Duration,
    pub origins: Vec<String>,
    pub same_origin: Option<bool>,
    pub any_origin: Option<bool>,
    pub require_origin: bool,
    pub hosts: Vec<String>,
    pub headers: Vec<Header>,
    pub headers_ws: Vec<Header>,
    pub headers_http: Vec<Header>,
    pub static_dir: Option<PathBuf>,
    pub list: bool,
    pub cgi_dir: Option<PathBuf>,
    pub console: bool,
    pub max_clients: Option<usize>,
    pub max_clients_per_address: Option<usize>,
    pub max_message: Option<u64>,
    pub handshake_timeout: Duration,
    pub idle_timeout: Option<Duration>,
    pub write_timeout: Option<Duration>,
    pub ping: Option<Duration>,
    pub user: Option<String>,
    pub chroot: Option<PathBuf>,
    pub limits: Vec<Limit>,
    pub no_sandbox: bool,
    pub log_level: Level,
    pub log_format: Format,
    pub syslog: bool,
    pub daemon: bool,
    pub pid_file: Option<PathBuf>,
    pub check: bool,
    pub words: Words,
}

impl Spoken for Options {
    fn table() -> &'static Table<Self> {
        &SERVE
    }

    fn words(&self) -> &Words {
        &self.words
    }

    fn words_mut(&mut self) -> &mut Words {
        &mut self.words
    }
}
