//! Bodies of fuzz targets: what must hold for any bytes. Part of the crate so that ordinary tests run
//! them on what fuzzing has found.
//!
//! Floor 1.

use super::client::{ClientRequest, Response};
use super::head::{HeadError, HeadScanner};
use super::offer::{parse_extensions, parse_protocols};
use super::request::Request;
use super::server::{Hosts, Origins, Place, Policy, admit, judge};
use super::token::is_token;

/// A head of any bytes has one outcome, however it arrives; what is read of it lies within it; what is
/// answered is a head itself.
pub fn fuzz_head(bytes: &[u8]) {
    let whole = HeadScanner::new().scan(bytes);
    let mut scanner = HeadScanner::new();
    let bytewise = (0..=bytes.len())
        .filter_map(|len| bytes.get(..len))
        .map(|received| scanner.scan(received))
        .find(|outcome| *outcome != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(whole, bytewise);
    fuzz_request(bytes, whole);
    fuzz_response(bytes);
}

fn fuzz_request(bytes: &[u8], scanned: Result<Option<usize>, HeadError>) {
    let request = match Request::parse(bytes) {
        Ok(request) => request,
        Err(reject) => {
            let mut out = Vec::new();
            reject.write_response(&[], &mut out);
            assert!(Response::parse(&out).is_ok_and(|back| back.status() == reject.status()));
            return;
        }
    };
    assert!(matches!(scanned, Ok(Some(_))));
    assert!(request.path().starts_with('/'));
    for (name, value) in request.headers() {
        assert!(is_token(name.as_bytes()));
        assert!(!value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')));
    }
    for policy in policies() {
        for place in places() {
            fuzz_judge(&request, &policy, &place);
        }
    }
}

fn fuzz_judge(request: &Request<'_>, policy: &Policy, place: &Place) {
    let Ok(upgrade) = judge(request, policy, place) else {
        return;
    };
    assert!(request.wants_upgrade() && request.version() == "HTTP/1.1");
    assert_eq!(admit(request, policy, place), Ok(()));
    let mut out = Vec::new();
    upgrade.write_response(&[], &mut out);
    assert!(Response::parse(&out).is_ok_and(|back| back.status() == 101));
}

fn fuzz_response(bytes: &[u8]) {
    let Ok(response) = Response::parse(bytes) else {
        return;
    };
    let Ok(request) = ClientRequest::new("localhost", "/", *b"the sample nonce") else {
        return;
    };
    if request.judge(&response).is_ok() {
        assert_eq!(response.status(), 101);
        assert!(response.header("Sec-WebSocket-Accept").is_some());
    }
}

/// The value of a Sec-WebSocket-Protocol or Sec-WebSocket-Extensions line of any bytes is malformed or
/// made of tokens.
pub fn fuzz_offer(bytes: &[u8]) {
    if let Ok(protocols) = parse_protocols(std::iter::once(bytes)) {
        assert!(!protocols.is_empty());
        assert!(protocols.iter().all(|name| is_token(name.as_bytes())));
    }
    let extensions = parse_extensions(std::iter::once(bytes)).unwrap_or_default();
    for extension in extensions {
        assert!(is_token(extension.name.as_bytes()));
        for param in extension.params {
            assert!(is_token(param.name.as_bytes()));
            assert!(param.value.is_none_or(|value| is_token(value.as_bytes())));
        }
    }
}

fn policies() -> [Policy; 3] {
    let listed = || vec!["localhost".to_owned(), "null".to_owned()];
    [
        Policy::default(),
        Policy {
            origins: Origins::Any,
            requires_origin: true,
            hosts: Hosts::Any,
            protocols: vec!["chat".to_owned()],
        },
        Policy {
            origins: Origins::Listed(listed()),
            requires_origin: false,
            hosts: Hosts::Listed(listed()),
            protocols: Vec::new(),
        },
    ]
}

fn places() -> [Place; 2] {
    [false, true].map(|is| Place {
        is_secure: is,
        is_loopback: is,
    })
}
