//! Tokens and lists of tokens: the words header values are made of. Apart because both directions and
//! every list-valued header use them.
//!
//! Floor 1. RFC 9110 5.6.

/// Whether `text` is a token: not empty, and no byte but the `tchar`s. Subprotocols, methods, header
/// names and extension names are tokens. RFC 9110 5.6.2.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Whether `byte` may stand in a token.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `byte` may stand in a header value: RFC 9110 5.5. The bytes from 0x80 on mean nothing.
pub(super) fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=0x7e | 0x80..)
}

/// The elements of a comma-separated list that may be spread over several header lines, white space
/// around them cut off, empty ones left out (RFC 9110 5.6.1.2). The elements need not be tokens.
pub(super) fn elements<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    lines
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_no_separator_no_space_and_at_least_one_byte() {
        assert!(is_token(b"chat.v1"));
        assert!(is_token(b"!#$%&'*+-.^_`|~09azAZ"));
        for text in [
            &b""[..],
            b"a b",
            b"a,b",
            b"a/b",
            b"a\"",
            b"caf\xc3\xa9",
            b"a\0",
        ] {
            assert!(!is_token(text), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_the_same_on_one_line_or_several() {
        let several = [&b"keep-alive ,"[..], b"", b"\tUpgrade"];
        let one = [&b"keep-alive,, Upgrade"[..]];
        let expected = [&b"keep-alive"[..], b"Upgrade"];
        assert!(elements(several.into_iter()).eq(expected));
        assert!(elements(one.into_iter()).eq(expected));
    }
}
