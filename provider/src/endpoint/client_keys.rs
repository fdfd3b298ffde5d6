//! The public keys of clients: those that they registered, or those that they publish.

use std::sync::Arc;

use super::Call;
use crate::jose::SigningAlgorithm;
use crate::jose::jwk::{ClientKeys, JwkSetError};
use crate::jose::verify::{self, JwsError, Verified};
use crate::outbound::OutboundError;
use crate::parties::Client;

/// Why a client's keys are of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientKeysError {
    /// It registered neither `jwks` nor `jwks_uri`.
    #[error("the client `{0}` registered no keys")]
    Unregistered(String),
    /// What it registered or publishes is no key set.
    #[error("the keys of the client `{client}` cannot be used")]
    Set {
        client: String,
        #[source]
        source: JwkSetError,
    },
    /// What it publishes cannot be fetched.
    #[error("the keys of the client `{client}` cannot be fetched: {source}")]
    Fetch {
        client: String,
        source: OutboundError,
    },
    /// None of them made the signature.
    #[error(transparent)]
    Token(#[from] JwsError),
}

/// The keys of a client. Those that it publishes are fetched, and then known for a while.
pub(super) fn client_keys(
    call: &Call<'_>,
    client: &Client,
) -> Result<Arc<ClientKeys>, ClientKeysError> {
    match known(call, client)? {
        Some(keys) => Ok(keys),
        None => fetched(call, client),
    }
}

/// A token that the client signed. Where it publishes its keys, those that we know may be out of
/// date, so they are fetched once more before the token is refused.
pub(super) fn verify(
    call: &Call<'_>,
    client: &Client,
    token: &str,
    allowed: &[SigningAlgorithm],
) -> Result<Verified, ClientKeysError> {
    let Some(keys) = known(call, client)? else {
        let keys = fetched(call, client)?;
        return Ok(verify::verify(token, &keys, allowed)?);
    };
    match verify::verify(token, &keys, allowed) {
        Err(JwsError::UnknownKid { .. } | JwsError::NoKey(_) | JwsError::Signature)
            if client.jwks.is_none() =>
        {
            let keys = fetched(call, client)?;
            Ok(verify::verify(token, &keys, allowed)?)
        }
        verified => Ok(verified?),
    }
}

/// The keys that are known without asking anybody.
fn known(call: &Call<'_>, client: &Client) -> Result<Option<Arc<ClientKeys>>, ClientKeysError> {
    if let Some(jwks) = &client.jwks {
        let keys = ClientKeys::parse(jwks).map_err(|source| ClientKeysError::Set {
            client: client.id.clone(),
            source,
        })?;
        return Ok(Some(Arc::new(keys)));
    }
    let uri = (client.jwks_uri.as_ref())
        .ok_or_else(|| ClientKeysError::Unregistered(client.id.clone()))?;
    Ok(call.issuer.published_keys.known(uri, call.now))
}

fn fetched(call: &Call<'_>, client: &Client) -> Result<Arc<ClientKeys>, ClientKeysError> {
    let uri = (client.jwks_uri.as_ref())
        .ok_or_else(|| ClientKeysError::Unregistered(client.id.clone()))?;
    let outbound = call.issuer.outbound.on_behalf_of(client);
    let jwks = (outbound.wait_for_json(uri)).map_err(|source| ClientKeysError::Fetch {
        client: client.id.clone(),
        source,
    })?;
    let keys = ClientKeys::parse(&jwks).map_err(|source| ClientKeysError::Set {
        client: client.id.clone(),
        source,
    })?;
    let keys = Arc::new(keys);
    (call.issuer.published_keys).keep(uri, Arc::clone(&keys), call.now);
    Ok(keys)
}
