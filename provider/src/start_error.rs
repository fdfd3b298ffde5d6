//! Why a provider does not start.

use std::net::SocketAddr;

use crate::fault::FaultError;
use crate::jose::SigningAlgorithm;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread or no event queue.
    #[error("cannot start the provider's own runtime")]
    Runtime(#[source] std::io::Error),
    /// The certificate cannot be used.
    #[cfg(feature = "tls")]
    #[error("cannot serve HTTPS")]
    Tls(#[from] TlsError),
    /// The algorithm of an issuer is one that is keyed with the secret of one client.
    #[error(
        "the algorithm of an issuer cannot be `{}`, which is keyed with the secret of one client: \
         set `Client::id_token_algorithm` instead",
        .0.as_str()
    )]
    KeyedAlgorithm(SigningAlgorithm),
    /// The URL of the Redis server is none.
    #[cfg(feature = "redis")]
    #[error("cannot use the Redis URL: write it as redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]")]
    RedisUrl(#[source] redis::RedisError),
    /// Replicas would not know under which address they are one provider.
    #[cfg(feature = "redis")]
    #[error(
        "replicas need one public address: set `Addresses::public` to the URL that they are all \
         reached under, such as that of the load balancer"
    )]
    NoPublicAddress,
    /// Replicas sign with the same keys, which are made by the first and kept in their store
    /// unless others are given.
    #[error("the keys that replicas have in common cannot be read: {reason}")]
    SharedKeys {
        /// What is known of the failure.
        reason: String,
    },
    /// A fault makes no sense.
    #[error("the fault `{summary}` makes no sense")]
    Fault {
        /// What the fault does.
        summary: String,
        /// What is wrong with it.
        source: FaultError,
    },
}
