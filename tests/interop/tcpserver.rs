//! `websockd` behind a real tcpserver, started by tcpserver.run.

use super::client::{Client, six_at_a_time};
use super::server::Server;

#[test]
fn tcpserver_serves_many_messages() {
    let Some(server) = Server::tcpserver(&["--record", "typed", "--", "cat"]) else {
        return;
    };
    let told = Client::Tungstenite.echo(&server.url(), 20_261_124);
    assert!(told.ends_with("close 1000\n"), "{told}");
}

#[test]
fn tcpserver_serves_several_clients_at_a_time() {
    let Some(mut server) = Server::tcpserver(&["--", "cat"]) else {
        return;
    };
    six_at_a_time(&server.url());
    // Descriptor 2 is tcpserver's own: the log goes there.
    for _ in 0..6 {
        server.wait_for(" close ");
    }
}

#[test]
fn the_service_behind_tcpserver_knows_whom_it_serves() {
    let script = super::tools::data("who.sh");
    let Some(mut server) = Server::tcpserver(&["--", "sh", script.to_str().unwrap()]) else {
        return;
    };
    let told = Client::Tungstenite.talk(&server.url(), &[]);
    let line = server.wait_for(" open ");
    super::inetd::check_who(&told, server.address());
    let (_, peer) = line.split_once(" peer=").unwrap();
    let (peer, _) = peer.split_once(' ').unwrap();
    assert!(
        told.contains(&format!("text {peer} {peer}\n")),
        "{told}{line}"
    );
}
