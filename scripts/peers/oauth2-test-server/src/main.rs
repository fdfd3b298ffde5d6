//! Starts oauth2-test-server as its own program does, but for the port, which is fixed there.
//! usage: peer-oauth2-test-server PORT

use oauth2_test_server::{IssuerConfig, OAuthTestServer};

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let config = IssuerConfig {
        host: "127.0.0.1".to_owned(),
        port: port.expect("the first argument is a port"),
        ..IssuerConfig::default()
    };
    let server = OAuthTestServer::start_with_config(config).await;
    server.wait_for_shutdown().await.expect("the server goes on");
}
