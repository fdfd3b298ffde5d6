//! Scenario files: what a scenario says, as types.
//!
//! Structs only, unknown keys refused, no flattening: a mistake points at the very word.

mod check;
mod level;
mod load;
mod plan;
mod touches;

use oauth_gauntlet_provider::{Endpoint, Fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use level::{Level, Severity};
pub use load::{LoadError, Source, load, load_paths, parse, read as read_text};
pub use plan::{Plan, plans};
pub use touches::{Touches, carries_a_key, of_steps};

/// A scenario file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "OAuth Gauntlet scenario")]
pub struct Scenario {
    /// One sentence that says what a good client does.
    pub title: String,
    /// How binding the requirement is.
    pub level: Level,
    /// What a client that falls for it loses.
    pub severity: Severity,
    /// What a target must be able to do for the scenario to make sense.
    #[serde(default)]
    pub needs: Vec<Capability>,
    /// Words to select scenarios by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The specification and section that the requirement comes from.
    pub spec: Vec<String>,
    /// Weakness numbers of the Common Weakness Enumeration.
    #[serde(default)]
    pub cwe: Vec<u32>,
    /// Other names under which the scenario is known.
    #[serde(default)]
    pub alias: Vec<String>,
    /// The requirement is about the signature of an ID token. Over https a client that got the
    /// token from the provider itself may rely on TLS in its place (OIDC Core 1.0 §3.1.3.7 (6)):
    /// one that checks no signature at all is then told, and not failed.
    #[serde(default)]
    pub tls_may_replace: bool,
    /// Who could do what to whom, for a reader who never saw the specification.
    pub why: String,
    /// How to mend a client that fails.
    pub fix: String,
    /// Why no defective client can exist that only this scenario catches.
    #[serde(default)]
    pub no_mutant: Option<String>,
    /// A passive check: judged over the exchanges of every scenario of the run.
    #[serde(default)]
    pub check: Option<Check>,
    /// How the issuers and the client are set up.
    #[serde(default)]
    pub settings: Settings,
    /// What the provider does wrong during all steps.
    #[serde(default)]
    #[schemars(with = "Vec<Fault>")]
    pub fault: Vec<Spanned<Fault>>,
    /// What the browsers do. Without it: the victim signs in.
    #[serde(default)]
    pub step: Vec<Step>,
    /// What is expected after the last step.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// Variants; each replaces whole parts of the scenario.
    #[serde(default)]
    pub case: Vec<Case>,
}

/// A variant of a scenario. Its id is the scenario's with the name in brackets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The name: lower-case words with hyphens.
    pub name: String,
    /// A title of its own.
    #[serde(default)]
    pub title: Option<String>,
    /// A level of its own.
    #[serde(default)]
    pub level: Option<Level>,
    /// Capabilities of its own.
    #[serde(default)]
    pub needs: Option<Vec<Capability>>,
    /// Settings in place of the scenario's.
    #[serde(default)]
    pub settings: Option<Settings>,
    /// Faults in place of the scenario's.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Fault>>")]
    pub fault: Option<Vec<Spanned<Fault>>>,
    /// Steps in place of the scenario's.
    #[serde(default)]
    pub step: Option<Vec<Step>>,
    /// Expectations in place of the scenario's.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// What a target claims to be able to do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Signs users in by an ID token.
    Oidc,
    /// Can work without OpenID Connect, from userinfo alone.
    PlainOauth2,
    /// Calls the userinfo endpoint.
    Userinfo,
    /// Uses PKCE.
    Pkce,
    /// Sends a nonce.
    Nonce,
    /// Checks the `iss` parameter of the authorization response.
    Iss,
    /// Uses refresh tokens.
    Refresh,
    /// Can sign out.
    Logout,
    /// Signs out at the provider as well (RP-initiated logout).
    RpLogout,
    /// Can offer two issuers at once.
    TwoIssuers,
    /// Says on its protected page what a withheld scope leaves out.
    ScopeNotice,
    /// Reads the issuer's discovery document.
    Discovery,
    /// Can be told its external address, so that it can stand behind a TLS-terminating proxy.
    Proxy,
}

/// A passive check, by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Every authorization request carries a `code_challenge` with method `S256`, and the token
    /// request the verifier that fits.
    PkceS256,
    /// Every authorization request carries a `state`, a `code_challenge` or a `nonce`, and none
    /// of these values is ever used twice.
    FreshValues,
    /// No code, token, verifier or secret in the client's log, its pages, or a URL that it sends
    /// the browser to.
    NoLeak,
    /// The cookie that carries the session is `HttpOnly` and `SameSite`, and `Secure` under https.
    CookieAttributes,
    /// Pages with the user's data are not stored by caches.
    NoStore,
    /// The token request repeats the redirect URI of the authorization request.
    SameRedirectUri,
    /// The token request is a form in the body of a POST, and says who the client is in one way.
    ClientAuthentication,
    /// The access token travels in the Authorization header.
    BearerHeader,
    /// Every authorization request says each thing once, in the form that it has to have.
    WellFormedRequest,
}

/// How the issuers and the client are set up for a scenario.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// The issuer hands out refresh tokens. Default: yes, when `offline_access` is asked for.
    pub refresh_tokens: Option<bool>,
    /// The issuer advertises and sends `iss` in the authorization response. Default: yes.
    pub iss_parameter: Option<bool>,
    /// A refresh brings a new refresh token, and the old one is spent. Default: yes.
    pub refresh_rotation: Option<bool>,
    /// The issuer's keys say neither `alg` nor `use`.
    pub bare_keys: bool,
    /// The issuer's metadata do not say how ID tokens are signed.
    pub bare_metadata: bool,
    /// The client's identifier and secret have letters that have to be encoded.
    pub odd_credentials: bool,
    /// The client is set up without OpenID Connect.
    pub plain_oauth2: bool,
    /// The client offers the honest and the attacker's issuer.
    pub two_issuers: bool,
    /// The client stands behind a proxy that ends TLS, so that its own address is https.
    pub proxy: bool,
}

/// What a browser does. Serialised, it is what it does alone: two scenarios whose steps differ in
/// faults and expectations share their control run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// The act.
    #[serde(rename = "do")]
    pub act: Act,
    /// Whose browser it is.
    #[serde(default)]
    pub browser: Browser,
    /// The issuer to sign in at.
    #[serde(default)]
    pub issuer: Role,
    /// Scopes that the user leaves out on the consent page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withhold: Vec<String>,
    /// For `deliver`: the authorization response that the browser is made to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// What the provider does wrong during this step.
    #[serde(default, skip_serializing)]
    #[schemars(with = "Vec<Fault>")]
    pub fault: Vec<StepFault>,
    /// What is expected after this step.
    #[serde(default, skip_serializing)]
    pub expect: Option<Expect>,
}

/// A fault inside a step, with its place in the file.
#[derive(Debug, Clone)]
pub struct StepFault(pub Spanned<Fault>);

impl<'de> Deserialize<'de> for StepFault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

/// An act of a browser.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Opens the client's login, signs in at the issuer and follows the way back to the end.
    SignIn,
    /// The same, but stops with the authorization response in hand and does not open it.
    Begin,
    /// Opens an authorization response that somebody prepared.
    Deliver,
    /// Opens the client's protected page.
    Visit,
    /// Opens the client's protected page in four tabs at the same time.
    VisitTogether,
    /// Signs out at the client.
    SignOut,
    /// Every access token that was handed out so far stops being honoured.
    Expire,
    /// The issuer signs with a new key from now on; the old one stays published.
    RotateKeys,
    /// Puts the cookies that the attacker's browser has from the client into the victim's.
    PlantCookies,
}

/// Whose browser it is, and whose account is used in it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Browser {
    /// The victim's; signs in as the victim.
    #[default]
    Victim,
    /// The attacker's; signs in as the attacker.
    Attacker,
}

/// Which issuer it is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The one that users trust.
    #[default]
    Honest,
    /// The one that the attacker runs.
    Attacker,
}

/// An authorization response, put together from parts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Callback {
    /// Where the code comes from.
    pub code: CodeSource,
    /// Where the state comes from.
    pub state: StateSource,
}

/// Where the code of a prepared authorization response comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CodeSource {
    /// From an authorization request that the attacker made straight at the issuer, with neither
    /// PKCE nor nonce.
    AttackersOwn,
    /// From the login that the attacker's browser began at the client.
    Relayed,
    /// From the authorization response that this browser opened before.
    Replayed,
    /// From the login that this browser began itself.
    Pending,
    /// There is none.
    None,
}

/// Where the state of a prepared authorization response comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StateSource {
    /// Made up.
    Invented,
    /// From the login that the attacker's browser began at the client.
    Relayed,
    /// From the authorization response that this browser opened before.
    Replayed,
    /// From the login that this browser began itself.
    Pending,
    /// There is none.
    None,
}

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

/// How often an endpoint may be called during a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestCount {
    /// The endpoint.
    pub to: Endpoint,
    /// Only requests with these parameters are counted.
    #[serde(default)]
    pub with: std::collections::BTreeMap<String, String>,
    /// At least so many.
    #[serde(default)]
    pub min: u32,
    /// At most so many.
    pub max: u32,
}
