//! What an issuer is set up with: scopes, lifetimes, keys, and how strict it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::claims::ClaimRule;
use crate::clock::Clock;
pub(crate) use crate::jose::{KeySource, SigningAlgorithm};
use crate::names::{AccessTokenFormat, ChallengeMethod, GrantType};
use crate::parties::{Client, User};
use crate::rules::Rule;

/// How one issuer is set up. The default is strict, enforces every rule, and knows three users
/// and no client.
///
/// ```
/// use std::time::Duration;
/// use oauth_gauntlet_provider::{
///     Client, DeviceSettings, GrantType, IssuerSettings, MockProvider, RefreshTokens, Rule, SignIn,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut settings = IssuerSettings {
///     clients: vec![Client::public("tv")],
///     sign_in: SignIn::Auto { sub: "alice".to_owned() },
///     access_token_lifetime: Duration::from_secs(30),
///     refresh_tokens: RefreshTokens::Always,
///     device: DeviceSettings { pending_polls: 2, ..DeviceSettings::default() },
///     ..IssuerSettings::default()
/// };
/// settings.grants.insert(GrantType::Password);
/// settings.observed.insert(Rule::WellFormedChallenge);
///
/// let provider = MockProvider::builder().settings(settings.clone()).start().await?;
/// // Another one of the same kind, beside it.
/// provider.create_issuer("other", settings)?;
/// # Ok(())
/// # }
/// ```
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// The registered clients.
    pub clients: Vec<Client>,
    /// The people who can sign in.
    pub users: Vec<User>,
    /// The scopes that can be granted, each with the claims that it releases (OIDC Core §5.4).
    pub scopes: BTreeMap<String, Vec<String>>,
    /// Claims beside those of the users, by client, scope, user or login hint. Default: none.
    pub claims: Vec<ClaimRule>,
    /// What ID tokens are signed with. Default: RS256.
    pub algorithm: SigningAlgorithm,
    /// What access tokens look like, where the client does not say. Default: opaque.
    pub access_token_format: AccessTokenFormat,
    /// The grants that the token endpoint serves. Default: all but `password`. With that one, any
    /// password is right, since users have none here; OAuth 2.1 and FAPI 2.0 have no such grant.
    pub grants: BTreeSet<GrantType>,
    /// The resource indicators that may be asked for (RFC 8707 §2). Default: any absolute URI.
    pub resources: Option<BTreeSet<String>>,
    /// The authentication context classes that can be asked for (OIDC Core §3.1.2.1); the first
    /// is what a sign-in has where none is asked for. Default: `urn:mock:password` and
    /// `urn:mock:mfa`.
    pub acr_values: Vec<String>,
    /// How the device grant behaves (RFC 8628).
    pub device: DeviceSettings,
    /// Who may register clients (RFC 7591). Default: anybody.
    pub registration: Registration,
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
    /// Whether a refresh token is replaced when it is used, and its family ended when it is used
    /// again (RFC 9700 §4.14.2). Default: yes.
    pub rotate_refresh_tokens: bool,
    /// How long a pushed authorization request lives (RFC 9126 §2.2). Default: a minute.
    pub pushed_request_lifetime: Duration,
    /// How long a browser stays signed in. Default: 12 hours.
    pub session_lifetime: Duration,
    /// Whether DPoP proofs need a nonce of the provider (RFC 9449 §8). Default: no.
    pub dpop_nonces: bool,
    /// The `Cache-Control` of discovery document and key set. Default: none.
    pub cache_control: Option<String>,
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
            claims: Vec::new(),
            algorithm: SigningAlgorithm::default(),
            access_token_format: AccessTokenFormat::default(),
            grants: GrantType::without_password(),
            resources: None,
            acr_values: vec!["urn:mock:password".to_owned(), "urn:mock:mfa".to_owned()],
            device: DeviceSettings::default(),
            registration: Registration::default(),
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
            rotate_refresh_tokens: true,
            pushed_request_lifetime: Duration::from_mins(1),
            session_lifetime: Duration::from_hours(12),
            dpop_nonces: false,
            cache_control: None,
            iss_parameter: true,
            challenge_methods: BTreeSet::from([ChallengeMethod::S256]),
            keys: KeySource::default(),
            clock: Clock::system(),
            seed: None,
        }
    }
}

impl IssuerSettings {
    /// Whether a request that breaks the rule is refused.
    pub(crate) fn enforces(&self, rule: Rule) -> bool {
        rule.exists_in(self.profile)
            && self.enforcement == Enforcement::Enforce
            && !self.observed.contains(&rule)
    }

    /// The same settings for another issuer, whose clock runs by itself.
    pub(crate) fn on_its_own(&self) -> Self {
        Self {
            clock: self.clock.detached(),
            ..self.clone()
        }
    }

    /// The code challenge methods that are accepted, as the profile has it.
    pub(crate) fn accepted_challenge_methods(&self) -> BTreeSet<ChallengeMethod> {
        let mut methods = self.challenge_methods.clone();
        if self.profile == Profile::Lax && !methods.is_empty() {
            methods.insert(ChallengeMethod::Plain);
        }
        if self.enforces(Rule::HashedChallenge) {
            methods.remove(&ChallengeMethod::Plain);
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
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For people: any client identifier, any secret, any scope, any `http` or `https` redirect
    /// URI, and the `plain` code challenge.
    Lax,
    /// As the specifications demand.
    #[default]
    Strict,
    /// As OAuth 2.1 demands: PKCE for every client, no implicit flow, no password grant.
    Oauth21,
    /// As the FAPI 2.0 Security Profile demands: pushed authorization requests, PKCE with S256,
    /// sender-constrained access tokens, asymmetric client authentication.
    Fapi2,
}

impl Profile {
    /// Every profile, from the laxest on.
    pub const ALL: [Self; 4] = [Self::Lax, Self::Strict, Self::Oauth21, Self::Fapi2];

    /// The name, as in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "lax",
            Self::Strict => "strict",
            Self::Oauth21 => "oauth21",
            Self::Fapi2 => "fapi2",
        }
    }
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

/// How the device grant behaves (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSettings {
    /// How long device code and user code live (RFC 8628 §3.2). Default: ten minutes.
    pub lifetime: Duration,
    /// The least time between two polls, on the issuer's clock; zero lets a device ask as often as
    /// it likes. Default: five seconds.
    pub interval: Duration,
    /// The user who agrees without a page, after `pending_polls`. Default: nobody.
    pub auto: Option<String>,
    /// How many polls are answered `authorization_pending`, after those that are answered
    /// `slow_down`, whatever people do meanwhile. Default: 0.
    pub pending_polls: u32,
    /// How many polls, from the first on, are answered `slow_down`. Default: 0.
    pub slow_downs: u32,
}

impl Default for DeviceSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(10),
            interval: Duration::from_secs(5),
            auto: None,
            pending_polls: 0,
            slow_downs: 0,
        }
    }
}

/// Who may register clients (RFC 7591).
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Registration {
    /// Anybody. Whoever registers a client chooses URLs that the provider calls, such as
    /// `jwks_uri`, so of such a client it calls those alone that lead to the machine that the
    /// registration came from ([`crate::Client::registered_from`]).
    #[default]
    Open,
    /// Who has this initial access token (RFC 7591 §3). The URLs of such a client are called
    /// wherever they lead.
    Token(String),
    /// Nobody: there is no such endpoint.
    Off,
}

/// An initial access token is a secret.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token(<hidden>)",
            Self::Off => "Off",
        })
    }
}
