//! What goes over the wire, as types: serde only, no behaviour.

mod access_token;
mod authorization;
mod device;
mod error;
mod id_token;
mod introspection;
mod jwks;
mod logout_token;
mod metadata;
mod token;
mod userinfo;

pub(crate) use access_token::{AccessTokenClaims, Confirmation};
pub(crate) use authorization::AuthorizationParameters;
pub(crate) use device::DeviceAuthorizationResponse;
pub(crate) use error::{ErrorCode, ErrorResponse};
pub(crate) use id_token::{IdTokenClaims, JoseHeader};
pub(crate) use introspection::{IntrospectionResponse, TokenInQuestion};
pub(crate) use jwks::{Jwk, JwkSet};
pub(crate) use logout_token::LogoutTokenClaims;
pub(crate) use metadata::ProviderMetadata;
pub(crate) use token::{TokenParameters, TokenResponse};
pub(crate) use userinfo::UserinfoClaims;
