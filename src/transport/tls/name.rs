//! Distinguished names on one line: RFC 4514, the most specific part first.

use super::certificate::Elements;

const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Types of attributes with a name: RFC 4514 3, RFC 2985, RFC 4519; others are written as numbers.
const TYPES: &[(&[u8], &str)] = &[
    (b"\x55\x04\x03", "CN"),
    (b"\x55\x04\x05", "serialNumber"),
    (b"\x55\x04\x06", "C"),
    (b"\x55\x04\x07", "L"),
    (b"\x55\x04\x08", "ST"),
    (b"\x55\x04\x09", "STREET"),
    (b"\x55\x04\x0a", "O"),
    (b"\x55\x04\x0b", "OU"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "emailAddress"),
];

/// Writes a name, given as the contents of its sequence. It holds no control character.
pub(super) fn written(name: &[u8]) -> Option<String> {
    let parts: Option<Vec<String>> = Elements(name)
        .map(|(tag, set)| {
            let attributes: Option<Vec<String>> = Elements(set)
                .map(|(tag, contents)| (tag == SEQUENCE).then(|| attribute(contents)).flatten())
                .collect();
            (tag == SET).then_some(attributes?.join("+"))
        })
        .collect();
    let mut parts = parts?;
    // RFC 4514 2.1: starting with the last element of the sequence.
    parts.reverse();
    Some(parts.join(","))
}

/// `type=value`
fn attribute(contents: &[u8]) -> Option<String> {
    let mut elements = Elements(contents);
    let identifier = elements.expect(OBJECT_IDENTIFIER)?;
    let encoded = elements.0;
    let (tag, value) = elements.next()?;
    let known = TYPES.iter().find(|(bytes, _)| *bytes == identifier);
    Some(match known.zip(text(tag, value)) {
        Some(((_, name), value)) => format!("{name}={}", escaped(&value)),
        None => format!("{}=#{}", dotted(identifier)?, hex(encoded)),
    })
}

/// The value of a string of any kind.
fn text(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            std::str::from_utf8(value).ok().map(str::to_owned)
        }
        // In practice Latin-1.
        TELETEX_STRING => Some(value.iter().copied().map(char::from).collect()),
        BMP_STRING => {
            let pairs = value.chunks_exact(2);
            if !pairs.remainder().is_empty() {
                return None;
            }
            let units = pairs.filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

/// RFC 4514 2.4; control characters as well.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (place, letter) in value.chars().enumerate() {
        let is_at_edge =
            letter == ' ' && (place == 0 || place == last) || letter == '#' && place == 0;
        if letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                out += &format!("\\{byte:02X}");
            }
            continue;
        }
        if is_at_edge || matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// An object identifier as numbers: X.690 8.19.
fn dotted(identifier: &[u8]) -> Option<String> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in identifier {
        number = number.checked_mul(0x80)? + u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let (first, rest) = numbers.split_first()?;
    let top = (first / 40).min(2);
    let all = [top, first - top * 40]
        .into_iter()
        .chain(rest.iter().copied());
    Some(all.map(|it| it.to_string()).collect::<Vec<_>>().join("."))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let element = |tag: u8, contents: &[u8]| {
            let mut out = vec![tag, u8::try_from(contents.len()).unwrap()];
            out.extend_from_slice(contents);
            out
        };
        let mut name = Vec::new();
        for (identifier, tag, value) in attributes {
            let mut contents = element(OBJECT_IDENTIFIER, identifier);
            contents.extend(element(*tag, value));
            name.extend(element(SET, &element(SEQUENCE, &contents)));
        }
        name
    }

    #[test]
    fn the_most_specific_part_comes_first() {
        let name = sequence(&[
            (b"\x55\x04\x06", PRINTABLE_STRING, b"DE"),
            (b"\x55\x04\x0a", UTF8_STRING, "Café".as_bytes()),
            (b"\x55\x04\x03", UTF8_STRING, b"alice"),
        ]);
        assert_eq!(written(&name).unwrap(), "CN=alice,O=Café,C=DE");
        assert_eq!(written(b"").unwrap(), "");
    }

    #[test]
    fn what_could_be_mistaken_is_escaped() {
        for (value, expected) in [
            ("a,O=b", "a\\,O=b"),
            (" a b ", "\\ a b\\ "),
            ("#a#", "\\#a#"),
            ("a\nb\0", "a\\0Ab\\00"),
            ("\"<>;+\\", "\\\"\\<\\>\\;\\+\\\\"),
            ("\u{85}", "\\C2\\85"),
        ] {
            let name = sequence(&[(b"\x55\x04\x03", UTF8_STRING, value.as_bytes())]);
            assert_eq!(written(&name).unwrap(), format!("CN={expected}"));
        }
    }

    #[test]
    fn other_strings_become_text_and_what_is_none_its_bytes() {
        let cn: &[u8] = b"\x55\x04\x03";
        for (tag, value, expected) in [
            (BMP_STRING, &b"\x00a\x20\xac"[..], "CN=a€"),
            (TELETEX_STRING, b"\xe9", "CN=é"),
            (UTF8_STRING, b"\xff", "2.5.4.3=#0c01ff"),
            (BMP_STRING, b"\xd8\x00", "2.5.4.3=#1e02d800"),
            (BMP_STRING, b"a", "2.5.4.3=#1e0161"),
        ] {
            assert_eq!(written(&sequence(&[(cn, tag, value)])).unwrap(), expected);
        }
        let other = sequence(&[(b"\x2a\x86\x48\x86\xf7\x0d", UTF8_STRING, b"a")]);
        assert_eq!(written(&other).unwrap(), "1.2.840.113549=#0c0161");
    }
}
