//! HTTPS: the certificates, those who come in without TLS, and what happens below HTTP.

use std::error::Error as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use oauth_gauntlet_provider::{
    MockProvider, MockProviderBuilder, StartError, Tls, TlsError, TransportAct,
};
use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::transport::raw;

const DISCOVERY: &str = "/.well-known/openid-configuration";

async fn start(
    set_up: impl FnOnce(MockProviderBuilder) -> MockProviderBuilder,
) -> (MockProvider, SocketAddr) {
    let builder = MockProvider::builder().tls(Tls::run_local());
    let provider = set_up(builder).start().await.unwrap();
    let address = provider.base_url().trim_start_matches("https://");
    let address = address.parse().unwrap();
    (provider, address)
}

/// A client that trusts these CAs alone.
fn trusting(ca_pem: &str) -> ClientBuilder {
    let ca = Certificate::from_pem(ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([ca])
}

async fn get(client: ClientBuilder, url: &str) -> reqwest::Result<Value> {
    let response = client.build().unwrap().get(url).send().await?;
    response.json().await
}

#[tokio::test]
async fn discovery_over_https_names_https_urls() {
    let (provider, _) = start(|it| it).await;
    let base = provider.base_url();
    let client = trusting(provider.ca_pem().unwrap());
    let document = get(client, &format!("{base}{DISCOVERY}")).await.unwrap();
    assert_eq!(document["issuer"], base);
    assert_eq!(document["token_endpoint"], format!("{base}/token"));
}

#[tokio::test]
async fn the_certificate_of_a_run_is_for_the_usual_names_and_those_given() {
    let names = vec!["idp.test".to_owned(), "*.wild.test".to_owned()];
    let (provider, address) = start(|it| it.tls(Tls::RunLocal { names })).await;
    let trusted = |name: &'static str| {
        let client = trusting(provider.ca_pem().unwrap()).resolve(name, address);
        let url = format!("https://{name}:{}{DISCOVERY}", address.port());
        async move { get(client, &url).await.is_ok() }
    };
    for name in [
        "localhost",
        "host.docker.internal",
        "idp.test",
        "a.wild.test",
    ] {
        assert!(trusted(name).await, "{name}");
    }
    assert!(!trusted("elsewhere.test").await);
}

#[tokio::test]
async fn every_run_has_a_ca_of_its_own() {
    let (one, address) = start(|it| it).await;
    let (other, _) = start(|it| it).await;
    assert_ne!(one.ca_pem(), other.ca_pem());
    let client = trusting(other.ca_pem().unwrap());
    assert_eq!(one.mute_connections(), 0);
    let refused = get(client, &format!("https://{address}{DISCOVERY}")).await;
    assert!(refused.unwrap_err().is_connect());
    // The client has gone; that it has is seen a moment later.
    while one.mute_connections() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_ca_can_be_written_to_a_file() {
    let (provider, _) = start(|it| it).await;
    let path = std::env::temp_dir().join(format!("gauntlet-ca-{}.pem", std::process::id()));
    provider.write_ca_pem(&path).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Some(written.as_str()), provider.ca_pem());

    let plain = MockProvider::builder().start().await.unwrap();
    let error = plain.write_ca_pem(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_served_as_it_is() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls::Own {
        certificate_chain_pem: own.cert.pem(),
        private_key_pem: own.signing_key.serialize_pem(),
    };
    let (provider, address) = start(|it| it.tls(tls)).await;
    assert_eq!(provider.ca_pem(), None);
    let url = format!("https://localhost:{}{DISCOVERY}", address.port());
    let client = trusting(&own.cert.pem()).resolve("localhost", address);
    assert_eq!(
        get(client, &url).await.unwrap()["issuer"],
        provider.base_url()
    );
}

#[tokio::test]
async fn what_is_no_name_or_no_certificate_stops_the_start() {
    let wrong_name = Tls::RunLocal {
        names: vec!["https://idp.test".to_owned()],
    };
    let started = MockProvider::builder().tls(wrong_name).start().await;
    assert!(matches!(started, Err(StartError::Tls(TlsError::Name(_)))));
    let started = MockProvider::builder().trust("no PEM").start().await;
    assert!(matches!(
        started,
        Err(StartError::Tls(TlsError::NoCertificate))
    ));
}

#[tokio::test]
async fn a_client_certificate_is_welcome_and_not_needed() {
    let (provider, address) = start(|it| it).await;
    let own = rcgen::generate_simple_self_signed(["app".to_owned()]).unwrap();
    let pem = own.cert.pem() + &own.signing_key.serialize_pem();
    let identity = Identity::from_pem(pem.as_bytes()).unwrap();
    let client = trusting(provider.ca_pem().unwrap()).identity(identity);
    let url = format!("https://{address}{DISCOVERY}");
    assert!(get(client, &url).await.is_ok());
}

#[tokio::test]
async fn plain_http_to_the_https_port_is_told_so() {
    let (_provider, address) = start(|it| it).await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 32];
        stream.read_exact(&mut head).unwrap();
        // The rest comes until the client ends, too.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        String::from_utf8([head.as_slice(), &rest].concat()).unwrap()
    });
    let answer = answer.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("This port speaks HTTPS."), "{answer}");
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_let_go_and_others_come_in_meanwhile() {
    let (provider, address) = start(|it| it).await;
    let _silent = TcpStream::connect(address).unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(&[0x16, 3, 1]).unwrap();
    let alert = raw(&address.to_string(), b"\x00\x01\x02\x03\x04\x05\x06\x07");
    assert!(alert.is_empty() || alert[0] == 0x15, "{alert:?}");
    let client = trusting(provider.ca_pem().unwrap());
    let url = format!("{}{DISCOVERY}", provider.base_url());
    assert!(get(client, &url).await.is_ok());
}

#[tokio::test]
async fn a_shut_down_does_not_wait_for_handshakes() {
    let (provider, address) = start(|it| it.grace(Duration::from_mins(10))).await;
    let mut silent = TcpStream::connect(address).unwrap();
    let client = trusting(provider.ca_pem().unwrap());
    let url = format!("{}{DISCOVERY}", provider.base_url());
    // Connections are taken in by turns: once this is answered, the silent one is in.
    assert!(get(client, &url).await.is_ok());
    provider.shut_down().await;
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Asks for the keys, whose response has been armed with this act.
async fn armed(act: &str) -> (MockProvider, TlsStream) {
    let (provider, address) = start(|it| it).await;
    let fault = json!({"transport": {"at": "jwks", "do": act}});
    let issuer = provider.issuer();
    issuer.arm(serde_json::from_value(fault).unwrap()).unwrap();

    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(provider.ca_pem().unwrap().as_bytes());
    roots.add(ca.unwrap()).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    stream
        .write_all(b"GET /jwks HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    (provider, stream)
}

/// What could be read, and how it ended.
fn read(mut stream: TlsStream) -> (String, std::io::Result<()>) {
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).map(drop);
    (String::from_utf8(bytes).unwrap(), ended)
}

#[tokio::test]
async fn a_reset_goes_below_tls() {
    let (provider, stream) = armed("reset").await;
    let (text, ended) = read(stream);
    assert_eq!(text, "");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let exchange = &provider.issuer().journal().exchanges()[0];
    assert_eq!(exchange.response.transport, Some(TransportAct::Reset));
}

#[tokio::test]
async fn a_close_ends_tls_in_good_order() {
    let (_provider, stream) = armed("close").await;
    let (text, ended) = read(stream);
    assert_eq!(text, "");
    assert!(ended.is_ok());
}

#[tokio::test]
async fn garbage_is_no_tls_record() {
    let (_provider, stream) = armed("garbage").await;
    let (text, ended) = read(stream);
    assert_eq!(text, "");
    let error = ended.unwrap_err();
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    assert!(
        matches!(cause, Some(rustls::Error::InvalidMessage(_))),
        "{error:?} {:?}",
        error.source()
    );
}

#[tokio::test]
async fn a_truncated_response_ends_without_a_close_notify() {
    let (_provider, stream) = armed("truncate").await;
    let (text, ended) = read(stream);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.split_once("content-length: ").unwrap().1;
    let length: usize = length.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), length / 2);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_trickle_sends_the_head_and_then_takes_its_time() {
    let (_provider, mut stream) = armed("trickle").await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"));
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 1);
    assert_eq!(stream.read(&mut [0; 64]).unwrap(), 1);
}

#[tokio::test]
async fn a_hanging_response_ends_with_the_provider() {
    let (provider, mut stream) = armed("hang").await;
    let short = Some(Duration::from_millis(50));
    stream.sock.set_read_timeout(short).unwrap();
    let waited = stream.read(&mut [0; 64]).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    let long = Some(Duration::from_secs(10));
    stream.sock.set_read_timeout(long).unwrap();
    provider.shut_down().await;
    assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
}
