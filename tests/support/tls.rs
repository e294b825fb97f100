//! An authority of the test's own, and openssl's client at the other end of the wire.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::peer::Peer;
use super::process::Family;

/// Names every certificate is for unless it says otherwise.
const LOCAL: &str = "DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";

/// A directory of keys and certificates. `ca.pem` is the root that clients trust.
#[derive(Debug)]
pub(crate) struct Pki {
    family: Family,
}

/// Runs openssl. Panics with what it said if it fails.
#[track_caller]
pub(crate) fn openssl(dir: &Path, command: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(command.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {command}: {said}");
    output.stdout
}

impl Pki {
    /// A root, and `server.pem` with `server.key` for this machine.
    pub(crate) fn new() -> Self {
        let pki = Self {
            family: Family::new(),
        };
        pki.root("ca", "/CN=root");
        pki.issue("server", "ca", "/CN=server", LOCAL, "");
        pki
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.family.dir().join(name)
    }

    /// The path of a file, for a command line.
    pub(crate) fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn openssl(&self, command: &str) -> Vec<u8> {
        openssl(self.family.dir(), command)
    }

    /// `NAME.pem` and `NAME.key`, signed by itself.
    pub(crate) fn root(&self, name: &str, subject: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
             -keyout {name}.key -out {name}.pem -utf8 -subj {subject}"
        ));
    }

    /// `NAME.pem` and `NAME.key`, signed by `authority`; `more` are options of openssl x509.
    pub(crate) fn issue(
        &self,
        name: &str,
        authority: &str,
        subject: &str,
        hosts: &str,
        more: &str,
    ) {
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
        self.request(name, curve, subject);
        self.sign(name, authority, hosts, more);
    }

    /// `NAME.csr` and `NAME.key`.
    pub(crate) fn request(&self, name: &str, key: &str, subject: &str) {
        self.openssl(&format!(
            "req {key} -nodes -keyout {name}.key -out {name}.csr -utf8 -subj {subject}"
        ));
    }

    /// `NAME.pem` of `NAME.csr`.
    pub(crate) fn sign(&self, name: &str, authority: &str, hosts: &str, more: &str) {
        let extensions = match hosts {
            "" => "basicConstraints=critical,CA:TRUE\n".to_owned(),
            hosts => format!("subjectAltName={hosts}\n"),
        };
        fs::write(self.file("extensions"), extensions).unwrap();
        let days = if more.contains("-days") {
            ""
        } else {
            "-days 10"
        };
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key \
             -CAcreateserial -extfile extensions {days} {more} -out {name}.pem"
        ));
    }

    /// Several files one behind the other.
    pub(crate) fn concatenate(&self, name: &str, parts: &[&str]) {
        let parts: Vec<_> = parts
            .iter()
            .map(|it| fs::read(self.file(it)).unwrap())
            .collect();
        fs::write(self.file(name), parts.concat()).unwrap();
    }

    /// The options of `websockd` for a pair.
    pub(crate) fn pair(&self, name: &str) -> [String; 4] {
        let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
        [
            "--tls-cert".into(),
            self.path(&cert),
            "--tls-key".into(),
            self.path(&key),
        ]
    }

    /// openssl's client, not started: it trusts the root.
    fn client(&self, port: u16, options: &str) -> Command {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
            .args(["-CAfile", "ca.pem", "-verify_return_error"])
            .args(options.split_whitespace())
            .current_dir(self.family.dir());
        command
    }

    /// A connection through openssl's client: what the test sends and reads is what is encrypted.
    pub(crate) fn connect(&self, port: u16, options: &str) -> TlsPeer {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let input: OwnedFd = theirs.into();
        let output = input.try_clone().unwrap();
        let child = self
            .client(port, options)
            .args(["-quiet", "-nocommands"])
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        TlsPeer {
            peer: Peer::over(ours),
            child,
        }
    }

    /// One connection that says `input` and reads to the end; what openssl tells of it.
    pub(crate) fn tell(&self, port: u16, options: &str, input: &str) -> String {
        use std::io::Write as _;
        let mut child = self
            .client(port, options)
            .args(["-ign_eof", "-nocommands"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that was refused does not read.
        let _refused = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { stdout, stderr, .. } = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
    }
}

/// A client whose bytes go through openssl. It ends with the test.
#[derive(Debug)]
pub(crate) struct TlsPeer {
    peer: Peer,
    child: Child,
}

impl TlsPeer {
    /// Ends the connection in the middle of whatever it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
    }
}

impl Deref for TlsPeer {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for TlsPeer {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}

impl Drop for TlsPeer {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}
