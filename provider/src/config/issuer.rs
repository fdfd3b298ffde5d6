//! The settings of an issuer as configuration files and the control API write them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::keys::{Files, KeysConfig};
use super::people::{ClientConfig, UserConfig};
use super::values::{Moment, Secret, Span};
use crate::claims::ClaimRule;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::jose::SigningAlgorithm;
use crate::names::{AccessTokenFormat, ChallengeMethod, GrantType};
use crate::parties::{Client, User};
use crate::rules::Rule;
use crate::settings::{Enforcement, IssuerSettings, Profile, RefreshTokens, Registration, SignIn};

/// The settings of an issuer. What is left out is as the default has it, in a named issuer as the
/// default issuer has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct IssuerConfig {
    /// Which rules exist. Default: `lax` as a program, `strict` otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<Profile>,
    /// What a broken rule leads to. Default: `enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enforcement: Option<Enforcement>,
    /// Rules that are only observed, whatever `enforcement` says. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed: Option<BTreeSet<Rule>>,
    /// The `sub` of the user who is always signed in, without a page. Empty, which is the
    /// default: people sign in on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auto: Option<String>,
    /// Whether the request header `gauntlet-user` of an authorization request names the user, who
    /// is then signed in without a page, and `gauntlet-withhold` the scopes that the user does
    /// not grant. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_header: Option<bool>,
    /// What ID tokens are signed with. Default: `RS256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) algorithm: Option<SigningAlgorithm>,
    /// What access tokens look like, where the client does not say. Default: `opaque`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token_format: Option<AccessTokenFormat>,
    /// The grants that are served. Default: all but `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<BTreeSet<GrantType>>,
    /// The resource indicators that may be asked for (RFC 8707 §2). Default: any absolute URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resources: Option<BTreeSet<String>>,
    /// The authentication context classes that can be asked for (OIDC Core §3.1.2.1); the first
    /// is what a sign-in has where none is asked for. Default: `urn:mock:password` and
    /// `urn:mock:mfa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr_values: Option<Vec<String>>,
    /// When refresh tokens are issued. Default: `offline-access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_tokens: Option<RefreshTokens>,
    /// Whether a refresh token is replaced when it is used, and its family ended when it is used
    /// again (RFC 9700 §4.14.2). Default: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rotate_refresh_tokens: Option<bool>,
    /// The code challenge methods that are accepted (RFC 7636 §4.2). Default: `S256`; a lax
    /// issuer takes `plain` as well. Empty: none is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) challenge_methods: Option<BTreeSet<ChallengeMethod>>,
    /// Whether the authorization response names the issuer (RFC 9207). Default: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss_parameter: Option<bool>,
    /// Whether DPoP proofs need a nonce of the provider (RFC 9449 §8). Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_nonces: Option<bool>,
    /// The `Cache-Control` of discovery document and key set. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    /// Who may register clients (RFC 7591). Default: `open`. Where anybody may, `jwks_uri` and the
    /// like are called only if they lead to the machine that registered the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registration: Option<RegistrationConfig>,
    /// Makes codes, tokens and handles foreseeable, for reproducible runs. Default: they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    /// When the issuer's clock stands still. Default: it goes with the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<Moment>,
    /// Where signing keys come from. Default: `generated` as a program, `test` otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<KeysConfig>,
    /// How long things live.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) lifetimes: Lifetimes,
    /// How the device grant behaves (RFC 8628).
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) device: DeviceConfig,
    /// Scopes and the claims that they release, beside the standard ones (OIDC Core §5.4).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) scopes: BTreeMap<String, Vec<String>>,
    /// Those who can sign in. Default: alice, bob and carol.
    #[serde(rename = "user", skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<Vec<UserConfig>>,
    /// The registered clients. Default: none.
    #[serde(rename = "client", skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<Vec<ClientConfig>>,
    /// Claims beside those of the users, by client, scope, user or login hint. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<Vec<ClaimRule>>,
    /// What goes wrong. A named issuer has no faults but its own.
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<Fault>,
}

/// How long things live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Lifetimes {
    /// Access tokens, where the client does not say. Default: `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token: Option<Span>,
    /// ID tokens. Default: `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<Span>,
    /// Refresh tokens. Default: `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<Span>,
    /// Authorization codes. Default: `1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Span>,
    /// Pushed authorization requests (RFC 9126 §2.2). Default: `1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pushed_request: Option<Span>,
    /// The sign-in of a browser. Default: `12h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Span>,
}

/// How the device grant behaves (RFC 8628).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DeviceConfig {
    /// How long device code and user code live (RFC 8628 §3.2). Default: `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifetime: Option<Span>,
    /// The least time between two polls. Default: `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Span>,
    /// The `sub` of the user who agrees without a page, after `pending-polls`. Empty, which is
    /// the default: somebody has to enter the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auto: Option<String>,
    /// How many polls are answered `authorization_pending`, whatever people do meanwhile.
    /// Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pending_polls: Option<u32>,
    /// How many polls, from the first on, are answered `slow_down`. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slow_downs: Option<u32>,
}

/// Who may register clients (RFC 7591).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RegistrationConfig {
    /// Anybody.
    Open,
    /// Who has this initial access token (RFC 7591 §3).
    Token(Secret),
    /// Nobody: there is no such endpoint.
    Off,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl IssuerConfig {
    /// Applies what is given to settings; the faults are the caller's to arm.
    pub(crate) fn apply(
        self,
        settings: &mut IssuerSettings,
        files: Files,
    ) -> Result<Vec<Fault>, ConfigError> {
        fn set<T>(target: &mut T, value: Option<impl Into<T>>) {
            if let Some(value) = value {
                *target = value.into();
            }
        }
        set(&mut settings.profile, self.profile);
        set(&mut settings.enforcement, self.enforcement);
        set(&mut settings.observed, self.observed);
        set(&mut settings.sign_in, self.auto.map(signing_in));
        set(&mut settings.user_header, self.user_header);
        set(&mut settings.algorithm, self.algorithm);
        set(&mut settings.access_token_format, self.access_token_format);
        set(&mut settings.grants, self.grants);
        set(&mut settings.resources, self.resources.map(Some));
        set(&mut settings.acr_values, self.acr_values);
        set(&mut settings.refresh_tokens, self.refresh_tokens);
        let rotate = &mut settings.rotate_refresh_tokens;
        set(rotate, self.rotate_refresh_tokens);
        set(&mut settings.challenge_methods, self.challenge_methods);
        set(&mut settings.iss_parameter, self.iss_parameter);
        set(&mut settings.dpop_nonces, self.dpop_nonces);
        set(&mut settings.cache_control, self.cache_control.map(Some));
        set(&mut settings.registration, self.registration);
        set(&mut settings.seed, self.seed.map(Some));
        let clock = self.clock.map(|moment| Clock::fixed(moment.0));
        set(&mut settings.clock, clock);
        if let Some(keys) = self.keys {
            settings.keys = keys.source(files)?;
        }
        self.lifetimes.apply(settings);
        self.device.apply(settings);
        settings.scopes.extend(self.scopes);
        let users = self.users.map(|users| users.into_iter().map(User::from));
        set(&mut settings.users, users.map(Iterator::collect::<Vec<_>>));
        let clients = self.clients;
        let clients = clients.map(|clients| clients.into_iter().map(Client::from));
        set(
            &mut settings.clients,
            clients.map(Iterator::collect::<Vec<_>>),
        );
        set(&mut settings.claims, self.claims);
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|source| ConfigError::Fault {
                number: index + 1,
                source,
            })?;
        }
        Ok(self.faults)
    }

    /// What would lead to these settings. Keys are not told: they are known as what was read.
    pub(crate) fn of(settings: &IssuerSettings) -> Self {
        let settings = settings.clone();
        Self {
            profile: Some(settings.profile),
            enforcement: Some(settings.enforcement),
            observed: Some(settings.observed),
            auto: Some(match settings.sign_in {
                SignIn::Page => String::new(),
                SignIn::Auto { sub } => sub,
            }),
            user_header: Some(settings.user_header),
            algorithm: Some(settings.algorithm),
            access_token_format: Some(settings.access_token_format),
            grants: Some(settings.grants),
            resources: settings.resources,
            acr_values: Some(settings.acr_values),
            refresh_tokens: Some(settings.refresh_tokens),
            rotate_refresh_tokens: Some(settings.rotate_refresh_tokens),
            challenge_methods: Some(settings.challenge_methods),
            iss_parameter: Some(settings.iss_parameter),
            dpop_nonces: Some(settings.dpop_nonces),
            cache_control: settings.cache_control,
            registration: Some(settings.registration.into()),
            seed: settings.seed,
            clock: settings.clock.standing_still().map(Moment),
            keys: None,
            lifetimes: Lifetimes {
                access_token: Some(Span(settings.access_token_lifetime)),
                id_token: Some(Span(settings.id_token_lifetime)),
                refresh_token: Some(Span(settings.refresh_token_lifetime)),
                code: Some(Span(settings.code_lifetime)),
                pushed_request: Some(Span(settings.pushed_request_lifetime)),
                session: Some(Span(settings.session_lifetime)),
            },
            device: DeviceConfig {
                lifetime: Some(Span(settings.device.lifetime)),
                interval: Some(Span(settings.device.interval)),
                auto: Some(settings.device.auto.unwrap_or_default()),
                pending_polls: Some(settings.device.pending_polls),
                slow_downs: Some(settings.device.slow_downs),
            },
            scopes: settings.scopes,
            users: Some(settings.users.iter().map(UserConfig::from).collect()),
            clients: Some(settings.clients.iter().map(ClientConfig::from).collect()),
            claims: Some(settings.claims),
            faults: Vec::new(),
        }
    }
}

impl Lifetimes {
    fn apply(self, settings: &mut IssuerSettings) {
        for (target, span) in [
            (&mut settings.access_token_lifetime, self.access_token),
            (&mut settings.id_token_lifetime, self.id_token),
            (&mut settings.refresh_token_lifetime, self.refresh_token),
            (&mut settings.code_lifetime, self.code),
            (&mut settings.pushed_request_lifetime, self.pushed_request),
            (&mut settings.session_lifetime, self.session),
        ] {
            *target = span.map_or(*target, |span| span.0);
        }
    }
}

impl DeviceConfig {
    fn apply(self, settings: &mut IssuerSettings) {
        let device = &mut settings.device;
        device.lifetime = self.lifetime.map_or(device.lifetime, |span| span.0);
        device.interval = self.interval.map_or(device.interval, |span| span.0);
        if let Some(sub) = self.auto {
            device.auto = (!sub.is_empty()).then_some(sub);
        }
        device.pending_polls = self.pending_polls.unwrap_or(device.pending_polls);
        device.slow_downs = self.slow_downs.unwrap_or(device.slow_downs);
    }
}

fn signing_in(sub: String) -> SignIn {
    if sub.is_empty() {
        SignIn::Page
    } else {
        SignIn::Auto { sub }
    }
}

impl From<RegistrationConfig> for Registration {
    fn from(config: RegistrationConfig) -> Self {
        match config {
            RegistrationConfig::Open => Self::Open,
            RegistrationConfig::Token(token) => Self::Token(token.0),
            RegistrationConfig::Off => Self::Off,
        }
    }
}

impl From<Registration> for RegistrationConfig {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Open => Self::Open,
            Registration::Token(token) => Self::Token(Secret(token)),
            Registration::Off => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_survive_being_written_and_read() {
        let mut settings = IssuerSettings {
            profile: Profile::Fapi2,
            sign_in: SignIn::Auto {
                sub: "alice".to_owned(),
            },
            registration: Registration::Token("t".to_owned()),
            clock: Clock::fixed(1_800_000_000),
            seed: Some(7),
            ..IssuerSettings::default()
        };
        settings.device.pending_polls = 3;
        settings.clients.push(Client::confidential("a", "b"));
        let written = IssuerConfig::of(&settings);
        let text = serde_json::to_value(&written).unwrap();
        let read: IssuerConfig = serde_json::from_value(text).unwrap();
        let mut again = IssuerSettings::default();
        read.apply(&mut again, Files::Forbidden).unwrap();
        assert_eq!(IssuerConfig::of(&again), written);
    }

    #[test]
    fn what_is_not_given_stays_and_an_empty_name_goes_back_to_the_page() {
        let mut settings = IssuerSettings {
            sign_in: SignIn::Auto {
                sub: "alice".to_owned(),
            },
            ..IssuerSettings::default()
        };
        let before = IssuerConfig::of(&settings);
        let nothing = IssuerConfig::default();
        nothing.apply(&mut settings, Files::Forbidden).unwrap();
        assert_eq!(IssuerConfig::of(&settings), before);
        let page: IssuerConfig = serde_json::from_value(json!({"auto": ""})).unwrap();
        page.apply(&mut settings, Files::Forbidden).unwrap();
        assert_eq!(settings.sign_in, SignIn::Page);
    }

    #[test]
    fn a_fault_that_makes_no_sense_is_named_by_its_number() {
        let config = json!({"fault": [{"jwks": {"empty": true}}, {"token": {}}]});
        let config: IssuerConfig = serde_json::from_value(config).unwrap();
        let error = config.apply(&mut IssuerSettings::default(), Files::Forbidden);
        assert!(error.unwrap_err().to_string().contains("fault 2"));
    }
}
