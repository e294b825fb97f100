//! The rules of RFC 6455 a peer can break.

use std::fmt;

use super::CloseCode;

/// A rule of RFC 6455 that the peer broke; the connection fails with [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Violation {
    /// 5.4: a continuation where no message is under way.
    ContinuationOfNothing,
    /// 5.5: a control frame of more than 125 bytes.
    ControlFrameTooLong,
    /// 5.4: a new message before the last one ended.
    DataInsideMessage,
    /// 5.5: a control frame without FIN.
    FragmentedControlFrame,
    /// 7.4: a status code that may not be sent.
    IllegalCloseCode,
    /// 8.1: a text message, or a reason, that is not UTF-8.
    InvalidUtf8,
    /// 5.2: a length of 2^63 or more.
    LengthOutOfRange,
    /// 5.1: a server sent a masked frame.
    MaskedByServer,
    /// 5.2: a length in more bytes than it needs.
    NonMinimalLength,
    /// 5.2: a reserved bit without an extension that defines it.
    ReservedBits,
    /// 5.5.1: a Close frame of one byte.
    TruncatedCloseCode,
    /// 5.2: a reserved opcode.
    UnknownOpcode,
    /// 5.1: a client sent an unmasked frame.
    UnmaskedByClient,
}

impl Violation {
    /// The status code to close with: 1007 for text that is not UTF-8, else 1002 (RFC 6455 7.4.1).
    pub fn close_code(self) -> CloseCode {
        if self == Self::InvalidUtf8 {
            CloseCode::INVALID_PAYLOAD
        } else {
            CloseCode::PROTOCOL_ERROR
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContinuationOfNothing => "continuation of no message",
            Self::ControlFrameTooLong => "control frame longer than 125 bytes",
            Self::DataInsideMessage => "new message inside a fragmented one",
            Self::FragmentedControlFrame => "fragmented control frame",
            Self::IllegalCloseCode => "illegal close code",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::LengthOutOfRange => "length out of range",
            Self::MaskedByServer => "frame from server is masked",
            Self::NonMinimalLength => "length not in its shortest form",
            Self::ReservedBits => "reserved bits set",
            Self::TruncatedCloseCode => "close code of one byte",
            Self::UnknownOpcode => "unknown opcode",
            Self::UnmaskedByClient => "frame from client is not masked",
        })
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Violation; 13] = [
        Violation::ContinuationOfNothing,
        Violation::ControlFrameTooLong,
        Violation::DataInsideMessage,
        Violation::FragmentedControlFrame,
        Violation::IllegalCloseCode,
        Violation::InvalidUtf8,
        Violation::LengthOutOfRange,
        Violation::MaskedByServer,
        Violation::NonMinimalLength,
        Violation::ReservedBits,
        Violation::TruncatedCloseCode,
        Violation::UnknownOpcode,
        Violation::UnmaskedByClient,
    ];

    #[test]
    fn only_bad_text_closes_with_1007() {
        for violation in ALL {
            let is_text = violation == Violation::InvalidUtf8;
            let expected = if is_text { 1007 } else { 1002 };
            assert_eq!(violation.close_code().as_u16(), expected, "{violation}");
        }
    }

    #[test]
    fn each_has_a_sentence_of_its_own_that_fits_a_close_frame() {
        let sentences: Vec<_> = ALL.iter().map(ToString::to_string).collect();
        for (i, sentence) in sentences.iter().enumerate() {
            assert!((1..=123).contains(&sentence.len()), "{sentence}");
            assert!(!sentences[..i].contains(sentence), "{sentence}");
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Violation>() <= 16);
        assert!(size_of::<Result<(), Violation>>() <= 16);
    }
}
