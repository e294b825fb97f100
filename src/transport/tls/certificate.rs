//! The few fields of a certificate that are told to people: when it is valid, and for whom.
//!
//! What a certificate is worth is for rustls to judge; this only reads. RFC 5280 4.1, X.690 for the
//! bytes. Whatever does not read is no certificate.

use std::time::SystemTime;

use super::name;

const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: the version, which may be absent.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The fields of one certificate, borrowed from its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Certificate<'a> {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    issuer: &'a [u8],
    subject: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut fields = Elements(Elements(Elements(der).expect(SEQUENCE)?).expect(SEQUENCE)?);
        let (tag, _) = fields.next()?;
        if tag == VERSION {
            fields.next()?;
        }
        let _algorithm = fields.next()?;
        let issuer = fields.expect(SEQUENCE)?;
        let mut validity = Elements(fields.expect(SEQUENCE)?);
        let subject = fields.expect(SEQUENCE)?;
        Some(Self {
            not_before: time(validity.next()?)?,
            not_after: time(validity.next()?)?,
            issuer,
            subject,
        })
    }

    /// Whom it is for, on one line (RFC 4514).
    pub(super) fn subject(&self) -> String {
        name::written(self.subject).unwrap_or_default()
    }

    /// Whether it names itself as the one that issued it.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// Elements of DER, one behind the other: tag, length, contents (X.690 8.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The contents of the next element, which has to have this tag.
    pub(super) fn expect(&mut self, expected: u8) -> Option<&'a [u8]> {
        let (tag, contents) = self.next()?;
        (tag == expected).then_some(contents)
    }

    fn length(bytes: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let (first, rest) = bytes.split_first()?;
        let count = match first {
            0..=0x7f => return Some((usize::from(*first), rest)),
            // No certificate has more than 16 MiB, and DER knows no other form.
            0x81..=0x83 => usize::from(first & 0x7f),
            _ => return None,
        };
        let (digits, rest) = rest.split_at_checked(count)?;
        let length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        Some((length, rest))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    /// The next element's tag and contents; `None` at the end, or where there is no element.
    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let (length, rest) = Self::length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }
}

/// RFC 5280 4.1.2.5: UTCTime is `YYMMDDHHMMSSZ`, from 1950 on; GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn time((tag, digits): (u8, &[u8])) -> Option<SystemTime> {
    let digits = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
    let century = match tag {
        UTC_TIME if digits < "50" => "20",
        UTC_TIME => "19",
        GENERALIZED_TIME => "",
        _ => return None,
    };
    let digits = format!("{century}{digits}");
    let part = |from: usize, to: usize| digits.get(from..to);
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    if digits.len() != 14 {
        return None;
    }
    match humantime::parse_rfc3339(&written) {
        // Before 1970, where this clock begins.
        Err(humantime::TimestampError::OutOfRange) => Some(SystemTime::UNIX_EPOCH),
        outcome => outcome.ok(),
    }
}
