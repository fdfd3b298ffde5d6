//! HTTPS: the provider's certificate, the clients' certificates, and how programs come to trust
//! a CA.

mod authority;
mod certificate;
mod client;
mod java;
mod server;
mod trust;

use std::fmt;
use std::net::IpAddr;

pub(crate) use certificate::{ClientCertificate, thumbprint};
pub(crate) use client::TlsClient;
pub use java::{java_options, java_trust_store};
pub(crate) use server::{TlsServer, client_certificate, tell};
pub use trust::{TrustVariable, trust_script, trust_variables};

/// Where the certificate of an HTTPS provider comes from.
///
/// Whoever connects is asked for a certificate and may go without one. Any certificate is taken as
/// long as its key is proved (RFC 8705 §2); what it is worth, the token endpoint decides.
#[derive(Clone, PartialEq, Eq)]
pub enum Tls {
    /// A CA is made for this run and signs one certificate; then its key is gone. Clients have to
    /// be told to trust the CA, which [`crate::MockProvider::ca_pem`] gives.
    ///
    /// The certificate is for `localhost`, `127.0.0.1`, `::1`, `host.docker.internal`, the address
    /// that is listened on, and `names`.
    RunLocal {
        /// More host names and IP addresses.
        names: Vec<String>,
    },
    /// A certificate that there is already.
    Own {
        /// The certificate, then those that lead to the root, as PEM.
        certificate_chain_pem: String,
        /// Its private key, as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
        private_key_pem: String,
    },
}

impl Tls {
    /// A CA for this run, without further names.
    pub fn run_local() -> Self {
        Self::RunLocal { names: Vec::new() }
    }

    /// A certificate that is made is for this address as well.
    pub(crate) fn with_name(mut self, address: IpAddr) -> Self {
        if let Self::RunLocal { names } = &mut self {
            names.push(address.to_string());
        }
        self
    }
}

/// The private key is not shown.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunLocal { names } => f.debug_struct("RunLocal").field("names", names).finish(),
            Self::Own {
                certificate_chain_pem,
                private_key_pem: _,
            } => f
                .debug_struct("Own")
                .field("certificate_chain_pem", certificate_chain_pem)
                .finish_non_exhaustive(),
        }
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A name is neither a host name nor an IP address.
    #[error("`{0}` is neither a host name nor an IP address")]
    Name(String),
    /// There is no certificate in the PEM text.
    #[error("the certificate chain holds no PEM certificate")]
    NoCertificate,
    /// There is no private key in the PEM text.
    #[error(
        "the private key is no PEM key: PKCS#8, PKCS#1 and SEC1 are understood, not encrypted ones"
    )]
    NoPrivateKey,
    /// Certificate and key are malformed, or not for each other.
    #[error("certificate and private key cannot be used together")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A CA to trust is malformed.
    #[error("the CA certificate to trust cannot be used")]
    Trust(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate of this run was not made.
    #[error("cannot make a certificate")]
    Make(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_private_key() {
        let own = Tls::Own {
            certificate_chain_pem: "the chain".to_owned(),
            private_key_pem: "the secret".to_owned(),
        };
        let text = format!("{own:?}");
        assert!(text.contains("the chain") && !text.contains("the secret"));
    }
}
