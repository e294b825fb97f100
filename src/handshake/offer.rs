//! What a client offers: subprotocols, of which one is chosen, and extensions, which are read and
//! declined.
//!
//! Floor 1. RFC 6455 4.1 items 10 and 11, 4.2.2, 9.1.

use std::borrow::Cow;
use std::fmt;

use super::token::{elements, is_token, is_token_byte};

/// Reads the subprotocols that the Sec-WebSocket-Protocol lines offer, in the client's order of
/// preference. O(n log n).
///
/// # Errors
///
/// [`Malformed`] if one is no token, one is there twice (RFC 6455 4.1: all must be unique), or a line
/// holds none.
pub fn parse_protocols<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<&'a str>, Malformed> {
    let mut offered = Vec::new();
    for line in lines {
        let before = offered.len();
        for element in elements(std::iter::once(line)) {
            offered.push(to_token(element).ok_or(Malformed)?);
        }
        if offered.len() == before {
            return Err(Malformed);
        }
    }
    if is_unique(&offered) {
        Ok(offered)
    } else {
        Err(Malformed)
    }
}

/// Whether no name is there twice.
pub(super) fn is_unique<T: Ord + Clone>(names: &[T]) -> bool {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() == names.len()
}

/// The first of the subprotocols `spoken` here that is among those `offered`; `None` if they have none
/// in common. Names are compared byte by byte.
pub fn choose_protocol<'s>(spoken: &'s [String], offered: &[&str]) -> Option<&'s str> {
    spoken
        .iter()
        .map(String::as_str)
        .find(|name| offered.contains(name))
}

/// An extension as a client offers it, or a server accepts it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extension<'a> {
    /// Its name, a token.
    pub name: &'a str,
    /// Its parameters, in order.
    pub params: Vec<Param<'a>>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Param<'a> {
    /// Its name, a token.
    pub name: &'a str,
    /// Its value, a token that may have been written in quotes.
    pub value: Option<Cow<'a, str>>,
}

/// Reads the Sec-WebSocket-Extensions lines, in the client's order of preference. O(length).
///
/// RFC 6455 9.1: `1#( extension-token *( ";" token [ "=" ( token | quoted-string ) ] ) )`, where what
/// is in quotes must be a token too.
///
/// # Errors
///
/// [`Malformed`] if a line is anything else, or holds no extension.
pub fn parse_extensions<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Extension<'a>>, Malformed> {
    let mut extensions = Vec::new();
    for line in lines {
        let before = extensions.len();
        let mut cursor = Cursor(line);
        loop {
            while cursor.eat(b',') {}
            if cursor.is_at_end() {
                break;
            }
            extensions.push(cursor.extension().ok_or(Malformed)?);
            if !cursor.is_at_end() && !cursor.eat(b',') {
                return Err(Malformed);
            }
        }
        if extensions.len() == before {
            return Err(Malformed);
        }
    }
    Ok(extensions)
}

/// An offer that is not written as RFC 6455 has it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a subprotocol or extension is not written as RFC 6455 has it")
    }
}

impl std::error::Error for Malformed {}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    /// Takes `byte` and the white space before it, if that is what comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let len = self
            .0
            .iter()
            .take_while(|byte| is_token_byte(**byte))
            .count();
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        to_token(token)
    }

    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.eat(b';') {
            params.push(self.param()?);
        }
        Some(Extension { name, params })
    }

    fn param(&mut self) -> Option<Param<'a>> {
        let name = self.token()?;
        let value = if !self.eat(b'=') {
            None
        } else if self.eat(b'"') {
            Some(self.quoted()?)
        } else {
            Some(Cow::Borrowed(self.token()?))
        };
        Some(Param { name, value })
    }

    /// What stands in quotes, the first of which has been taken. As it must be a token, it holds no
    /// quote and no backslash of its own: a backslash is always one that can be left out.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let len = self.0.iter().position(|byte| *byte == b'"')?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest.get(1..)?;
        if let Some(token) = to_token(text) {
            return Some(Cow::Borrowed(token));
        }
        // `\\` and `\"` would stand for bytes that no token has: both leave a text that is none.
        let mut unescaped = Vec::with_capacity(len);
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            unescaped.push(if byte == b'\\' { bytes.next()? } else { byte });
        }
        to_token(&unescaped).map(|token| Cow::Owned(token.to_owned()))
    }
}

fn to_token(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().filter(|_| is_token(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocols<'a>(lines: &[&'a str]) -> Result<Vec<&'a str>, Malformed> {
        parse_protocols(lines.iter().map(|line| line.as_bytes()))
    }

    /// Extensions in the shape `name;param=value`, to be read at a glance.
    fn extensions(lines: &[&str]) -> Result<Vec<String>, Malformed> {
        let extensions = parse_extensions(lines.iter().map(|line| line.as_bytes()))?;
        Ok(extensions.iter().map(show).collect())
    }

    fn show(extension: &Extension<'_>) -> String {
        let mut shown = extension.name.to_owned();
        for param in &extension.params {
            shown.push(';');
            shown.push_str(param.name);
            if let Some(value) = &param.value {
                shown.push('=');
                shown.push_str(value);
            }
        }
        shown
    }

    #[test]
    fn protocols_come_from_all_lines_in_order() {
        assert_eq!(protocols(&[]), Ok(vec![]));
        assert_eq!(protocols(&["chat"]), Ok(vec!["chat"]));
        assert_eq!(
            protocols(&["chat, superchat", "v10.stomp,"]),
            Ok(vec!["chat", "superchat", "v10.stomp"])
        );
        assert_eq!(protocols(&["chat, Chat"]), Ok(vec!["chat", "Chat"]));
    }

    #[test]
    fn protocols_are_different_tokens() {
        for lines in [
            &[""][..],
            &[","],
            &["a b"],
            &["a;b"],
            &["\"a\""],
            &["a/b"],
            &["caf\u{e9}"],
            &["a,a"],
            &["a", "b, a"],
        ] {
            assert_eq!(protocols(lines), Err(Malformed), "{lines:?}");
        }
    }

    #[test]
    fn the_servers_preference_chooses() {
        let spoken = ["b".to_owned(), "a".to_owned()];
        assert_eq!(choose_protocol(&spoken, &["a", "b"]), Some("b"));
        assert_eq!(choose_protocol(&spoken, &["c", "a"]), Some("a"));
        assert_eq!(choose_protocol(&spoken, &["A"]), None);
        assert_eq!(choose_protocol(&spoken, &[]), None);
        assert_eq!(choose_protocol(&[], &["a"]), None);
    }

    #[test]
    fn extensions_have_parameters_with_and_without_values() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&["foo"], &["foo"]),
            (&["foo, bar; baz=2"], &["foo", "bar;baz=2"]),
            (&["foo", "bar; baz=2"], &["foo", "bar;baz=2"]),
            (&["a;b=\"c\"; d = e ;f"], &["a;b=c;d=e;f"]),
            (&["a; b=\"\\c\\d\""], &["a;b=cd"]),
            (&[" , a ,, b ,"], &["a", "b"]),
            (
                &["permessage-deflate; client_max_window_bits, permessage-deflate"],
                &[
                    "permessage-deflate;client_max_window_bits",
                    "permessage-deflate",
                ],
            ),
            (&["a;b;b=1;b=2"], &["a;b;b=1;b=2"]),
        ] {
            let expected = expected.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(extensions(lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_have_is_malformed() {
        for line in [
            "",
            " ",
            ",",
            "a b",
            "a;",
            "a;;b",
            ";a",
            "a=b",
            "a;=b",
            "a;b=",
            "a;b=,c",
            "a;b=\"c",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c,d\"",
            "a;b=\"c\"d",
            "a;b=\"\\\"\"",
            "a;b=\"\\\\\"",
            "a;b=\"c\\\"",
            "a;b='c d'",
            "a;b=c d",
            "a/b",
            "\"a\"",
            "caf\u{e9}",
        ] {
            assert_eq!(extensions(&[line]), Err(Malformed), "{line}");
        }
        assert_eq!(extensions(&["a", ""]), Err(Malformed));
    }
}
