//! Connections as such: how many, how long, and how they end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use oauth_gauntlet_provider::{MockProvider, MockProviderBuilder};

const DISCOVERY: &[u8] = b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: x\r\n\r\n";

/// A request whose body is awaited, and on its way.
fn in_flight(address: SocketAddr) -> TcpStream {
    let head =
        b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n";
    let mut stream = connect(address, head);
    let mut go_on = *b"HTTP/1.1 100 Continue\r\n\r\n";
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream.write_all(b"12345").unwrap();
    stream
}

async fn start(
    set_up: impl FnOnce(MockProviderBuilder) -> MockProviderBuilder,
) -> (MockProvider, SocketAddr) {
    let provider = set_up(MockProvider::builder()).start().await.unwrap();
    let address = provider.base_url().trim_start_matches("http://");
    let address = address.parse().unwrap();
    (provider, address)
}

fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// The head and the body of one response.
fn response(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.split_once("content-length: ").unwrap().1;
    let length: usize = length.split_whitespace().next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    head
}

fn ended(stream: &mut TcpStream) -> bool {
    // Closed or reset: either way nothing came.
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let (_provider, address) = start(|it| it.idle_time(Duration::from_millis(50))).await;
    let mut silent = connect(address, b"");
    let mut slow = connect(address, &DISCOVERY[..20]);
    let mut kept_alive = connect(address, DISCOVERY);
    assert!(response(&mut kept_alive).starts_with("HTTP/1.1 200"));
    assert!(ended(&mut silent));
    assert!(ended(&mut slow));
    assert!(ended(&mut kept_alive));
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_a_place() {
    let (_provider, address) = start(|it| it.max_connections(1)).await;
    let mut first = connect(address, DISCOVERY);
    assert!(response(&mut first).starts_with("HTTP/1.1 200"));
    let mut second = connect(address, DISCOVERY);
    second
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waited = second.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    second
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    drop(first);
    assert!(response(&mut second).starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shut_down_finishes_what_is_in_flight_and_closes_what_is_idle() {
    let (provider, address) = start(|it| it.grace(Duration::from_mins(1))).await;
    let mut idle = connect(address, DISCOVERY);
    assert!(response(&mut idle).starts_with("HTTP/1.1 200"));
    let mut silent = connect(address, b"");
    let mut in_flight = in_flight(address);
    let end = tokio::spawn(provider.shut_down());
    assert!(ended(&mut idle));
    assert!(ended(&mut silent));
    assert!(!end.is_finished());
    in_flight.write_all(b"67890").unwrap();
    assert!(response(&mut in_flight).starts_with("HTTP/1.1 4"));
    assert!(ended(&mut in_flight));
    end.await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_shut_down_waits_no_longer_than_its_grace() {
    let (provider, address) = start(|it| it.grace(Duration::from_millis(20))).await;
    let mut in_flight = in_flight(address);
    provider.shut_down().await;
    assert!(ended(&mut in_flight));
}
