//! What an issuer is set up with: scopes, lifetimes, keys, and how strict it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
pub(crate) use crate::jose::{KeySource, SigningAlgorithm};
use crate::parties::{Client, User};
use crate::rules::Rule;

/// How one issuer is set up. The default is strict, enforces every rule, and knows three users
/// and no client.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// The registered clients.
    pub clients: Vec<Client>,
    /// The people who can sign in.
    pub users: Vec<User>,
    /// The scopes that can be granted, each with the claims that it releases (OIDC Core §5.4).
    pub scopes: BTreeMap<String, Vec<String>>,
    /// What ID tokens are signed with. Default: RS256.
    pub algorithm: SigningAlgorithm,
    /// Which rules exist. Default: strict.
    pub profile: Profile,
    /// What a broken rule leads to. Default: the request is refused.
    pub enforcement: Enforcement,
    /// Rules that are only observed, whatever `enforcement` says.
    pub observed: BTreeSet<Rule>,
    /// How people sign in. Default: on a page.
    pub sign_in: SignIn,
    /// Whether the request header `gauntlet-user` of an authorization request names the user, who
    /// is then signed in without a page, and `gauntlet-withhold` the scopes that the user does
    /// not grant. Default: no.
    pub user_header: bool,
    /// How long access tokens live. Default: an hour.
    pub access_token_lifetime: Duration,
    /// How long ID tokens live. Default: an hour.
    pub id_token_lifetime: Duration,
    /// How long authorization codes live. Default: a minute.
    pub code_lifetime: Duration,
    /// How long refresh tokens live. Default: 30 days.
    pub refresh_token_lifetime: Duration,
    /// When refresh tokens are issued. Default: for the scope `offline_access`.
    pub refresh_tokens: RefreshTokens,
    /// Whether the authorization response names the issuer (RFC 9207). Default: yes.
    pub iss_parameter: bool,
    /// The code challenge methods that are accepted (RFC 7636 §4.2). Default: S256; a lax issuer
    /// takes `plain` as well. Empty: none is supported.
    pub challenge_methods: BTreeSet<ChallengeMethod>,
    /// Where the signing keys come from. Default: the shipped test keys.
    pub keys: KeySource,
    /// The time as the issuer sees it. Default: the system's.
    pub clock: Clock,
    /// A seed for codes, tokens and handles, which are then foreseeable. Default: none.
    pub seed: Option<u64>,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            users: User::defaults(),
            scopes: default_scopes(),
            algorithm: SigningAlgorithm::default(),
            profile: Profile::default(),
            enforcement: Enforcement::default(),
            observed: BTreeSet::new(),
            sign_in: SignIn::default(),
            user_header: false,
            access_token_lifetime: Duration::from_hours(1),
            id_token_lifetime: Duration::from_hours(1),
            code_lifetime: Duration::from_mins(1),
            refresh_token_lifetime: Duration::from_hours(30 * 24),
            refresh_tokens: RefreshTokens::default(),
            iss_parameter: true,
            challenge_methods: BTreeSet::from([ChallengeMethod::S256]),
            keys: KeySource::default(),
            clock: Clock::system(),
            seed: None,
        }
    }
}

impl IssuerSettings {
    /// The code challenge methods that are accepted, as the profile has it.
    pub(crate) fn accepted_challenge_methods(&self) -> BTreeSet<ChallengeMethod> {
        let mut methods = self.challenge_methods.clone();
        if self.profile == Profile::Lax && !methods.is_empty() {
            methods.insert(ChallengeMethod::Plain);
        }
        methods
    }
}

/// The scopes of OIDC Core §5.4 and §11.
fn default_scopes() -> BTreeMap<String, Vec<String>> {
    let claims = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    BTreeMap::from([
        ("openid".to_owned(), Vec::new()),
        (
            "profile".to_owned(),
            claims(&[
                "name",
                "family_name",
                "given_name",
                "middle_name",
                "nickname",
                "preferred_username",
                "profile",
                "picture",
                "website",
                "gender",
                "birthdate",
                "zoneinfo",
                "locale",
                "updated_at",
            ]),
        ),
        ("email".to_owned(), claims(&["email", "email_verified"])),
        ("address".to_owned(), claims(&["address"])),
        (
            "phone".to_owned(),
            claims(&["phone_number", "phone_number_verified"]),
        ),
        ("offline_access".to_owned(), Vec::new()),
    ])
}

/// Which rules an issuer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For people: any client identifier, any secret, any `http` or `https` redirect URI, and the
    /// `plain` code challenge.
    Lax,
    /// As the specifications demand.
    #[default]
    Strict,
}

/// What a broken rule leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// It is noted, and the request is refused.
    #[default]
    Enforce,
    /// It is noted, and the request is served as far as it can be.
    Observe,
}

/// How people sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// On a page, by the press of a button.
    #[default]
    Page,
    /// Without a page: this user is always signed in.
    Auto {
        /// The user's `sub`.
        sub: String,
    },
}

/// When refresh tokens are issued (RFC 6749 §6, OIDC Core §11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RefreshTokens {
    /// Never.
    Never,
    /// Where the scope `offline_access` was granted.
    #[default]
    OfflineAccess,
    /// With every grant.
    Always,
}

/// How a code challenge is made from a code verifier (RFC 7636 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ChallengeMethod {
    /// The base64url form of the verifier's SHA-256 hash.
    S256,
    /// The verifier itself.
    #[serde(rename = "plain")]
    Plain,
}

impl ChallengeMethod {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}
