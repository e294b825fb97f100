//! The proxy that leads to a server, if one does: from the command line, or from the variables that
//! curl reads, too. RFC 9110 9.3.6.

use std::env;
use std::fmt;
use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use crate::handshake::Authority;
use crate::handshake::client::Response;
use crate::sys::patience::Patience;
use crate::transport::Transport;

use super::answer::Answer;
use super::error::{Error, Why};
use super::url::Url;

/// Which proxy is used.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Choice {
    /// The one that `https_proxy`, `http_proxy` or `all_proxy` names, unless `no_proxy` excepts the host.
    #[default]
    Environment,
    /// None.
    Never,
    /// This one.
    Always(Proxy),
}

/// An HTTP proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// User and password, as they are told to it.
    credentials: Option<String>,
}

impl Proxy {
    /// Reads `[http://][USER[:PASSWORD]@]HOST[:PORT][/]`. `None` if it is anything else, such as the
    /// address of a proxy that speaks SOCKS.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return None,
            None => text,
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        let (credentials, authority) = match text.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, text),
        };
        let authority = Authority::parse(authority.as_bytes())?;
        let credentials = credentials.map(|it| percent_decode_str(it).decode_utf8_lossy());
        Some(Self {
            host: authority.host.to_owned(),
            port: authority.port.unwrap_or(80),
            credentials: credentials.map(|it| match it.contains(':') {
                true => it.into_owned(),
                false => format!("{it}:"),
            }),
        })
    }

    /// Has the proxy connect us to a server.
    pub(super) fn connect(
        &self,
        to: &Url,
        transport: &mut Transport,
        patience: Patience<'_>,
    ) -> Result<(), Error> {
        let failed = |why| Error::Proxy {
            proxy: self.to_string(),
            why,
        };
        let failed_by = |error: io::Error| Why::of_call(&error).map_or(Error::Stopped, failed);
        let mut request = format!(
            "CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n",
            to.host, to.port
        );
        if let Some(credentials) = &self.credentials {
            let credentials = STANDARD.encode(credentials);
            request += &format!("Proxy-Authorization: Basic {credentials}\r\n");
        }
        request += "\r\n";
        let written = transport.write_all(request.as_bytes(), patience);
        written.map_err(failed_by)?;
        let answer = Answer::read(transport, patience).map_err(failed_by)?;
        match Response::parse(answer.head()) {
            Ok(response) if (200..300).contains(&response.status()) => {
                if answer.rest().is_empty() {
                    return Ok(());
                }
                Err(failed(Why::lasting("it says more than its answer")))
            }
            Ok(response) => Err(failed(Why::of_status(response.status()))),
            Err(error) => Err(failed(Why::lasting(error.to_string()))),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Choice {
    /// The proxy that leads to this server.
    pub(super) fn proxy(&self, to: &Url) -> Result<Option<Proxy>, Error> {
        match self {
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::Environment => of_environment(to, variable),
        }
    }
}

/// A variable, if it is there and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn of_environment(
    to: &Url,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, Error> {
    // HTTP_PROXY in capitals is what a client of a CGI program can set by a header.
    let names: &[&str] = match to.is_secure {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let found = names.iter().find_map(|name| Some((*name, variable(name)?)));
    let Some((name, value)) = found else {
        return Ok(None);
    };
    let excepted = variable("no_proxy").or_else(|| variable("NO_PROXY"));
    if excepted.is_some_and(|list| is_excepted(to, &list)) {
        return Ok(None);
    }
    match Proxy::parse(&value) {
        Some(proxy) => Ok(Some(proxy)),
        None => Err(Error::Proxy {
            proxy: format!("{value:?} in {name}"),
            why: Why::lasting("give it as http://HOST:PORT"),
        }),
    }
}

/// Whether the list, with commas or blanks between its items, has the host or a domain that it is in.
fn is_excepted(to: &Url, list: &str) -> bool {
    let host = to.host.trim_matches(['[', ']']).to_ascii_lowercase();
    let is_address = host.parse::<IpAddr>().is_ok();
    list.split([',', ' ']).any(|item| {
        let (item, port) = match item.rsplit_once(':') {
            Some((item, port)) if !item.contains(':') || item.ends_with(']') => (item, Some(port)),
            _ => (item, None),
        };
        let item = item.trim_matches(['[', ']']).to_ascii_lowercase();
        let domain = item.trim_start_matches("*.").trim_start_matches('.');
        let is_port = port.is_none_or(|port| port.parse() == Ok(to.port));
        let is_within = !is_address
            && host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'));
        is_port && (item == "*" || !domain.is_empty() && (host == domain || is_within))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_host_and_port_with_or_without_credentials() {
        for (text, shown, credentials) in [
            ("http://a:3128/", "a:3128", None),
            ("a", "a:80", None),
            ("HTTP://b%40c:d@[::1]:8", "[::1]:8", Some("b@c:d")),
            ("me@a:1", "a:1", Some("me:")),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown, "{text}");
            assert_eq!(proxy.credentials.as_deref(), credentials, "{text}");
        }
        for text in ["socks5://a:1", "https://a:1", "a:x", "", "http://a/b"] {
            assert_eq!(Proxy::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let ask = |url: &str, set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let proxy = of_environment(&Url::parse(url).unwrap(), variable).unwrap();
            proxy.map(|proxy| proxy.host)
        };
        let two = [("http_proxy", "plain:1"), ("https_proxy", "secure:1")];
        assert_eq!(ask("ws://x", &two).as_deref(), Some("plain"));
        assert_eq!(ask("wss://x", &two).as_deref(), Some("secure"));
        assert_eq!(ask("ws://x", &[("HTTP_PROXY", "a:1")]), None);
        assert_eq!(
            ask("wss://x", &[("ALL_PROXY", "a:1")]).as_deref(),
            Some("a")
        );
        let except = |list| {
            ask(
                "ws://a.b.example:81",
                &[("http_proxy", "p"), ("no_proxy", list)],
            )
        };
        for list in [
            "*",
            "b.example",
            ".example",
            "x, a.b.example",
            "*.example:81",
        ] {
            assert_eq!(except(list), None, "{list}");
        }
        for list in ["xb.example", "b", "example:82", ",", "a.b.example.org"] {
            assert_eq!(except(list).as_deref(), Some("p"), "{list}");
        }
    }
}
