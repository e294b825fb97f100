//! Requests written by hand and answers read strictly: as much of RFC 9112 as an opening handshake has.

/// The key of RFC 6455 1.3 and what a server makes of it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request head, a correct upgrade until a test spoils it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    line: String,
    fields: Vec<(String, String)>,
}

impl Request {
    /// An upgrade of `target` as RFC 6455 4.1 asks for it; `port` for the Host field.
    pub(crate) fn upgrade(target: &str, port: u16) -> Self {
        let host = format!("localhost:{port}");
        let fields = [
            ("Host", host.as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", KEY),
            ("Sec-WebSocket-Version", "13"),
        ];
        Self {
            line: format!("GET {target} HTTP/1.1"),
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        }
    }

    /// A GET that asks for no upgrade.
    pub(crate) fn plain(target: &str, port: u16) -> Self {
        Self::upgrade(target, port)
            .without("Upgrade")
            .without("Connection")
            .without("Sec-WebSocket-Key")
            .without("Sec-WebSocket-Version")
    }

    /// Another request line.
    pub(crate) fn line(mut self, line: &str) -> Self {
        line.clone_into(&mut self.line);
        self
    }

    /// Drops every field of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|field| field.0 != name);
        self
    }

    /// One more field line.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This value instead of the one there is.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// The head with its blank line.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// An answer: its head, and its body where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// Reads a head without its blank line. Panics unless it is what RFC 9112 allows a server.
    pub(crate) fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap();
        let rest = line.strip_prefix("HTTP/1.1 ");
        let (status, reason) = rest.and_then(|rest| rest.split_once(' ')).unwrap();
        assert!(!reason.is_empty(), "no reason phrase: {line:?}");
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect(line);
            assert!(!line.contains(['\r', '\n']), "{line:?}");
            (name.to_owned(), value.to_owned())
        });
        Self {
            status: status.parse().unwrap(),
            fields: fields.collect(),
            body: String::new(),
        }
    }

    /// The one value of a field; `None` if it is absent. Panics if it is there twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|field| field.0.eq_ignore_ascii_case(name));
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        value.map(|field| field.1.as_str())
    }
}
