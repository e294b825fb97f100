//! `websockd`: any Unix program as a WebSocket service.

fn main() {}
