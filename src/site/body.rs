//! A request's body, taken out of its framing: RFC 9112 6 and 7.1.
//!
//! ```text
//! state            ends with
//! Known            its last byte                       6.2
//! Size             CR, else ; begins Extension         7.1
//! Extension        CR                                  7.1.1
//! SizeEnd          LF
//! Data             its last byte
//! DataEnd          CR, then LF                         7.1
//! Trailer          CR                                  7.1.2
//! TrailerEnd       LF, that of an empty line the body
//! Done
//! ```
//!
//! As in a head, CR and LF are a line end together and nothing alone: where two programs see different
//! lines, they see different requests.

use crate::handshake::Request;

/// Bytes that chunk extensions and trailers may have between them: nobody reads them.
const MAX_OVERHEAD: usize = 16 * 1024;

/// Hexadecimal digits a chunk's size may have, which keeps it below 2^60.
const MAX_DIGITS: usize = 15;

/// A body under way.
#[derive(Debug)]
pub(crate) struct Body {
    state: State,
    overhead: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Known { left: u64 },
    Size { size: u64, digits: usize },
    Extension { size: u64 },
    SizeEnd { size: u64 },
    Data { left: u64 },
    DataEnd { has_cr: bool },
    Trailer { is_empty: bool },
    TrailerEnd { is_empty: bool },
    Done,
}

/// The framing is wrong: what follows cannot be trusted to be anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl Body {
    /// The body of a request.
    ///
    /// # Errors
    ///
    /// A Transfer-Encoding other than chunked.
    pub(crate) fn of(request: &Request<'_>) -> Result<Self, Malformed> {
        let mut codings = request
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Transfer-Encoding"))
            .map(|(_, coding)| coding);
        // Several lines are one list (RFC 9110 5.3), and so more than chunked.
        let state = match (codings.next(), codings.next()) {
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => {
                State::Size { size: 0, digits: 0 }
            }
            (Some(_), _) => return Err(Malformed),
            (None, _) => match len_of(request).unwrap_or(0) {
                0 => State::Done,
                left => State::Known { left },
            },
        };
        Ok(Self { state, overhead: 0 })
    }

    /// Whether all of it has come.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes from `bytes` what is the body's, and appends what it holds to `out`; how many bytes that
    /// were.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let is_chunk = matches!(self.state, State::Data { .. });
            match &mut self.state {
                State::Done => break,
                State::Known { left } | State::Data { left } => {
                    let room = usize::try_from(*left).unwrap_or(usize::MAX);
                    let run = rest.get(..room).unwrap_or(rest);
                    out.extend_from_slice(run);
                    at += run.len();
                    *left -= u64::try_from(run.len()).unwrap_or(*left);
                    if *left == 0 {
                        self.state = if is_chunk {
                            State::DataEnd { has_cr: false }
                        } else {
                            State::Done
                        };
                    }
                }
                State::Size { .. }
                | State::Extension { .. }
                | State::SizeEnd { .. }
                | State::DataEnd { .. }
                | State::Trailer { .. }
                | State::TrailerEnd { .. } => {
                    let byte = rest.first().copied().ok_or(Malformed)?;
                    self.state = self.after(byte)?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    fn after(&mut self, byte: u8) -> Result<State, Malformed> {
        match (self.state, byte) {
            (State::Size { size, digits }, byte) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                if digits == MAX_DIGITS {
                    return Err(Malformed);
                }
                Ok(State::Size {
                    size: size * 16 + u64::from(digit),
                    digits: digits + 1,
                })
            }
            (State::Size { digits: 0, .. }, _) => Err(Malformed),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => {
                Ok(State::SizeEnd { size })
            }
            (State::Size { size, .. }, b';' | b' ' | b'\t') => Ok(State::Extension { size }),
            (State::SizeEnd { size: 0 }, b'\n') => Ok(State::Trailer { is_empty: true }),
            (State::SizeEnd { size: left }, b'\n') => Ok(State::Data { left }),
            (State::DataEnd { has_cr: false }, b'\r') => Ok(State::DataEnd { has_cr: true }),
            (State::DataEnd { has_cr: true }, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            (State::Trailer { is_empty }, b'\r') => Ok(State::TrailerEnd { is_empty }),
            (State::TrailerEnd { is_empty: true }, b'\n') => Ok(State::Done),
            (State::TrailerEnd { .. }, b'\n') => Ok(State::Trailer { is_empty: true }),
            (State::Extension { .. }, byte) if byte != b'\n' => self.tolerate(self.state),
            (State::Trailer { .. }, byte) if byte != b'\n' => {
                self.tolerate(State::Trailer { is_empty: false })
            }
            _ => Err(Malformed),
        }
    }

    /// Goes on to `state` as long as there is not too much of what nobody reads.
    fn tolerate(&mut self, state: State) -> Result<State, Malformed> {
        self.overhead += 1;
        if self.overhead > MAX_OVERHEAD {
            return Err(Malformed);
        }
        Ok(state)
    }
}

/// The length that a request names; `None` if it names none.
pub(crate) fn len_of(request: &Request<'_>) -> Option<u64> {
    let value = std::str::from_utf8(request.header("Content-Length")?).ok()?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(lines: &str) -> Result<Body, Malformed> {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        Body::of(&Request::parse(head.as_bytes()).unwrap())
    }

    fn body(lines: &str) -> Body {
        body_of(lines).unwrap()
    }

    /// What a chunked body of these bytes holds, and what is left of them, given `step` at a time.
    fn chunked(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let mut body = body("Transfer-Encoding: chunked");
        let (mut out, mut used) = (Vec::new(), 0);
        for part in bytes.chunks(step) {
            used += body.decode(part, &mut out)?;
        }
        Ok((out, bytes.len() - used, body.is_done()))
    }

    #[test]
    fn a_length_is_counted_and_what_follows_is_left() {
        let mut three = body("Content-Length: 3");
        let mut out = Vec::new();
        assert_eq!(three.decode(b"a", &mut out), Ok(1));
        assert!(!three.is_done());
        assert_eq!(three.decode(b"bcd", &mut out), Ok(2));
        assert!(three.is_done());
        assert_eq!(out, b"abc");
        assert!(body("Content-Length: 0").is_done());
        assert!(body("X: y").is_done());
    }

    #[test]
    fn no_coding_but_chunked_is_known_on_however_many_lines() {
        for lines in [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked",
        ] {
            assert_eq!(body_of(lines).unwrap_err(), Malformed, "{lines}");
        }
        assert!(body_of("transfer-encoding: Chunked").is_ok());
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let bytes = b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\n\r\nGET";
        for step in 1..bytes.len() {
            let (out, left, is_done) = chunked(bytes, step).unwrap();
            assert_eq!(out, b"abc0123456789", "{step}");
            assert_eq!((left, is_done), (3, true), "{step}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        for bytes in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"1\r\nab\r\n",
            b"1000000000000000\r\n",
            // Neither of a line end's bytes stands alone.
            b"1\n",
            b"1\r\r\n",
            b"1\rx",
            b"1;x\n",
            b"1;x\ry",
            b"1\r\na\n",
            b"1\r\na\r\r\n",
            b"0\r\n\n",
            b"0\r\n\r\r\n",
            b"0\r\nX: y\n",
            b"0\r\nX: y\rz",
        ] {
            assert_eq!(chunked(bytes, 1).unwrap_err(), Malformed, "{bytes:?}");
        }
        let long = [b"1;".to_vec(), vec![b'x'; MAX_OVERHEAD + 1]].concat();
        assert_eq!(chunked(&long, 100).unwrap_err(), Malformed);
    }
}
