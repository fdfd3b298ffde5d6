//! The TLS of the calls that the provider makes.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{TlsError, server};

/// Checks those who are called against the CAs that it trusts.
#[derive(Clone)]
pub(crate) struct TlsClient(TlsConnector);

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsClient(..)")
    }
}

impl TlsClient {
    /// Trusts the CA certificates in these PEM texts; `None` without any.
    pub(crate) fn trusting<'a>(
        pems: impl IntoIterator<Item = &'a String>,
    ) -> Result<Option<Self>, TlsError> {
        let malformed = |error: rustls::Error| TlsError::Trust(error.into());
        let mut roots = RootCertStore::empty();
        for pem in pems {
            let certificates = server::certificates(pem).ok_or(TlsError::NoCertificate)?;
            for certificate in certificates {
                roots.add(certificate).map_err(malformed)?;
            }
        }
        if roots.is_empty() {
            return Ok(None);
        }
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(malformed)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Self(TlsConnector::from(Arc::new(config)))))
    }

    /// Waits for TLS with `host`, a name or an IP address.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let host = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(host, stream).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use crate::outbound::{Outbound, OutboundError};
    use crate::tls::{Tls, TlsServer};

    #[tokio::test]
    async fn a_peer_is_called_if_its_certificate_is_from_a_trusted_ca() {
        let (server, ca_pem) = TlsServer::new(Tls::run_local()).unwrap();
        let (_, other_ca) = TlsServer::new(Tls::run_local()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/back", listener.local_addr().unwrap());
        let peer = async {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = server.shake_hands(stream).await else {
                return;
            };
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let trusting = Outbound::trusting(&ca_pem).unwrap();
        let (response, ()) = tokio::join!(trusting.post_form(&url, &[("a", "b")]), peer);
        assert_eq!(response.unwrap().body, b"ok");

        for outbound in [Outbound::trusting(&other_ca).unwrap(), Outbound::default()] {
            let refused = async {
                let (stream, _) = listener.accept().await.unwrap();
                assert!(server.shake_hands(stream).await.is_err());
            };
            let (response, ()) = tokio::join!(outbound.post_form(&url, &[]), refused);
            assert!(matches!(response, Err(OutboundError::Tls { .. })));
        }
    }
}
