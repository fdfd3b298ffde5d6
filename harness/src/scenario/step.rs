//! What browsers do, as types.

use oauth_gauntlet_provider::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Expect;

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
    /// For `sign-in` and `begin`: where the user wants to end, as it is handed to the page that
    /// `return-to` in `[app]` names. `{app}`, `{host}` and `{authority}`
    /// (host and port) are the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
    /// For `visit`: a page of the client that is opened in the place of the protected one, as a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Headers that the browser sends to the client in this step, as somebody on the way could add
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Parameters that are added to the query of the page that is opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<(String, String)>,
    /// How often the act is done. Default: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// For `push-logout`: what the logout token names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<LogoutAbout>,
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
    /// Victim and attacker sign in at the same moment, each in a browser of their own. The step shows
    /// how its own browser fares; the other one is looked at by a visit.
    SignInTogether,
    /// Opens the login as `sign-in` does, but stops with the authorization response in hand and does not open it.
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
    /// The issuer signs with a new key from now on; the old one is no longer published, as after it
    /// got into wrong hands.
    WithdrawKeys,
    /// Puts the cookies that the attacker's browser has from the client into the victim's.
    PlantCookies,
    /// Copies the cookies of this browser, as somebody could who gets at them.
    CopyCookies,
    /// Puts the copied cookies back in place of those that there are.
    RestoreCookies,
    /// Comes with each cookie of the login that this browser has begun under the name of each cookie
    /// that the victim's got by signing in, until the client takes one of them for something.
    RelabelCookies,
    /// Writes the victim into every cookie of this browser that names its owner, by `sub`, e-mail
    /// address or user name, as it is, URL-encoded or in base64.
    ForgeCookies,
    /// This browser keeps and sends no cookies from now on, until the recovery.
    BlockCookies,
    /// The issuer posts a logout token to the client.
    PushLogout,
    /// Opens the client's protected page, and while the client waits for userinfo, the issuer posts a
    /// logout token to it.
    PushLogoutAmidVisit,
    /// Another site makes the browser sign out: the request of `sign-out`, without a form's hidden
    /// fields.
    ForgedSignOut,
}

/// What a logout token names.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogoutAbout {
    /// The user of the step's browser and the session.
    #[default]
    Both,
    /// The user alone.
    User,
    /// The session alone.
    Session,
    /// Nobody.
    Nobody,
    /// It is no logout token, but the ID token of the sign-in.
    IdToken,
    /// It is the last logout token that the client took, once more.
    Again,
    /// There is none: the form is empty (Back-Channel Logout 1.0 §2.5).
    Nothing,
    /// It is no JWT.
    Rubbish,
    /// It is no form but JSON, without a logout token.
    Json,
    /// It is a text of 256 KiB.
    Flood,
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
    /// Somebody else's who, at the honest issuer, has the e-mail address and the user name of the
    /// victim, and a `sub` and a name of their own.
    Namesake,
    /// Somebody else's who, at the attacker's issuer, has the `sub` of the victim.
    Twin,
    /// The victim's on another device; signs in as the victim.
    OtherDevice,
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

impl Role {
    /// The issuer that a fault names; the honest one, where it names none.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some("attacker") => Self::Attacker,
            Some(_) | None => Self::Honest,
        }
    }
}

/// An authorization response, put together from parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Callback {
    /// Where the code comes from.
    pub code: CodeSource,
    /// Where the state comes from.
    pub state: StateSource,
    /// Where the issuer parameter comes from. Default: the issuer, where it sends one at all.
    #[serde(default)]
    pub iss: IssSource,
    /// Further parameters, in their order. Placeholders: `{victim.sub}` and so on for `name`,
    /// `preferred_username` and `email`, the same for `attacker`; `{victim.id_token}` and
    /// `{victim.access_token}`, which were issued to this client, and with `other_` before the
    /// name of the token, to another one; `{victim.unsigned_id_token}`; `{pending.code}`,
    /// `{pending.state}`; `{honest.issuer}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<(String, String)>,
    /// How it is opened. Default: by following a link.
    #[serde(default)]
    pub method: OpenMethod,
    /// The browser opens it twice at the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
}

/// Where the issuer parameter of a prepared authorization response comes from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum IssSource {
    /// The issuer of the step, if it sends the parameter.
    #[default]
    Issuer,
    /// There is none.
    None,
}

/// How a prepared authorization response is opened.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum OpenMethod {
    /// By following a link.
    #[default]
    Get,
    /// As programs do that look at links before the user follows them.
    Head,
    /// By a form on another site.
    Post,
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
    /// From the login that this browser began before its last one.
    Earlier,
    /// From the login that the victim's browser began: the attacker got hold of it.
    Stolen,
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
    /// From the login that this browser began before its last one.
    Earlier,
    /// There is none.
    None,
}
