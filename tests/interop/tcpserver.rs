//! `websockd` behind a real tcpserver, started by tcpserver.run. Descriptor 2 is tcpserver's own there:
//! the log goes to it.

use super::client::{Client, six_at_a_time};
use super::inetd::expect_who;
use super::superserver::SuperServer;
use super::tools;
use crate::support::http::Request;
use crate::support::peer::Peer;

#[test]
fn tcpserver_serves_many_messages() {
    let Some(tcpserver) = SuperServer::tcpserver(&["--record", "typed", "--", "cat"]) else {
        return;
    };
    let url = format!("ws://{}/", tcpserver.address());
    let told = Client::Tungstenite.echo(&url, 20_261_124);
    assert!(told.ends_with("close 1000\n"), "{told}");
    assert_eq!(tcpserver.log().event("close").get("code"), "1000");
}

#[test]
fn tcpserver_serves_several_clients_at_a_time() {
    let Some(tcpserver) = SuperServer::tcpserver(&["--", "cat"]) else {
        return;
    };
    six_at_a_time(tcpserver.address());
    tcpserver.log().events("close", 6);
    // It counts its children whenever one comes or goes.
    tcpserver.wait_for_lines(2, "tcpserver: status: 0/");
}

#[test]
fn the_service_behind_tcpserver_knows_whom_it_serves() {
    let script = tools::data("who.sh");
    let service = ["--", "sh", script.to_str().unwrap()];
    let Some(tcpserver) = SuperServer::tcpserver(&service) else {
        return;
    };
    let address = tcpserver.address();
    let mut peer = Peer::connect(address.into());
    peer.upgrade(&Request::upgrade("/", address.port()));
    expect_who(&mut peer, address);
    let logged = tcpserver.log().event("open");
    assert_eq!(logged.get("peer"), peer.address().to_string());
}
