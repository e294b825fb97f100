//! JSON, as far as WebDriver needs it: strings are written, answers read.

use std::fmt::Write as _;

/// A JSON string, quotes included (RFC 8259 7).
pub(crate) fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '\0'..='\x1f') {
            write!(json, "\\u{:04x}", u32::from(character)).unwrap();
        } else {
            json.push(character);
        }
    }
    json + "\""
}

/// JSON, as far as chromedriver's answers need it: numbers and the like are passed over.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Other,
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Value {
    pub(crate) fn parse(json: &str) -> Self {
        let mut rest = json;
        let value = Self::parse_next(&mut rest);
        assert_eq!(rest.trim_start(), "", "one value in {json}");
        value
    }

    pub(crate) fn as_str(&self) -> &str {
        let Self::Text(text) = self else {
            panic!("{self:?} is no string");
        };
        text
    }

    pub(crate) fn items(&self) -> &[Self] {
        let Self::Array(items) = self else {
            panic!("{self:?} is no list");
        };
        items
    }

    pub(crate) fn field(&self, name: &str) -> &Self {
        let Self::Object(fields) = self else {
            panic!("{self:?} is no object");
        };
        let field = fields.iter().find(|(key, _)| key == name);
        &field.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }

    fn parse_next(rest: &mut &str) -> Self {
        *rest = rest.trim_start();
        match rest.as_bytes()[0] {
            b'"' => Self::Text(Self::parse_text(rest)),
            b'[' => {
                let mut items = Vec::new();
                Self::parse_list(rest, ']', |rest| items.push(Self::parse_next(rest)));
                Self::Array(items)
            }
            b'{' => {
                let mut fields = Vec::new();
                Self::parse_list(rest, '}', |rest| {
                    let name = Self::parse_text(rest);
                    *rest = rest.trim_start().strip_prefix(':').unwrap();
                    fields.push((name, Self::parse_next(rest)));
                });
                Self::Object(fields)
            }
            _ => {
                let end = rest.find([',', ']', '}']).unwrap_or(rest.len());
                *rest = &rest[end..];
                Self::Other
            }
        }
    }

    fn parse_list(rest: &mut &str, end: char, mut parse_item: impl FnMut(&mut &str)) {
        *rest = rest[1..].trim_start();
        while !rest.starts_with(end) {
            parse_item(rest);
            *rest = rest.trim_start();
            *rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        *rest = &rest[1..];
    }

    fn parse_text(rest: &mut &str) -> String {
        let mut text: Vec<u16> = Vec::new();
        let mut characters = rest[1..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    *rest = &rest[at + 2..];
                    return String::from_utf16_lossy(&text);
                }
                '\\' => text.push(match characters.next().unwrap().1 {
                    'b' => 0x08,
                    'f' => 0x0c,
                    'n' => 0x0a,
                    'r' => 0x0d,
                    't' => 0x09,
                    'u' => {
                        let digits: String = characters
                            .by_ref()
                            .take(4)
                            .map(|(_, digit)| digit)
                            .collect();
                        u16::from_str_radix(&digits, 16).unwrap()
                    }
                    itself => u16::try_from(u32::from(itself)).unwrap(),
                }),
                other => text.extend(other.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        panic!("a string without end: {rest}")
    }
}

#[test]
fn json_is_read_with_its_escapes() {
    let value = Value::parse(r#" {"a": [1, "x\"\u00e9\ud83d\ude00\n", {}], "b" : null} "#);
    assert_eq!(value.field("a").items()[1].as_str(), "x\"\u{e9}\u{1f600}\n");
}

#[test]
fn a_string_is_read_as_it_was_written() {
    let text = "\"\\\n\u{1}\u{e007} é";
    assert_eq!(Value::parse(&string(text)).as_str(), text);
}
