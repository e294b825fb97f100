//! A client and a server that talk to each other in memory.

use proptest::prelude::*;

use super::*;
use crate::queue::Queue;

/// What one end says.
#[derive(Clone, Debug)]
enum Say {
    /// A message, in runs of these lengths.
    Message(Kind, Vec<u8>, Vec<usize>),
    Ping(Vec<u8>),
}

fn say() -> impl Strategy<Value = Say> {
    let text = prop_oneof![
        4 => "[a-zé€😀]{0,40}",
        1 => "[a-z]{60,300}",
    ];
    let lens = || prop::collection::vec(0_usize..60, 0..5);
    let bytes = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 2000..9000),
        1 => (65530_usize..65540).prop_map(|len| vec![0xa5; len]),
    ];
    prop_oneof![
        3 => (text, lens()).prop_map(|(text, lens)| Say::Message(Kind::Text, text.into_bytes(), lens)),
        3 => (bytes, lens()).prop_map(|(bytes, lens)| Say::Message(Kind::Binary, bytes, lens)),
        1 => prop::collection::vec(any::<u8>(), 0..126).prop_map(Say::Ping),
    ]
}

/// Everything that `connection` says, a ping of its own between the fragments where one is due.
fn all_said(connection: &mut Connection, said: &[Say], key: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for say in said {
        match say {
            Say::Ping(payload) => connection.ping(payload),
            Say::Message(kind, payload, lens) => {
                for run in runs(*kind, payload, lens) {
                    let mut scratch = Vec::new();
                    let mut batch = Batch::new(&mut scratch);
                    connection.send(run, key, &mut batch);
                    bytes.extend(written(&batch));
                    bytes.extend(controls(connection));
                }
            }
        }
    }
    bytes.extend(controls(connection));
    bytes
}

fn runs<'a>(kind: Kind, payload: &'a [u8], lens: &[usize]) -> Vec<Run<'a>> {
    let mut rest = payload;
    let mut runs = Vec::new();
    for len in lens {
        let (bytes, after) = rest.split_at((*len).min(rest.len()));
        let is_first = runs.is_empty();
        runs.push(Run {
            kind,
            is_first,
            bytes,
            remaining: None,
        });
        rest = after;
    }
    let is_first = runs.is_empty();
    runs.push(Run {
        kind,
        is_first,
        bytes: rest,
        remaining: Some(0),
    });
    runs
}

fn messages(said: &[Say]) -> Vec<Heard> {
    let message = |say: &Say| match say {
        Say::Message(kind, payload, _) => Some(Heard::Message(*kind, payload.clone())),
        Say::Ping(_) => None,
    };
    said.iter().filter_map(message).collect()
}

/// The last ping that was said: the one whose pong may be expected.
fn last_ping(said: &[Say]) -> Option<Heard> {
    let ping = |say: &Say| match say {
        Say::Ping(payload) => Some(Heard::Pong(payload.clone())),
        Say::Message(..) => None,
    };
    said.iter().rev().find_map(ping)
}

fn is_message(heard: &Heard) -> bool {
    matches!(heard, Heard::Message(..))
}

/// One end speaks, the other hears it in pieces, answers and closes; then both are closed.
fn converse(speaker: Role, said: &[Say], lens: &[usize], key: [u8; 4]) {
    let hearer = match speaker {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let (mut speaker, mut hearer) = (open(speaker), open(hearer));

    let bytes = all_said(&mut speaker, said, key);
    let outcome = receive_all(&mut hearer, &bytes, lens);
    assert_eq!(outcome.fault, None);
    assert_eq!(outcome.under_way, None);
    let heard = outcome.heard.iter().filter(|it| is_message(it));
    assert!(heard.eq(&messages(said)), "all arrives, in order");

    let pongs = receive_all(&mut speaker, &controls(&mut hearer), lens);
    assert_eq!(pongs.heard, Vec::from_iter(last_ping(said)));

    let code = Some(CloseCode::NORMAL);
    let close = speaker.close(code, "done", key).unwrap();
    let outcome = receive_all(&mut hearer, &close, lens);
    assert_eq!(outcome.heard, [Heard::Close(code, "done".to_owned())]);
    let answer = hearer.close(code, "", key).unwrap();
    let outcome = receive_all(&mut speaker, &answer, lens);
    assert_eq!(outcome.heard, [Heard::Close(code, String::new())]);
    assert!(speaker.is_closed() && hearer.is_closed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn all_that_is_said_arrives_and_closing_closes_both(
        role in prop::sample::select(&ROLES[..]),
        said in prop::collection::vec(say(), 0..8),
        lens in prop::collection::vec(prop_oneof![1_usize..9, 1_usize..70000], 1..10),
        key: [u8; 4],
    ) {
        converse(role, &said, &lens, key);
    }
}

#[test]
fn both_may_close_at_once() {
    let (mut client, mut server) = (open(Role::Client), open(Role::Server));
    let from_client = client.close(Some(CloseCode::NORMAL), "", KEY).unwrap();
    let from_server = server.close(Some(CloseCode::GOING_AWAY), "", KEY).unwrap();
    receive_all(&mut server, &from_client, &[1]);
    receive_all(&mut client, &from_server, &[1]);
    assert!(client.is_closed() && server.is_closed());
    assert_eq!(server.peer_close().unwrap().code, Some(CloseCode::NORMAL));
    assert_eq!(
        client.peer_close().unwrap().code,
        Some(CloseCode::GOING_AWAY)
    );
}

#[test]
fn a_pong_overtakes_messages_that_wait_but_never_cuts_a_frame() {
    let (mut client, mut server) = (open(Role::Client), open(Role::Server));
    let payload = [7; 5000];
    let whole = Run::whole(Kind::Binary, &payload);
    let mut scratch = Vec::new();
    let mut batch = Batch::new(&mut scratch);
    for _ in 0..3 {
        server.send(whole, KEY, &mut batch);
    }
    let mut bytes = written(&batch);
    bytes.truncate(100);
    let mut queue = Queue::new();
    queue.push(&batch, bytes.len());

    let input = frame(Role::Server, 0x89, b"there?");
    receive_all(&mut server, &input, &[usize::MAX]);
    queue.overtake(&server.poll_control(KEY).unwrap());
    for slice in queue.slices() {
        bytes.extend_from_slice(&slice);
    }

    let outcome = receive_all(&mut client, &bytes, &[usize::MAX]);
    let (message, pong) = (binary(&payload), Heard::Pong(b"there?".to_vec()));
    let expected = [message.clone(), pong, message.clone(), message];
    assert_eq!(outcome.heard, expected);
}
