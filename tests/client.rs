//! websock with servers: our own, and one in the test's hands. What joins it to them, what it does at
//! either end's end, and how it says so.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

#[path = "client/ending.rs"]
mod ending;
#[path = "client/errors.rs"]
mod errors;
#[path = "client/memory.rs"]
mod memory;
#[path = "client/records.rs"]
mod records;
#[path = "client/terminal.rs"]
mod terminal;
#[cfg(feature = "tls")]
#[path = "client/tls.rs"]
mod tls;
#[path = "client/webfs.rs"]
mod webfs;

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
#[path = "interop/tools.rs"]
mod tools;

use support::server::Server;

/// Where a server of ours is.
fn url(server: &Server) -> String {
    format!("ws://127.0.0.1:{}/", server.port())
}
