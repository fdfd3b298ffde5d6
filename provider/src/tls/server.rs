//! The TLS of the listener: its configuration, and the handshake with everybody who connects.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    AlertDescription, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Tls, TlsError, authority};

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// The most that is read of a request that came without TLS, in bytes.
const MAX_PLAIN: u64 = 64 * 1024;

/// Shakes hands with those who connect.
#[derive(Clone)]
pub(crate) struct TlsServer(TlsAcceptor);

/// Why a connection did not come to TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("a client spoke plain HTTP to a port that speaks HTTPS")]
    PlainHttp,
    #[error("a TLS handshake took longer than {} s", HANDSHAKE_TIME.as_secs())]
    TimedOut,
    #[error("a TLS handshake failed")]
    Failed(#[source] io::Error),
}

impl HandshakeError {
    /// Whether the connection ended before anything was asked on it.
    pub(crate) fn leaves_nothing_asked(&self) -> bool {
        !matches!(self, Self::PlainHttp)
    }
}

impl TlsServer {
    /// The listener's side of TLS, and the CA that was made for it, if one was.
    pub(crate) fn new(tls: Tls) -> Result<(Self, Option<String>), TlsError> {
        let (chain, key, ca_pem) = match tls {
            Tls::RunLocal { names } => {
                let made = authority::make(&names)?;
                (made.chain, made.key, Some(made.ca_pem))
            }
            Tls::Own {
                certificate_chain_pem,
                private_key_pem,
            } => {
                let chain = certificates(&certificate_chain_pem).ok_or(TlsError::NoCertificate)?;
                let key = PrivateKeyDer::from_pem_slice(private_key_pem.as_bytes())
                    .map_err(|_| TlsError::NoPrivateKey)?;
                (chain, key, None)
            }
        };
        let unusable = |error: rustls::Error| TlsError::Unusable(error.into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let anybody = AnyCertificate(provider.signature_verification_algorithms);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_client_cert_verifier(Arc::new(anybody))
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((Self(TlsAcceptor::from(Arc::new(config))), ca_pem))
    }

    /// Waits for TLS to stand. Whoever speaks plain HTTP is told so.
    pub(crate) async fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let handshake = async {
            // A TLS record begins with its type, which is no letter (RFC 8446 §5.1).
            let mut first = [0];
            let read = stream
                .peek(&mut first)
                .await
                .map_err(HandshakeError::Failed)?;
            if read > 0 && first[0].is_ascii_alphabetic() {
                refuse_plain_http(stream).await;
                return Err(HandshakeError::PlainHttp);
            }
            self.0.accept(stream).await.map_err(HandshakeError::Failed)
        };
        tokio::time::timeout(HANDSHAKE_TIME, handshake)
            .await
            .unwrap_or(Err(HandshakeError::TimedOut))
    }
}

/// The client's certificate, if it showed one.
pub(crate) fn client_certificate(stream: &TlsStream<TcpStream>) -> Option<Arc<[u8]>> {
    let shown = stream.get_ref().1.peer_certificates()?;
    Some(Arc::from(shown.first()?.as_ref()))
}

/// Says why a client did not come in, where somebody may want to know.
pub(crate) fn tell(error: &HandshakeError, peer: SocketAddr) {
    match error {
        HandshakeError::PlainHttp => tracing::warn!(%peer, "{error}"),
        HandshakeError::Failed(cause) if is_distrust(cause) => {
            tracing::warn!(%peer, "a client does not trust the certificate ({cause}): give it the CA");
        }
        HandshakeError::Failed(cause) => tracing::debug!(%peer, %cause, "{error}"),
        HandshakeError::TimedOut => tracing::debug!(%peer, "{error}"),
    }
}

/// Whether the client broke off because of the certificate (RFC 8446 §6.2).
fn is_distrust(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(
        cause,
        Some(rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
        ))
    )
}

/// The certificates of a PEM text; `None` if there is none, or one is malformed.
pub(super) fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    certificates.ok().filter(|found| !found.is_empty())
}

async fn refuse_plain_http(mut stream: TcpStream) {
    const TEXT: &str = "This port speaks HTTPS. Use a URL that begins with https://.\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{TEXT}",
        TEXT.len()
    );
    // Whoever is gone already needs no answer. What came is read, since bytes that nobody reads
    // make the system reset the connection, and the answer could get lost.
    if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(MAX_PLAIN), &mut tokio::io::sink()).await;
    }
}

/// Takes any client certificate whose key is proved. Who issued it is not asked here.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    /// The certificate of one key, proved with another.
    fn identity(shown: &CertificateDer<'static>, key: &KeyPair) -> CertifiedKey {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        CertifiedKey::new(vec![shown.clone()], key)
    }

    /// What the server sees of a client that trusts it.
    async fn meet(identity: Option<CertifiedKey>) -> Result<Option<Arc<[u8]>>, HandshakeError> {
        let (server, ca_pem) = TlsServer::new(Tls::run_local()).unwrap();
        let mut roots = RootCertStore::empty();
        for ca in certificates(&ca_pem.unwrap()).unwrap() {
            roots.add(ca).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some(it) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(it))),
            None => config.with_no_client_auth(),
        };
        let connector = TlsConnector::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let client = connector.connect("localhost".try_into().unwrap(), stream);
        let (accepted, _) = listener.accept().await.unwrap();
        let (client, server) = tokio::join!(client, server.shake_hands(accepted));
        client.unwrap();
        Ok(client_certificate(&server?))
    }

    #[tokio::test]
    async fn a_client_may_show_any_certificate_whose_key_it_has_or_none() {
        assert_eq!(meet(None).await.unwrap(), None);
        let own = rcgen::generate_simple_self_signed(["app".to_owned()]).unwrap();
        let shown = own.cert.der();
        let seen = meet(Some(identity(shown, &own.signing_key))).await;
        assert_eq!(seen.unwrap().as_deref(), Some(&**shown));
        let stolen = identity(shown, &KeyPair::generate().unwrap());
        assert!(matches!(
            meet(Some(stolen)).await,
            Err(HandshakeError::Failed(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_stalls_is_given_up() {
        let (server, _) = TlsServer::new(Tls::run_local()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for sent in [&b""[..], b"\x16\x03\x01", b"GET / "] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(sent).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            let shaken = server.shake_hands(accepted).await;
            assert!(matches!(shaken, Err(HandshakeError::TimedOut)), "{sent:?}");
        }
    }

    #[test]
    fn a_chain_and_a_key_have_to_be_there_and_fit() {
        let one = rcgen::generate_simple_self_signed(["one".to_owned()]).unwrap();
        let other = KeyPair::generate().unwrap();
        let tls = |chain: &str, key: &str| {
            let own = Tls::Own {
                certificate_chain_pem: chain.to_owned(),
                private_key_pem: key.to_owned(),
            };
            TlsServer::new(own).map(|(_, ca)| ca)
        };
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        assert!(matches!(tls(&chain, &key), Ok(None)));
        assert!(matches!(tls("", &key), Err(TlsError::NoCertificate)));
        assert!(matches!(tls(&chain, ""), Err(TlsError::NoPrivateKey)));
        assert!(matches!(tls(&chain, &chain), Err(TlsError::NoPrivateKey)));
        let mismatch = tls(&chain, &other.serialize_pem());
        assert!(matches!(mismatch, Err(TlsError::Unusable(_))));
    }
}
