//! The built program against independent implementations of RFC 6455 as clients and against real
//! super-servers. What it takes of others is fetched by tests/tools.
#![cfg(feature = "daemon")]

#[cfg(test)]
#[allow(dead_code, reason = "every test file uses its own part")]
mod support;

#[cfg(test)]
mod interop {
    mod client;
    mod exchange;
    mod peer;
    mod superserver;
    mod tools;

    mod clients;
    mod inetd;
    mod installed;
    #[cfg(feature = "client")]
    mod servers;
    mod systemd;
    mod tcpserver;
    mod unixserver;
    mod websocketd;
}
