//! Misbehaviour as data: what the provider can be told to do wrong, where, and when.
//!
//! This file holds the vocabulary alone. It is one serialisable type, used by scenario files, the
//! provider's configuration and the Rust builder alike. `tamper.rs` applies it to drafts in wire
//! terms; endpoints never name a fault.

mod armed;
mod check;
mod document;
mod object;
mod pause;

mod placeholder;
mod repeated;
mod shift;
mod signing;
mod summary;
mod tamper;

use std::collections::BTreeMap;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use armed::{ArmedFault, FiredFault};
pub(crate) use armed::{Faults, FaultsState, Moment};
pub use check::{FaultError, Point};
pub(crate) use document::{Document, DocumentDraft};
pub(crate) use object::Object;
pub use pause::{ParsePauseError, Pause};
pub(crate) use shift::parse_span;
pub use shift::{ParseShiftError, Shift};
pub use signing::Signing;
pub(crate) use tamper::{
    AccessTokenDraft, AuthorizeDraft, Draft, JwtDraft, JwtKind, RedirectDraft, TransportDraft,
};

use crate::Endpoint;

/// One deviation from correct provider behaviour.
///
/// The key names the point of the pipeline; exactly one point is set. Strings inside a fault may
/// hold placeholders: `{value}` (the honest value), `{half}` (its first half), `{swapcase}` (its
/// letters in the other case), `{client_id}`, `{issuer}`, `{redirect_uri}`, `{sub}`.
///
/// ```
/// use oauth_gauntlet_provider::{Client, Fault, JwtFault, MockProvider, Signing, TokensFor, When};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = MockProvider::builder().client(Client::public("app")).start().await?;
/// let issuer = provider.issuer();
///
/// // As data, in the form that scenarios, configuration files and the control API have …
/// for fault in [
///     r#"{"metadata": {"set": {"issuer": "{issuer}/"}}}"#,
///     r#"{"redirect": {"error": {"code": "access_denied"}}, "when": {"user": "bob"}}"#,
///     r#"{"token": {"reply": {"status": 503}}, "when": {"nth": 2}}"#,
///     r#"{"userinfo": {"json": "{\"sub\": null}"}, "when": {"times": 1}}"#,
///     r#"{"transport": {"at": "jwks", "do": "reset"}}"#,
/// ] {
///     issuer.arm(serde_json::from_str(fault)?)?;
/// }
/// assert_eq!(issuer.faults().len(), 5);
/// issuer.disarm_all();
///
/// // … or as Rust has it.
/// let unsigned = issuer.arm(Fault {
///     id_token: Some(JwtFault { sign: Some(Signing::None), ..JwtFault::default() }),
///     when: When { client: Some("app".to_owned()), ..When::default() },
///     ..Fault::default()
/// })?;
/// issuer.tokens(TokensFor::new("app", "alice"))?;
/// assert_eq!((unsigned.matched(), unsigned.fired()), (1, 1));
/// unsigned.disarm();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Fault {
    /// Which requests the fault applies to. Without it: all of them.
    #[serde(skip_serializing_if = "When::is_always")]
    pub when: When,
    /// The discovery document (OIDC Discovery 1.0 §3, RFC 8414 §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<DocumentFault>,
    /// The published key set (RFC 7517 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwksFault>,
    /// What happens to an authorization request before anybody signs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorize: Option<AuthorizeFault>,
    /// The authorization response: its parameters, however they travel (RFC 6749 §4.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<RedirectFault>,
    /// The token response (RFC 6749 §5.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<DocumentFault>,
    /// The ID token, before it is signed (OIDC Core 1.0 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<JwtFault>,
    /// The access token itself, as the resource server sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessTokenFault>,
    /// The userinfo response (OIDC Core 1.0 §5.3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo: Option<DocumentFault>,
    /// The introspection response (RFC 7662 §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection: Option<DocumentFault>,
    /// The device authorization response (RFC 8628 §3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DocumentFault>,
    /// The response to a pushed authorization request (RFC 9126 §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub par: Option<DocumentFault>,
    /// The client registration response (RFC 7591 §3.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<DocumentFault>,
    /// The logout token, before it is signed (Back-Channel Logout 1.0 §2.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logout_token: Option<JwtFault>,
    /// The connection below HTTP, or how late the response comes, as in
    /// `{ at = "token", do = { delay = "2s" } }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportFault>,
}

/// Which requests a fault applies to. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct When {
    /// The issuer's name (`honest` or `attacker` in a scenario).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The client identifier of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The `sub` of the user who signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The `grant_type` of the token request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The key of the parallel test that the request belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Only the n-th matching request, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// At most so many matching requests, from the first on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl When {
    /// Whether no condition is given.
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }
}

/// A change to a JSON document on its way out: metadata, token response, userinfo response.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DocumentFault {
    /// Members to set, in place of honest ones or beside them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// The same as raw JSON text, for what TOML cannot say: `json = '{"sub": null}'`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Members to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Members to write before all others, also where one of the same name is there.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub before: Map<String, Value>,
    /// The same, after all others.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub after: Map<String, Value>,
    /// An OAuth error (RFC 6749 §5.2) in place of the document, with status 400 unless `reply`
    /// says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// A change to the HTTP response around the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

/// A change to an HTTP response. What is not given stays honest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Reply {
    /// The status code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `Content-Type`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Headers to set. `{url}` in a value is the URL of this very endpoint.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, as it goes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What stands before the body, such as a byte order mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What stands after the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Spaces are added to the end of the body until it has so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad: Option<usize>,
}

/// A change to the published key set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct JwksFault {
    /// Members to leave out of every key, such as `alg`, `use` or `kid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_members: Vec<String>,
    /// Publish no key of the issuer's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
    /// Publish a certificate beside each key for RS256, RS384 and RS512 (`x5c`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub certificates: bool,
    /// Things to put before the honest keys. `{value}` in a member is what the first honest key
    /// has there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Value>,
    /// So many further keys before the honest ones: copies of the first, under other names.
    #[serde(skip_serializing_if = "is_zero")]
    pub fillers: u32,
    /// Publish the key that `unpublished-key` signs with, under this `kid`, before the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
    /// A change to the HTTP response around the key set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a hostile authorization endpoint does with the browser: it sends it on to the
/// authorization endpoint of somebody else (the mix-up attack, RFC 9700 §4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthorizeFault {
    /// The URL that the browser is sent to, with the parameters of the request.
    pub forward_to: String,
    /// Parameters to replace on the way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// A change to the parameters of the authorization response.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RedirectFault {
    /// An error response in place of the code. `state` and `iss` stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RedirectError>,
    /// Parameters to set, in place of honest ones or beside them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Parameters to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Name and value pairs to add at the end, also where the name is there already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub append: Vec<(String, String)>,
}

/// An error response (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedirectError {
    /// The `error` code.
    pub code: String,
    /// The `error_description`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether an honest `code`, and tokens that come with it, stay beside the error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_code: bool,
}

/// A change to a JWT of the issuer. It is signed after the change, so the signature is right unless
/// `sign` says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct JwtFault {
    /// Claims to set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// The same as raw JSON text, for what TOML cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_json: Option<String>,
    /// Claims to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Times to move, such as `exp = "-2h"` or `iat = "+1d"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shift: BTreeMap<String, Shift>,
    /// Times to write as fractions: half a second before the whole one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fractional: Vec<String>,
    /// Claims to write before all others, also where one of the same name is there (RFC 7519 §4).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims_before: Map<String, Value>,
    /// The same, after all others.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims_after: Map<String, Value>,
    /// JOSE header parameters to set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub header: Map<String, Value>,
    /// JOSE header parameters to leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_header: Vec<String>,
    /// How the token is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signing>,
}

/// A change to an access token: to what it is worth, or to what it says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AccessTokenFault {
    /// The token is handed out and never honoured: userinfo answers 401 `invalid_token`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dead: bool,
    /// A change to an access token that is a JWT (RFC 9068), for resource servers to find.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtFault>,
}

/// A change below HTTP. The connection is closed afterwards, since pooled clients would retry on
/// a stale one; a mere delay and chunks leave it open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TransportFault {
    /// The endpoint whose response is treated so.
    pub at: Endpoint,
    /// What happens to it.
    #[serde(rename = "do")]
    pub act: TransportAct,
}

/// What happens to a response below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TransportAct {
    /// Nothing is ever sent; the connection stays open until the peer or the provider ends it.
    Hang,
    /// The connection is reset (TCP RST) before a byte is sent.
    Reset,
    /// The connection is closed in good order before a byte is sent; TLS is ended first.
    Close,
    /// The head and half of the body are sent, then the connection is closed; TLS is not ended.
    Truncate,
    /// Bytes that are neither HTTP nor a TLS record are sent in place of the response.
    Garbage,
    /// The head is sent, then the body at ten bytes a second, one at a time.
    Trickle,
    /// The response is whole and comes late: `{ delay = "2s" }`. The connection stays open.
    Delay(Pause),
    /// The body goes out in chunks, and nothing says beforehand how long it will be (RFC 9112
    /// §7.1).
    Chunked,
}
