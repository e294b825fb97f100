//! The blocking API from outside: over TCP, Unix sockets and a pipe in memory, against itself and
//! against an independent implementation. Needs no feature.
#![cfg(unix)]

#[cfg(test)]
mod library {
    mod closing;
    mod deadlines;
    mod frames;
    mod handshake;
    mod messages;
    mod peer;
    mod pipe;
    mod server;
    mod streams;
    #[cfg(feature = "tls")]
    mod tls;
    mod tungstenite;
}
