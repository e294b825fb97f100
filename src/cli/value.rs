//! Reading one value of an option. Each function's error is the end of a sentence that begins with
//! option and value: what would be right.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;

use crate::daemon::{InvalidUtf8, Limit, Trusted};
#[cfg(feature = "client")]
use crate::dial::{Choice, Proxy};
use crate::handshake::server::{is_host_pattern, is_origin_pattern};
use crate::handshake::{Header, HeaderError, is_token};
use crate::record::Record;

/// The shortest duration that is not none: what the clock of the relay can tell apart.
const MIN_DURATION: Duration = Duration::from_millis(1);

/// The longest duration: far from the end of any clock.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How much of a value is repeated in a message, in characters.
const MAX_QUOTED_LEN: usize = 60;

/// The system's reason without its number, which is in no manual.
pub(super) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// A value as it can stand in one line of text: in quotes, cut, nothing a terminal would act upon.
pub(super) fn quoted(value: &OsStr) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(MAX_QUOTED_LEN) {
        Some((end, _)) => format!("{}...\"", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

pub(super) fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| "give UTF-8 text".to_owned())
}

pub(super) fn boolean(value: &OsStr) -> Result<bool, String> {
    match value.as_bytes() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err("give true or false".to_owned()),
    }
}

pub(super) fn port(value: &OsStr) -> Result<u16, String> {
    number(value).ok_or_else(|| "give a number from 0 to 65535".to_owned())
}

/// A port that is known beforehand.
pub(super) fn fixed_port(value: &OsStr) -> Result<Option<u16>, String> {
    match number(value) {
        Some(0) | None => Err("give a number from 1 to 65535".to_owned()),
        port => Ok(port),
    }
}

/// A path that is not empty.
pub(super) fn path(value: &OsStr) -> Result<PathBuf, String> {
    match value.is_empty() {
        true => Err("give a path".to_owned()),
        false => Ok(PathBuf::from(value)),
    }
}

/// Permissions of a file.
pub(super) fn mode(value: &OsStr) -> Result<u32, String> {
    let is_octal = value
        .as_bytes()
        .iter()
        .all(|digit| (b'0'..b'8').contains(digit));
    let digits = value.to_str().filter(|value| is_octal && value.len() <= 4);
    digits
        .and_then(|value| u32::from_str_radix(value, 8).ok())
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "give permissions as octal digits, such as 0660".to_owned())
}

/// A number of waiting connections.
pub(super) fn backlog(value: &OsStr) -> Result<i32, String> {
    number(value)
        .filter(|backlog| *backlog > 0)
        .ok_or_else(|| "give a number from 1 on".to_owned())
}

/// A count; 0 is none.
pub(super) fn count_or_none(value: &OsStr) -> Result<Option<usize>, String> {
    number(value)
        .map(|count| (count > 0).then_some(count))
        .ok_or_else(|| "give a number, 0 for any number".to_owned())
}

/// Bytes, with an optional K, M or G for their powers of 1024; 0 is none.
pub(super) fn size_or_none(value: &OsStr) -> Result<Option<u64>, String> {
    size(value)
        .map(|size| (size > 0).then_some(size))
        .ok_or_else(|| "give a size such as 4096, 64K, 16M or 1G, 0 for any size".to_owned())
}

fn size(value: &OsStr) -> Option<u64> {
    let value = value.to_str()?;
    let unit: u64 = match value.bytes().last()?.to_ascii_uppercase() {
        b'K' => 1 << 10,
        b'M' => 1 << 20,
        b'G' => 1 << 30,
        _ => 1,
    };
    let digits = match unit {
        1 => value,
        _ => value.get(..value.len() - 1)?,
    };
    number::<u64>(OsStr::new(digits))?.checked_mul(unit)
}

/// Digits alone: no sign, no blank.
fn number<T: std::str::FromStr>(value: &OsStr) -> Option<T> {
    let value = value.to_str()?;
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().ok()
    } else {
        None
    }
}

/// A duration that is not none.
pub(super) fn duration(value: &OsStr) -> Result<Duration, String> {
    duration_or_none(value)
        .ok()
        .flatten()
        .ok_or_else(|| "give a duration such as 500ms, 10s or 2m (1ms to 365d)".to_owned())
}

/// A duration between a millisecond and a year; 0 is none.
pub(super) fn duration_or_none(value: &OsStr) -> Result<Option<Duration>, String> {
    value
        .to_str()
        .and_then(|value| humantime::parse_duration(value).ok())
        .filter(|duration| duration.is_zero() || (MIN_DURATION..=MAX_DURATION).contains(duration))
        .map(|duration| (!duration.is_zero()).then_some(duration))
        .ok_or_else(|| "give a duration such as 500ms, 10s or 2m (1ms to 365d), or 0".to_owned())
}

/// An address to listen on: a literal without brackets, a name, or `*`.
pub(super) fn address(value: &OsStr) -> Result<String, String> {
    let value = text(value)?;
    if let Ok(address) = value.parse::<SocketAddr>() {
        return Err(format!(
            "give the address alone and the port as --port {}",
            address.port()
        ));
    }
    let bare = value
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(value);
    let is_scoped = bare
        .split_once('%')
        .is_some_and(|(literal, _)| literal.parse::<Ipv6Addr>().is_ok());
    if value == "*" || is_scoped || is_host_pattern(value) {
        Ok(bare.to_owned())
    } else {
        Err("give an address such as 127.0.0.1, ::1 or *".to_owned())
    }
}

/// Names for the Host header, or `*`.
pub(super) fn hosts(value: &OsStr) -> Result<Vec<String>, String> {
    list(value, |name| match name {
        name if name == "*" || is_host_pattern(name) => Ok(()),
        _ => Err("give host names without port, such as chat.example.org"),
    })
}

/// Proxies, added to those given before.
pub(super) fn proxies(value: &OsStr, proxies: &mut Trusted) -> Result<(), String> {
    for name in list(value, |_| Ok(()))? {
        let added = proxies
            .add(&name)
            .or((!cfg!(feature = "proxy")).then_some(()));
        added.ok_or("give addresses or networks such as 192.0.2.7 or 10.0.0.0/8, or unix")?;
    }
    Ok(())
}

/// Origins (RFC 6454 6.1), the scheme and the port optional.
pub(super) fn origins(value: &OsStr) -> Result<Vec<String>, String> {
    list(value, |name| match name {
        "*" => Err("for any origin say --any-origin"),
        name if is_origin_pattern(name) => Ok(()),
        _ => Err("give origins such as chat.example.org, https://example.org:8443 or null"),
    })
}

/// A header line that is added to ours (RFC 9110 5).
pub(super) fn header(value: &OsStr) -> Result<Header, String> {
    Header::parse(text(value)?).map_err(|error| {
        match error {
            HeaderError::Reserved if names_protocols(value) => {
                "say which subprotocols are spoken with --protocol"
            }
            HeaderError::Reserved => "leave it out: this header is the program's own",
            HeaderError::Value => "give a value without control bytes",
            HeaderError::Name => "give \"Name: value\", the name without blanks",
        }
        .to_owned()
    })
}

fn names_protocols(line: &OsStr) -> bool {
    let name = line.as_bytes().split(|byte| *byte == b':').next();
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"Sec-WebSocket-Protocol"))
}

/// How messages look.
pub(super) fn record(value: &OsStr) -> Result<Record, String> {
    Ok(match text(value)? {
        "nul" => Record::Nul,
        "typed" => Record::Typed,
        "raw" => Record::Raw,
        _ => Record::Line,
    })
}

/// What becomes of text that is not UTF-8.
pub(super) fn invalid_utf8(value: &OsStr) -> Result<InvalidUtf8, String> {
    Ok(match text(value)? {
        "close" => InvalidUtf8::Close,
        _ => InvalidUtf8::Replace,
    })
}

/// A proxy, or `none`.
#[cfg(feature = "client")]
pub(super) fn proxy(value: &OsStr) -> Result<Choice, String> {
    match text(value)? {
        "none" => Ok(Choice::Never),
        text => match Proxy::parse(text) {
            Some(proxy) => Ok(Choice::Always(proxy)),
            None => Err("give an HTTP proxy as http://HOST:PORT, or none".to_owned()),
        },
    }
}

/// An origin as it is said to a server.
#[cfg(feature = "client")]
pub(super) fn own_origin(value: &OsStr) -> Result<String, String> {
    match text(value)? {
        text if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => Err("give an origin such as https://example.org".to_owned()),
    }
}

/// A name that can stand before a colon (RFC 7617 2).
#[cfg(feature = "client")]
pub(super) fn user_name(value: &OsStr) -> Result<String, String> {
    match text(value)? {
        text if text.contains(':') => Err(
            "give the name alone: the password is asked for, or read from WEBSOCK_PASSWORD"
                .to_owned(),
        ),
        text if text.is_empty() || text.contains(char::is_control) => Err("give a name".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Subprotocols: tokens, as RFC 6455 4.1 asks.
pub(super) fn protocols(value: &OsStr) -> Result<Vec<String>, String> {
    list(value, |name| match name {
        name if is_token(name.as_bytes()) => Ok(()),
        _ => Err("give names without blanks and any of ()<>@,;:\\\"/[]?={}"),
    })
}

/// The items of a list with commas, blanks around them dropped; none is empty.
fn list(
    value: &OsStr,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<Vec<String>, String> {
    text(value)?
        .split(',')
        .map(str::trim)
        .map(|name| match name {
            "" => Err("give one name, or several with a comma between them".to_owned()),
            _ => check(name).map(|()| name.to_owned()).map_err(str::to_owned),
        })
        .collect()
}

/// A variable, added to those given before.
pub(super) fn variable(
    value: &OsStr,
    variables: &mut Vec<(OsString, OsString)>,
) -> Result<(), String> {
    let mut parts = value.as_bytes().splitn(2, |byte| *byte == b'=');
    let (Some(name @ [_, ..]), Some(value)) = (parts.next(), parts.next()) else {
        return Err("give NAME=VALUE".to_owned());
    };
    let variable = (owned(name), owned(value));
    match variables.iter().find(|(name, _)| *name == variable.0) {
        Some(before) if before.1 != variable.1 => {
            return Err(format!(
                "it was {} before: give one of them",
                quoted(&before.1)
            ));
        }
        Some(_) => {}
        None => variables.push(variable),
    }
    Ok(())
}

/// A limit, added to those given before.
pub(super) fn limit(value: &OsStr, limits: &mut Vec<Limit>) -> Result<(), String> {
    let (name, number) = text(value)?.split_once('=').unwrap_or_default();
    let max = match number {
        "unlimited" => Some(None),
        _ => size(OsStr::new(number)).map(Some),
    };
    let max = max.ok_or("give NAME=N, such as nofile=100, as=512M or core=unlimited")?;
    let limit = Limit::new(name, max)
        .ok_or_else(|| format!("give one of {}", Limit::names().join(", ")))?;
    match limits.iter().find(|before| before.name == limit.name) {
        Some(before) if *before != limit => {
            let before = before.max.map(|max| max.to_string());
            let before = before.unwrap_or_else(|| "unlimited".to_owned());
            return Err(format!("it was {before} before: give one of them"));
        }
        Some(_) => {}
        None => limits.push(limit),
    }
    Ok(())
}

/// Names of variables, possibly none.
pub(super) fn variable_names(value: &OsStr) -> Result<Vec<OsString>, String> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(|name| match name.trim_ascii() {
            name if name.is_empty() || name.contains(&b'=') => {
                Err("give names of variables with a comma between them".to_owned())
            }
            name => Ok(owned(name)),
        })
        .collect()
}

fn owned(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}
