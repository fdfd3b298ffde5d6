//! What can happen to a response below HTTP, seen from a bare socket.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use oauth_gauntlet_provider::{Endpoint, TransportAct};
use serde_json::json;

use crate::support::{World, world};

const REQUEST: &str = "GET /jwks HTTP/1.1\r\nhost: x\r\n\r\n";

/// Sends bytes and reads until the end.
pub(crate) fn raw(address: &str, request: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(request.as_ref()).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    response
}

async fn armed(act: &str) -> World {
    let world = world().await;
    let fault = json!({"transport": {"at": "jwks", "do": act}});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    world
}

fn connect(world: &World) -> TcpStream {
    let address = world.provider.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.write_all(REQUEST.as_bytes()).unwrap();
    stream
}

fn read_all(world: &World) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    connect(world).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn recorded(world: &World) -> Option<TransportAct> {
    world.issuer.journal().exchanges()[0].response.transport
}

#[tokio::test]
async fn a_reset_arrives_as_one() {
    let world = armed("reset").await;
    assert_eq!(
        read_all(&world).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(recorded(&world), Some(TransportAct::Reset));
}

#[tokio::test]
async fn a_close_sends_nothing() {
    let world = armed("close").await;
    assert_eq!(read_all(&world).unwrap(), "");
}

#[tokio::test]
async fn garbage_is_no_http() {
    let world = armed("garbage").await;
    let garbage = read_all(&world).unwrap();
    assert!(!garbage.starts_with("HTTP"));
    assert!(garbage.contains("not HTTP"));
}

#[tokio::test]
async fn a_truncated_response_has_its_head_and_half_of_its_body() {
    let world = armed("truncate").await;
    let text = read_all(&world).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.split_once("content-length: ").unwrap().1;
    let length: usize = length.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), length / 2);
    assert!(head.contains("connection: close"));
}

#[tokio::test]
async fn a_truncated_response_without_a_body_loses_half_of_its_head() {
    let world = world().await;
    let fault = json!({"transport": {"at": "end-session", "do": "truncate"}});
    world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    let address = world.provider.base_url().trim_start_matches("http://");
    let request = "GET /end_session?client_id=app&post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fbye%3Fx%3D1 HTTP/1.1\r\nhost: x\r\n\r\n";
    let text = String::from_utf8(raw(address, request)).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 302") && !text.contains("\r\n\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_trickle_sends_the_head_and_then_takes_its_time() {
    let world = armed("trickle").await;
    let mut stream = connect(&world);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"));
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waited = stream.read(&mut [0; 64]).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 1);
}

#[tokio::test]
async fn a_late_response_is_whole_and_leaves_the_connection_open() {
    let world = world().await;
    let fault =
        json!({"transport": {"at": "jwks", "do": {"delay": "300ms"}}, "when": {"times": 1}});
    let armed = world.issuer.arm(serde_json::from_value(fault).unwrap());
    let armed = armed.unwrap();
    assert_eq!(armed.summary(), "transport: delay of 300ms at jwks");
    let mut stream = connect(&world);
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waited = stream.read(&mut [0; 64]).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("connection: close"));
    assert_eq!(armed.fired(), 1);
}

#[tokio::test]
async fn a_response_in_chunks_does_not_say_how_long_it_is() {
    let world = armed("chunked").await;
    let address = world.provider.base_url().trim_start_matches("http://");
    let request = "GET /jwks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let text = String::from_utf8(raw(address, request)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert!(
        body.contains("\"keys\"") && body.ends_with("0\r\n\r\n"),
        "{body}"
    );
    assert_eq!(recorded(&world), Some(TransportAct::Chunked));
}

#[tokio::test]
async fn a_late_response_does_not_hold_up_the_end_of_the_provider() {
    let world = world().await;
    let fault = json!({"transport": {"at": "jwks", "do": {"delay": "10m"}}});
    let armed = world.issuer.arm(serde_json::from_value(fault).unwrap());
    armed.unwrap();
    let mut stream = connect(&world);
    let journal = world.issuer.journal();
    let served = journal.wait_for(|it| it.endpoint == Endpoint::Jwks, Duration::from_secs(10));
    assert!(served.await.is_some());
    world.provider.shut_down().await;
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn a_hanging_response_ends_with_the_provider() {
    let world = armed("hang").await;
    let mut stream = connect(&world);
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let waited = stream.read(&mut [0; 64]).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    assert_eq!(recorded(&world), Some(TransportAct::Hang));
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    world.provider.shut_down().await;
    // Closed or reset: either way nothing came.
    assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
}

#[tokio::test]
async fn other_endpoints_and_later_requests_are_left_alone() {
    let world = world().await;
    let fault = json!({"transport": {"at": "jwks", "do": "close"}, "when": {"times": 1}});
    let armed = world
        .issuer
        .arm(serde_json::from_value(fault).unwrap())
        .unwrap();
    assert_eq!(
        world.json("/.well-known/openid-configuration").await["issuer"],
        world.issuer.url()
    );
    assert!(world.http.get(world.url("/jwks")).send().await.is_err());
    assert!(world.json("/jwks").await["keys"].is_array());
    assert_eq!(armed.fired(), 1);
}
