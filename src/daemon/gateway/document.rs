//! A script's output as a response: its head, and its document in the framing that the client needs.

use crate::handshake::{Header, Reject, Request};
use crate::log;
use crate::site::cgi::{self, Answer};

use super::{Answered, End};

/// A document under way.
#[derive(Debug)]
pub(super) struct Document {
    state: State,
    facts: Facts,
}

#[derive(Debug)]
enum State {
    /// What was said so far.
    ExpectHead(Vec<u8>),
    Body {
        status: u16,
        framing: Framing,
        bytes: u64,
    },
    Over {
        status: u16,
        bytes: u64,
        may_keep: bool,
    },
    Local(String),
}

/// How the end of the document shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    /// RFC 9112 7.1.
    Chunked,
    /// So many bytes are missing.
    Counted(u64),
    /// The connection ends there.
    ToTheEnd,
    /// There is none for the client.
    Dropped,
}

/// What has to be known of the request.
#[derive(Debug)]
struct Facts {
    is_head: bool,
    is_http_1_0: bool,
    keeps: bool,
    extra: Vec<Header>,
}

impl Document {
    pub(super) fn new(request: &Request<'_>, keeps: bool, extra: &[Header]) -> Self {
        Self {
            state: State::ExpectHead(Vec::new()),
            facts: Facts {
                is_head: request.method() == "HEAD",
                is_http_1_0: request.version() == "HTTP/1.0",
                keeps,
                extra: extra.to_vec(),
            },
        }
    }

    /// Whether something of it may have been sent.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.state, State::ExpectHead(_))
    }

    /// Whether nothing more of it will be sent.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. } | State::Local(_))
    }

    /// Takes what the script has written, and appends what of it is to be sent.
    ///
    /// # Errors
    ///
    /// It is no CGI response.
    pub(super) fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), End> {
        match &mut self.state {
            State::ExpectHead(said) => {
                said.extend_from_slice(bytes);
                let Some(end) = cgi::find_end(said) else {
                    return match said.len() {
                        0..=cgi::MAX_HEAD_LEN => Ok(()),
                        _ => Err(failed("its head is too long")),
                    };
                };
                let said = std::mem::take(said);
                let (head, rest) = said.split_at_checked(end).unwrap_or_default();
                self.begin(head, out)?;
                self.take(rest, out)
            }
            State::Body {
                framing,
                bytes: sent,
                status,
            } => {
                let len = pass(framing, bytes, out);
                *sent += len;
                if *framing == Framing::Counted(0) {
                    let (status, bytes) = (*status, *sent);
                    self.state = State::Over {
                        status,
                        bytes,
                        may_keep: true,
                    };
                }
                Ok(())
            }
            State::Over { .. } | State::Local(_) => Ok(()),
        }
    }

    /// Takes note that the script will write no more. `was_killed`: it might have.
    ///
    /// # Errors
    ///
    /// There is no document, or a part of it is missing.
    pub(super) fn finish(&mut self, was_killed: bool, out: &mut Vec<u8>) -> Result<(), End> {
        match self.state {
            State::ExpectHead(_) => Err(failed("it ended before its head did")),
            State::Body {
                framing: Framing::Counted(1..),
                ..
            } => Err(End::Broken),
            State::Body { .. } if was_killed => Err(End::Broken),
            State::Body {
                status,
                framing,
                bytes,
            } => {
                if framing == Framing::Chunked {
                    out.extend_from_slice(b"0\r\n\r\n");
                }
                let may_keep = framing != Framing::ToTheEnd;
                self.state = State::Over {
                    status,
                    bytes,
                    may_keep,
                };
                Ok(())
            }
            State::Over { .. } | State::Local(_) => Ok(()),
        }
    }

    /// What has become of it; `has_body`: whether all of the request was read.
    pub(super) fn end(&mut self, has_body: bool) -> End {
        match &mut self.state {
            State::Over {
                status,
                bytes,
                may_keep,
            } => End::Answered(Answered {
                status: *status,
                bytes: *bytes,
                may_keep: *may_keep && has_body,
            }),
            State::Local(path) => End::Local(std::mem::take(path)),
            State::ExpectHead(_) | State::Body { .. } => End::Broken,
        }
    }

    /// What has become of it if no more of it can be sent.
    pub(super) fn tear(&self) -> End {
        match &self.state {
            State::Body { status, bytes, .. } | State::Over { status, bytes, .. } => {
                End::Torn(Answered {
                    status: *status,
                    bytes: *bytes,
                    may_keep: false,
                })
            }
            State::ExpectHead(_) | State::Local(_) => End::Broken,
        }
    }

    fn begin(&mut self, head: &[u8], out: &mut Vec<u8>) -> Result<(), End> {
        let (mut response, len, has_body) = match cgi::parse(head) {
            None => return Err(failed("what it says first is no CGI head")),
            Some(Answer::Local(path)) => {
                self.state = State::Local(path);
                return Ok(());
            }
            Some(Answer::Document {
                response,
                len,
                has_body,
            }) => (response, len, has_body),
        };
        let is_chunked = len.is_none() && has_body && !self.facts.is_http_1_0;
        let framing = match len {
            _ if self.facts.is_head || !has_body => Framing::Dropped,
            Some(len) => Framing::Counted(len),
            None if is_chunked => Framing::Chunked,
            None => Framing::ToTheEnd,
        };
        if let Some(len) = len.filter(|_| has_body) {
            response = response.field("Content-Length", len);
        } else if is_chunked {
            response = response.field("Transfer-Encoding", "chunked");
        }
        let keeps = self.facts.keeps && framing != Framing::ToTheEnd;
        response.write_head(keeps, &self.facts.extra, out);
        self.state = State::Body {
            status: response.status(),
            framing,
            bytes: 0,
        };
        Ok(())
    }
}

/// Appends bytes in their framing; how many of them.
fn pass(framing: &mut Framing, bytes: &[u8], out: &mut Vec<u8>) -> u64 {
    let bytes = match framing {
        Framing::Dropped => &[],
        Framing::Chunked | Framing::ToTheEnd => bytes,
        Framing::Counted(left) => {
            let room = usize::try_from(*left).unwrap_or(usize::MAX);
            let run = bytes.get(..room).unwrap_or(bytes);
            *left -= u64::try_from(run.len()).unwrap_or(*left);
            run
        }
    };
    if *framing == Framing::Chunked && !bytes.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    } else {
        out.extend_from_slice(bytes);
    }
    u64::try_from(bytes.len()).unwrap_or(0)
}

fn failed(why: &str) -> End {
    log::error(format!("a CGI script is of no use: {why}"));
    End::Failed(Reject::ScriptFailed)
}
