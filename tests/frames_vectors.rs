//! Every line of `vectors/frames.txt`, in whole, byte by byte, and in pieces of 2, 3, 5 and 7 bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use websockd::connection::{Connection, Event, Fault, Limit, Limits};
use websockd::frame::{Kind, Role, Run};

const VECTORS: &str = include_str!("vectors/frames.txt");

/// What was heard, in the words of the vectors, with payload as bytes.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    events: Vec<(String, Vec<u8>)>,
    under_way: Option<(String, Vec<u8>)>,
    fault: Option<String>,
}

impl Outcome {
    fn parse(line: &str) -> Self {
        let mut outcome = Self::default();
        for event in line.split(" ; ").filter(|event| !event.is_empty()) {
            let mut words = words(event);
            let mut name = words.remove(0).to_owned();
            if name.starts_with(|c: char| c.is_ascii_uppercase()) {
                assert_eq!(outcome.fault, None, "a violation is the last event");
                outcome.fault = Some(name);
                continue;
            }
            if name == "close" && !words.is_empty() {
                name = format!("close {}", words.remove(0));
            }
            if words.last() == Some(&"...") {
                words.pop();
                outcome.under_way = Some((name, bytes(&words)));
            } else {
                outcome.events.push((name, bytes(&words)));
            }
        }
        outcome
    }

    fn add(&mut self, connection: &Connection, event: Event<'_>) {
        let control = connection.control_payload().to_vec();
        self.events.push(match event {
            Event::Data(run) => return self.add_run(&run),
            Event::Ping => ("ping".to_owned(), control),
            Event::Pong => ("pong".to_owned(), control),
            Event::Close => {
                let close = connection.peer_close().expect("the peer has closed");
                let code = close.code.map(|code| format!("close {code}"));
                let name = code.unwrap_or_else(|| "close".to_owned());
                (name, close.reason.as_bytes().to_vec())
            }
        });
    }

    fn add_run(&mut self, run: &Run<'_>) {
        assert_eq!(run.is_first, self.under_way.is_none());
        let name = match run.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let new = || (name.to_owned(), Vec::new());
        let (begun, payload) = self.under_way.get_or_insert_with(new);
        assert_eq!(begun, name);
        payload.extend_from_slice(run.bytes);
        if run.is_last() {
            self.events.extend(self.under_way.take());
        }
    }
}

/// `line` at its spaces, but not at those between quotes.
fn words(line: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let words = line.split(|c| {
        is_quoted ^= c == '"';
        c == ' ' && !is_quoted
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// Hexadecimal or text between quotes, each possibly `*N`.
fn bytes(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        let quoted = word.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        if let Some(text) = quoted {
            bytes.extend(text.as_bytes());
            continue;
        }
        let (hex, times) = word.split_once('*').unwrap_or((word, "1"));
        let digits = hex.as_bytes().chunks_exact(2);
        assert!(digits.remainder().is_empty(), "half a byte in {word}");
        let unit = digits.map(|two| {
            let two = std::str::from_utf8(two).expect("hexadecimal is ASCII");
            u8::from_str_radix(two, 16).unwrap_or_else(|_| panic!("{word} is no hexadecimal"))
        });
        let times = times.parse().expect("a number of times");
        bytes.extend(unit.collect::<Vec<_>>().repeat(times));
    }
    bytes
}

fn heard(role: Role, input: &[u8], len: usize) -> Outcome {
    let mut connection = Connection::new(role, Limits::default());
    let mut outcome = Outcome::default();
    let mut input = input.to_vec();
    for piece in input.chunks_mut(len) {
        let mut rest = piece;
        loop {
            match connection.receive(rest) {
                Ok((None, _)) => break,
                Ok((Some(event), after)) => {
                    outcome.add(&connection, event);
                    rest = after;
                }
                Err(fault) => {
                    outcome.under_way = None;
                    outcome.fault = Some(match fault {
                        Fault::Violation(violation) => format!("{violation:?}"),
                        Fault::Limit(Limit::MessageTooBig) => "MessageTooBig".to_owned(),
                        _ => panic!("a fault of a new kind"),
                    });
                    return outcome;
                }
            }
        }
    }
    outcome
}

#[test]
fn each_line_is_heard_as_it_says_for_any_split() {
    let mut count = 0;
    for (number, line) in (1..).zip(VECTORS.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let (input, expected) = line.split_once(" =").expect("bytes = events");
        let expected = Outcome::parse(expected.trim_start());
        let mut input = words(input);
        let role = match input.remove(0) {
            "client" => Role::Client,
            "server" => Role::Server,
            other => panic!("line {number}: {other} is no role"),
        };
        let input = bytes(&input);
        for len in [input.len(), 1, 2, 3, 5, 7] {
            let heard = heard(role, &input, len);
            assert!(
                heard == expected,
                "line {number} in pieces of {len}: {line}\nheard {heard:?}"
            );
        }
    }
    assert!(count > 500, "only {count} lines");
}
