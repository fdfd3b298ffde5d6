//! What is expected of the client after a step, as types.

use oauth_gauntlet_provider::Endpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Role;

/// What is expected of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Expect {
    /// How the browser stands afterwards.
    pub outcome: Option<Outcome>,
    /// Endpoints that must not be called during the step.
    pub never: Vec<Endpoint>,
    /// The code of a prepared authorization response must not reach the token endpoint. Where the
    /// client's own PKCE or nonce would have stopped it there, a breach is only a warning.
    pub never_redeems: bool,
    /// How often an endpoint may be called.
    pub requests: Vec<RequestCount>,
    /// Words of which one must stand on the protected page, whatever their case.
    pub mentions: Vec<String>,
    /// The page that the user ends on says something: it is not empty, and not a 500. A breach is
    /// a matter of practice.
    pub explains: bool,
    /// Text that must not stand on the protected page: what the client should not have believed.
    pub never_shows: Vec<String>,
    /// Text that must not stand in any page of the client as it is.
    pub never_echoes: Vec<String>,
    /// A script that no element of any page of the client may run on an event, as one does that an
    /// attacker's quotes have added an attribute to.
    pub never_runs: Vec<String>,
    /// Origins whose scripts must not be allowed to send the user's cookies and to read what comes
    /// back (CORS).
    pub never_allows: Vec<String>,
    /// Words of a link that must not stand in any page of the client, escaped or not.
    pub never_quotes: Vec<String>,
    /// Text with which no line of the client's log may begin.
    pub never_logs: Vec<String>,
    /// How the client answers a logout token.
    pub answers: Option<PushAnswer>,
    /// The browser ends on a page of the client: it is sent to no other site.
    pub stays: bool,
    /// The page of the client, path and query, on which the browser ends.
    pub lands: Option<String>,
}

/// How a browser stands after a step.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The protected page shows the account of the browser's owner.
    SignedIn,
    /// It shows nobody's account, and the client answered.
    Refused,
    /// It shows nobody's account and asks to sign in.
    AsksLogin,
    /// It shows nobody's account any more.
    SignedOut,
    /// It shows the account of the browser's owner or nobody's, and the client answered.
    OwnOrRefused,
}

/// How a client answers a logout token.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PushAnswer {
    /// With 200 or 204.
    Accepts,
    /// With 400.
    Refuses,
    /// With any client error, since what came in is no logout request at all.
    Declines,
}

/// How often an endpoint may be called during a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestCount {
    /// The endpoint.
    pub to: Endpoint,
    /// Only requests to this issuer are counted. Default: to any.
    #[serde(default)]
    pub issuer: Option<Role>,
    /// Only requests with these parameters are counted.
    #[serde(default)]
    pub with: std::collections::BTreeMap<String, String>,
    /// Only requests without these parameters are counted.
    #[serde(default)]
    pub without: Vec<String>,
    /// Only requests with a code, a token or the client's credentials are counted.
    #[serde(default)]
    pub with_secrets: bool,
    /// At least so many.
    #[serde(default)]
    pub min: u32,
    /// At most so many. Default: any number.
    #[serde(default = "any_number")]
    pub max: u32,
}

fn any_number() -> u32 {
    u32::MAX
}
