//! Scenario files: what a scenario says, as types.
//!
//! Structs only, unknown keys refused, no flattening: a mistake points at the very word.

mod check;
mod expect;
mod level;
mod load;
mod plan;
mod step;
mod touches;

use oauth_gauntlet_provider::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use expect::{Expect, Outcome, PushAnswer, RequestCount};
pub use level::{Level, Severity};
pub use load::{LoadError, Source, load, load_paths, parse, read as read_text};
pub use plan::{Plan, plans};
pub use step::{
    Act, Browser, Callback, CodeSource, IssSource, LogoutAbout, OpenMethod, Role, StateSource,
    Step, StepFault,
};
pub use touches::{Touches, carries_a_key, document, of_steps};

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
    /// Takes its user, after sign-in, to the page that was asked for: `return-to` in `[app]`.
    ReturnTo,
    /// Takes logout tokens: `back-channel-logout` in `[app]`.
    BackChannelLogout,
    /// Can be told its external address, so that it can stand behind a TLS-terminating proxy.
    Proxy,
    /// Is used with a real browser: `[browser]`, which says so by itself.
    Browser,
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
    /// Answers to logout tokens are not stored by caches.
    LogoutNoStore,
    /// The token request repeats the redirect URI of the authorization request.
    SameRedirectUri,
    /// The token request is a form in the body of a POST, and says who the client is in one way.
    ClientAuthentication,
    /// The access token travels in the Authorization header.
    BearerHeader,
    /// Every authorization request says each thing once, in the form that it has to have.
    WellFormedRequest,
    /// No authorization request asks for an access token in the response.
    ResponseType,
    /// Every authorization request has a `code_challenge` or a `nonce`.
    BoundToLogin,
    /// Every `code_verifier` has the form that RFC 7636 gives it.
    Verifier,
    /// No state carries a verifier or a secret that can be read.
    StateOpaque,
    /// State, nonce and verifier have more bits than can be tried out.
    Guessable,
    /// The cookies of sessions have more bits than can be tried out.
    GuessableSessions,
    /// The redirect to the provider is not kept by caches.
    StartCached,
    /// After sign-in the browser is sent to an address without the code.
    CleanUrl,
    /// A page with the code in its address loads nothing from other hosts.
    NothingForeign,
    /// No page shows a stack trace.
    NoStackTrace,
    /// Pages with the user's data cannot be put into a frame of another site.
    NoFraming,
    /// No cookie goes to other hosts, and none is larger than browsers keep.
    CookieScope,
    /// No token is in a storage that outlives the window, where every script of the site reads it.
    TokensInStorage,
    /// No token is left standing in the address of a page.
    TokensInAddress,
    /// No code and no token goes to another host as the address that the browser came from.
    Referer,
    /// No script of a page fails without anybody noticing.
    UncaughtErrors,
}

/// How the issuers and the client are set up for a scenario.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the file, and none depends on another"
)]
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
    /// The issuer signs with ES256K as well, which few clients know (RFC 8812), says so, and
    /// publishes a key for it. What it signs with where no fault says otherwise stays as it is.
    pub rare_algorithm: bool,
    /// The issuer publishes a certificate beside each key of RSA (`x5c`, RFC 7517 §4.7), as some
    /// providers do.
    pub certificates: bool,
    /// The client's identifier and secret have letters that have to be encoded.
    pub odd_credentials: bool,
    /// The issuer takes no notice of PKCE, and does not advertise it, as one that does not know it.
    pub pkce_ignored: bool,
    /// The issuer knows where the client takes logout tokens.
    pub back_channel_logout: bool,
    /// The client is set up without OpenID Connect.
    pub plain_oauth2: bool,
    /// The client offers the honest and the attacker's issuer.
    pub two_issuers: bool,
    /// The client stands behind a proxy that ends TLS, so that its own address is https.
    pub proxy: bool,
    /// The issuers are https, and their certificate is from a CA that the client does not know: as
    /// if somebody on the way had put himself in their place. Nothing that the client could ask of
    /// them is in order, so a login that succeeds, or is only begun with them, is a finding.
    pub untrusted_certificate: bool,
}
