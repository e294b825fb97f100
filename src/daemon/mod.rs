//! The program `websockd`: a listener, a session for each client, a service for each session.
//!
//! Floor 3.

mod config;

pub use config::{Config, InvalidUtf8, Program, ServiceStderr, Source};
