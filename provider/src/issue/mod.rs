//! Honest artefacts, made from grants and settings. What happens to them on the way out is none
//! of this folder's business.

mod algorithms;
mod authorization;
mod introspection;
mod logout_token;
mod metadata;
mod prepared;
mod signer;
mod subject;
mod tokens;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::issuer::IssuerState;
use crate::urls::Urls;

pub(crate) use algorithms::{assertion_algorithms, proof_algorithms};
pub(crate) use authorization::{
    Recipient, authorization_error, authorization_response, describable, signed_response,
};
pub(crate) use introspection::{Introspected, introspection};
pub(crate) use logout_token::logout_token;
pub(crate) use metadata::{grants, jwks, metadata, response_types};
pub(crate) use prepared::{Prepared, Ready};
pub(crate) use signer::signer;
pub(crate) use subject::{own_sub, subject};
pub(crate) use tokens::{
    FrontChannel, Issuance, access_token, audience, confirmation, id_token, jose_header,
    token_response, userinfo,
};

/// An issuer, and the URLs under which it is reached at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) issuer: &'a IssuerState,
    pub(crate) urls: &'a Urls,
}

pub(crate) fn members(document: &impl Serialize) -> Map<String, Value> {
    match json!(document) {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
