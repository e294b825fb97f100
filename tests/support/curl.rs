//! curl, as the client that everybody has: requests that a person could type.

use std::ffi::OsStr;
use std::process::Command;

use super::http::Response;
use super::server::Server;

/// The answer to a request by curl. `target` is sent as it is.
pub(crate) fn get(server: &Server, target: &str, options: &[&str]) -> (Response, Vec<u8>) {
    let url = format!("http://localhost:{}{target}", server.port());
    fetch(&url, options)
}

/// The same of a whole address.
pub(crate) fn fetch(url: &str, options: &[&str]) -> (Response, Vec<u8>) {
    let fixed = ["-sS", "-i", "-4", "--path-as-is", "--max-time", "60", "-q"];
    let output = run(fixed.iter().chain(options).chain([&url]));
    // A client that asks first is told to go on first.
    let output = match output.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n") {
        Some(answer) => answer,
        None => &output,
    };
    let end = output
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = std::str::from_utf8(&output[..end]).expect("a head");
    (Response::parse(head), output[end + 4..].to_vec())
}

/// What curl prints.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    let output = Command::new("curl").args(arguments).output();
    let output = output.expect("curl is installed: tests/tools does it");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    output.stdout
}
