//! Who is at the other end, and which of our addresses it came to.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::proxy::{Told, Trusted};
use crate::handshake::server::Place;
use crate::sys::ask::ask;
use crate::sys::patience::Patience;
use crate::sys::{fd, name};
#[cfg(feature = "tls")]
use crate::transport::Security;

/// More than any name has.
const MAX_NAME_LEN: usize = 256;

/// The two ends of a client's connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Peer {
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    /// What is known of the ends of a Unix socket.
    unix: Option<UnixEnds>,
    /// Who the client's user is, if a super-server has asked.
    user: Option<String>,
    /// The version of TLS; `None` without.
    tls: Option<&'static str>,
    /// Subject and SHA-256 fingerprint of the certificate that the client has shown.
    certificate: Option<(String, String)>,
    /// The client speaks TLS to a proxy, whatever that speaks to us.
    is_secure_before: bool,
    /// What an address is called, if somebody has looked: a proxy has many clients.
    name: Option<(IpAddr, Option<String>)>,
}

/// The two ends of a Unix socket.
#[derive(Clone, Debug, Eq, PartialEq)]
struct UnixEnds {
    /// Who connected: user, group and process, as the kernel has it.
    user: u32,
    group: u32,
    process: i32,
    remote: Option<PathBuf>,
    local: Option<PathBuf>,
}

impl Peer {
    /// The ends of a connected socket. What is not an internet address is none.
    pub(super) fn of(socket: &impl AsFd) -> Self {
        Self::with_remote(socket, fd::peer_address(socket).ok().flatten())
    }

    /// The same where the other end's address is known already.
    pub(super) fn with_remote(socket: &impl AsFd, remote: Option<SocketAddr>) -> Self {
        Self {
            remote,
            local: fd::local_address(socket).ok().flatten(),
            unix: match remote {
                Some(_) => None,
                None => UnixEnds::of(socket),
            },
            user: None,
            tls: None,
            certificate: None,
            is_secure_before: false,
            name: None,
        }
    }

    /// The ends of a socket that a super-server gave us, which may know better than a Unix socket:
    /// by the UCSPI variables, else by REMOTE_ADDR.
    pub(super) fn of_inherited(socket: &impl AsFd) -> Self {
        let mut peer = Self::of(socket);
        if peer.remote.is_none() && env::var("PROTO").as_deref() != Ok("UNIX") {
            peer.remote = address("TCPREMOTEIP", "TCPREMOTEPORT")
                .or_else(|| address("REMOTE_ADDR", "REMOTE_PORT"));
            peer.local = peer.remote.and(address("TCPLOCALIP", "TCPLOCALPORT"));
        }
        if peer.is_tcp() {
            peer.unix = None;
            peer.user = env::var("TCPREMOTEINFO").ok();
            let name = env::var("TCPREMOTEHOST").ok().filter(|it| !it.is_empty());
            peer.name = peer.remote.map(|remote| (remote.ip(), name));
            peer.name = peer.name.filter(|(_, name)| name.is_some());
        }
        peer
    }

    /// Takes note of what an encrypted connection tells of the client.
    #[cfg(feature = "tls")]
    pub(super) fn note_security(&mut self, security: Security) {
        self.tls = Some(security.version);
        self.certificate = security.certificate.map(|it| (it.subject, it.sha256));
    }

    /// Takes the word of a proxy, which is the other end of the connection, on who its client is.
    pub(super) fn note_told(&mut self, told: Told) {
        if told.remote.is_some() {
            self.remote = told.remote;
            self.local = told.local.or(self.local);
            (self.unix, self.user, self.name) = (None, None, None);
        }
        self.is_secure_before = told.is_secure.unwrap_or(self.is_secure_before);
    }

    /// Whether the other end is one of these.
    pub(super) fn is_one_of(&self, trusted: &Trusted) -> bool {
        match self.remote {
            None if self.unix.is_none() => false,
            remote => trusted.has(remote.map(|it| it.ip())),
        }
    }

    /// Whether the client's own connection is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some() || self.is_secure_before
    }

    /// The version of TLS that is spoken, if any.
    pub(super) fn tls(&self) -> Option<&'static str> {
        self.tls
    }

    /// Subject and SHA-256 fingerprint of the client's certificate, if it was asked for one.
    pub(super) fn certificate(&self) -> Option<(&str, &str)> {
        let (subject, sha256) = self.certificate.as_ref()?;
        Some((subject, sha256))
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.remote.is_some()
    }

    /// UCSPI's name for the kind of connection.
    pub(super) fn proto(&self) -> &'static str {
        if self.is_tcp() { "TCP" } else { "UNIX" }
    }

    /// The client's address; empty if it has none.
    pub(super) fn remote_ip(&self) -> String {
        ip(self.remote)
    }

    /// The client's name, if it is known.
    pub(super) fn name(&self) -> Option<&str> {
        let remote = self.remote?.ip();
        let (ip, name) = self.name.as_ref()?;
        name.as_deref().filter(|_| *ip == remote)
    }

    /// Looks for the client's name as long as `patience` lasts, unless somebody has.
    pub(super) fn look_up_name(&mut self, patience: Patience<'_>) {
        let is_known = |ip: IpAddr| self.name.as_ref().is_some_and(|known| known.0 == ip);
        let Some(remote) = self.remote.filter(|remote| !is_known(remote.ip())) else {
            return;
        };
        let question = || name::of(remote.ip()).unwrap_or_default().into_bytes();
        let answer = ask(patience, MAX_NAME_LEN, question).unwrap_or_default();
        let answer = String::from_utf8(answer).unwrap_or_default();
        let name = Some(answer).filter(|name| !name.is_empty());
        self.name = Some((remote.ip(), name));
    }

    pub(super) fn remote_port(&self) -> String {
        port(self.remote)
    }

    /// Who the client is by somebody else's word: the kernel's for a Unix socket, `user:group:process`;
    /// else a super-server's. Possibly nobody's.
    pub(super) fn ident(&self) -> String {
        match &self.unix {
            Some(unix) => unix.ident(),
            None => self.user.clone().unwrap_or_default(),
        }
    }

    /// UCSPI's variables for this kind of connection.
    pub(super) fn ucspi(&self) -> Vec<(&'static str, OsString)> {
        if let Some(unix) = &self.unix {
            return unix.ucspi();
        }
        if !self.is_tcp() {
            return Vec::new();
        }
        let mut all = vec![
            ("TCPLOCALIP", self.local_ip().into()),
            ("TCPLOCALPORT", self.local_port().into()),
            ("TCPREMOTEIP", self.remote_ip().into()),
            ("TCPREMOTEPORT", self.remote_port().into()),
        ];
        all.extend(self.name().map(|name| ("TCPREMOTEHOST", name.into())));
        all
    }

    /// Our address; empty if it is none.
    pub(super) fn local_ip(&self) -> String {
        ip(self.local)
    }

    pub(super) fn local_port(&self) -> String {
        port(self.local)
    }

    /// Whether the client came to this port of ours.
    pub(super) fn came_to(&self, port: u16) -> bool {
        self.local.is_some_and(|local| local.port() == port)
    }

    /// What the handshake is judged by.
    pub(super) fn place(&self) -> Place {
        Place {
            is_secure: self.is_secure(),
            is_loopback: self.local.is_some_and(|local| local.ip().is_loopback()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.remote, &self.unix) {
            (Some(remote), _) if remote.port() == 0 => remote.ip().fmt(f),
            (Some(remote), _) => remote.fmt(f),
            (None, Some(unix)) => write!(f, "unix:{}", unix.ident()),
            (None, None) => f.write_str("unix"),
        }
    }
}

impl UnixEnds {
    fn of(socket: &impl AsFd) -> Option<Self> {
        let credentials = fd::peer_credentials(socket)?;
        Some(Self {
            user: credentials.uid(),
            group: credentials.gid(),
            process: credentials.pid(),
            remote: fd::peer_path(socket),
            local: fd::local_path(socket),
        })
    }

    fn ident(&self) -> String {
        format!("{}:{}:{}", self.user, self.group, self.process)
    }

    fn ucspi(&self) -> Vec<(&'static str, OsString)> {
        let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default().into_os_string();
        vec![
            ("UNIXLOCALPATH", path(&self.local)),
            ("UNIXREMOTEEGID", self.group.to_string().into()),
            ("UNIXREMOTEEUID", self.user.to_string().into()),
            ("UNIXREMOTEPATH", path(&self.remote)),
            ("UNIXREMOTEPID", self.process.to_string().into()),
        ]
    }
}

fn ip(address: Option<SocketAddr>) -> String {
    address.map_or_else(String::new, |address| address.ip().to_string())
}

fn port(address: Option<SocketAddr>) -> String {
    let port = address.map(|address| address.port());
    let known = port.filter(|port| *port != 0);
    known.map_or_else(String::new, |port| port.to_string())
}

fn address(ip: &str, port: &str) -> Option<SocketAddr> {
    let ip: IpAddr = env::var(ip).ok()?.parse().ok()?;
    let port = env::var(port).ok().and_then(|port| port.parse().ok());
    Some(SocketAddr::new(ip, port.unwrap_or(0)))
}
