//! One provider of the configuration: who it is, who we are there, and what we ask for.

use super::vars::{ConfigError, Vars};
use crate::{endpoint::EndpointUrl, secret::Secret};

const DEFAULT_ISSUER: &str = "http://127.0.0.1:9400";
const DEFAULT_CLIENT_ID: &str = "client-app";
const DEFAULT_OPENID_SCOPES: &str = "openid profile email offline_access";
const DEFAULT_OAUTH_SCOPES: &str = "profile email";

/// A provider that users can sign in with, and our registration there.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) client_auth: ClientAuth,
    pub(crate) scopes: Vec<String>,
    pub(crate) kind: Kind,
}

impl ProviderConfig {
    /// The name by which `/login?provider=NAME` selects it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `scope` is among those that we ask for.
    pub(crate) fn asks_for(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }

    /// The configured URLs, from which the back channel decides whether it leaves this machine.
    pub(crate) fn configured_urls(&self) -> Vec<&EndpointUrl> {
        match &self.kind {
            Kind::OpenId {
                issuer_url,
                endpoints,
                ..
            } => {
                let known = endpoints.iter().flat_map(Endpoints::back_channel);
                std::iter::once(issuer_url).chain(known).collect()
            }
            Kind::OAuth { endpoints, .. } => endpoints.back_channel().collect(),
        }
    }
}

/// The two kinds of providers, which differ in how the user is identified.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// OpenID Connect: the ID token and userinfo say who signed in.
    OpenId {
        /// The issuer identifier, compared as a string.
        issuer: String,
        /// The same as a URL, to fetch the metadata from.
        issuer_url: EndpointUrl,
        /// The signature algorithms that an ID token may use.
        algorithms: Vec<Algorithm>,
        /// Given here, or discovered where absent.
        endpoints: Option<Endpoints>,
    },
    /// Plain OAuth 2.0: only userinfo says who signed in.
    OAuth {
        /// What the `iss` parameter of its responses has to be, where that is known.
        issuer: Option<String>,
        /// The endpoints, which cannot be discovered.
        endpoints: Endpoints,
    },
}

/// The endpoints of one provider, configured or discovered.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) authorization: EndpointUrl,
    pub(crate) token: EndpointUrl,
    pub(crate) userinfo: EndpointUrl,
    /// The JSON Web Key Set; a plain OAuth 2.0 provider has none.
    pub(crate) jwks: Option<EndpointUrl>,
    /// Where the user can be signed out at the provider as well.
    pub(crate) end_session: Option<EndpointUrl>,
    /// Whether authorization responses always carry `iss` (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
}

impl Endpoints {
    fn back_channel(&self) -> impl Iterator<Item = &EndpointUrl> {
        [Some(&self.token), Some(&self.userinfo), self.jwks.as_ref()]
            .into_iter()
            .flatten()
    }
}

/// How the client authenticates at the token endpoint (RFC 6749 section 2.3).
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// Not at all: a public client, protected by PKCE.
    Public,
    /// By an `Authorization` header.
    Basic(Secret),
    /// By parameters in the body.
    Post(Secret),
}

/// A signature algorithm that an ID token may be allowed to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order in which messages list them.
    pub(crate) const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The name in JOSE headers (RFC 7518 section 3.1, RFC 8037 section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, spelt exactly so.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Reads the only provider, or each of those that `PROVIDERS` names.
pub(super) fn read_all(vars: &Vars<'_>) -> Result<Vec<ProviderConfig>, ConfigError> {
    let Some(list) = vars.text("PROVIDERS") else {
        let names = Names { inner: None };
        return Ok(vec![read(vars, &names, "default")?]);
    };
    let mut providers: Vec<ProviderConfig> = Vec::new();
    for name in list.split(',').map(str::trim) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let taken = providers.iter().any(|provider| provider.name == name);
        if name.is_empty() || !name.chars().all(fits) || taken {
            return Err(ConfigError::invalid(
                "PROVIDERS",
                format!("`{name}` is not a name of its own in small letters, digits and hyphens"),
                "honest,attacker",
            ));
        }
        let inner = name.to_ascii_uppercase().replace('-', "_");
        providers.push(read(vars, &Names { inner: Some(inner) }, name)?);
    }
    Ok(providers)
}

/// How the variables of one provider are called: `OIDC_ISSUER`, or `OIDC_HONEST_ISSUER`.
struct Names {
    inner: Option<String>,
}

impl Names {
    fn of(&self, family: &str, setting: &str) -> String {
        match &self.inner {
            None => format!("{family}_{setting}"),
            Some(inner) => format!("{family}_{inner}_{setting}"),
        }
    }

    fn oidc(&self, setting: &str) -> String {
        self.of("OIDC", setting)
    }

    fn oauth(&self, setting: &str) -> String {
        self.of("OAUTH", setting)
    }
}

fn read(vars: &Vars<'_>, names: &Names, name: &str) -> Result<ProviderConfig, ConfigError> {
    let kind = read_kind(vars, names)?;
    let setting = |setting: &str| {
        let oidc = vars.text(&names.oidc(setting));
        match kind {
            Kind::OpenId { .. } => oidc,
            Kind::OAuth { .. } => vars.text(&names.oauth(setting)).or(oidc),
        }
    };
    let default_scopes = match kind {
        Kind::OpenId { .. } => DEFAULT_OPENID_SCOPES,
        Kind::OAuth { .. } => DEFAULT_OAUTH_SCOPES,
    };
    let scopes: Vec<String> = setting("SCOPES")
        .unwrap_or_else(|| default_scopes.to_owned())
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if matches!(kind, Kind::OpenId { .. }) && !scopes.iter().any(|scope| scope == "openid") {
        return Err(ConfigError::invalid(
            names.oidc("SCOPES"),
            "OpenID Connect needs the scope `openid`",
            format!(
                "\"openid profile\"; or set {} for a plain OAuth 2.0 provider",
                names.oauth("AUTHORIZATION_ENDPOINT")
            ),
        ));
    }
    let client_auth = read_client_auth(
        setting("CLIENT_SECRET").map(Secret::new),
        setting("CLIENT_AUTH").as_deref(),
        &names.oidc("CLIENT_AUTH"),
    )?;
    Ok(ProviderConfig {
        name: name.to_owned(),
        client_id: setting("CLIENT_ID").unwrap_or_else(|| DEFAULT_CLIENT_ID.to_owned()),
        client_auth,
        scopes,
        kind,
    })
}

fn read_kind(vars: &Vars<'_>, names: &Names) -> Result<Kind, ConfigError> {
    let plain = [
        "AUTHORIZATION_ENDPOINT",
        "TOKEN_ENDPOINT",
        "USERINFO_ENDPOINT",
    ]
    .map(|setting| names.oauth(setting));
    let Some(set) = plain.iter().find(|name| vars.text(name).is_some()) else {
        return read_openid(vars, names);
    };
    let issuer = names.oidc("ISSUER");
    if vars.text(&issuer).is_some() {
        return Err(ConfigError::Conflict {
            one: issuer,
            other: set.clone(),
            hint:
                "keep the issuer for an OpenID Connect provider, the endpoints for plain OAuth 2.0"
                    .to_owned(),
        });
    }
    let reason = format!("a plain OAuth 2.0 provider needs {}", plain.join(", "));
    let [authorization, token, userinfo] = &plain;
    Ok(Kind::OAuth {
        issuer: vars.text(&names.oauth("ISSUER")),
        endpoints: Endpoints {
            authorization: vars.required_endpoint(authorization, &reason)?,
            token: vars.required_endpoint(token, &reason)?,
            userinfo: vars.required_endpoint(userinfo, &reason)?,
            jwks: None,
            end_session: None,
            sends_issuer: false,
        },
    })
}

fn read_openid(vars: &Vars<'_>, names: &Names) -> Result<Kind, ConfigError> {
    let variable = names.oidc("ISSUER");
    let issuer_url = match vars.endpoint(&variable)? {
        Some(url) => url,
        // With several providers a forgotten variable must not point at the default one.
        None if names.inner.is_some() => {
            return Err(ConfigError::Missing {
                hint: format!(
                    "each name in PROVIDERS needs {variable}, or the endpoints of a plain \
                     OAuth 2.0 provider ({} …)",
                    names.oauth("AUTHORIZATION_ENDPOINT")
                ),
                variable,
            });
        }
        None => DEFAULT_ISSUER
            .parse()
            .expect("the default is a loopback URL"),
    };
    if issuer_url.as_url().query().is_some() {
        let problem = "an issuer has no query (OpenID Connect Discovery section 3)";
        return Err(ConfigError::invalid(variable, problem, DEFAULT_ISSUER));
    }
    Ok(Kind::OpenId {
        issuer: vars
            .text(&variable)
            .unwrap_or_else(|| DEFAULT_ISSUER.to_owned()),
        issuer_url,
        algorithms: read_algorithms(vars, &names.oidc("ID_TOKEN_ALGS"))?,
        endpoints: read_openid_endpoints(vars, names)?,
    })
}

fn read_openid_endpoints(vars: &Vars<'_>, names: &Names) -> Result<Option<Endpoints>, ConfigError> {
    let explicit = [
        "AUTHORIZATION_ENDPOINT",
        "TOKEN_ENDPOINT",
        "USERINFO_ENDPOINT",
        "JWKS_URI",
    ]
    .map(|setting| names.oidc(setting));
    if explicit.iter().all(|name| vars.text(name).is_none()) {
        return Ok(None);
    }
    let reason = format!("without discovery all are needed: {}", explicit.join(", "));
    let [authorization, token, userinfo, jwks] = &explicit;
    Ok(Some(Endpoints {
        authorization: vars.required_endpoint(authorization, &reason)?,
        token: vars.required_endpoint(token, &reason)?,
        userinfo: vars.required_endpoint(userinfo, &reason)?,
        jwks: Some(vars.required_endpoint(jwks, &reason)?),
        end_session: vars.endpoint(&names.oidc("END_SESSION_ENDPOINT"))?,
        sends_issuer: false,
    }))
}

fn read_algorithms(vars: &Vars<'_>, variable: &str) -> Result<Vec<Algorithm>, ConfigError> {
    let Some(list) = vars.text(variable) else {
        return Ok(vec![Algorithm::Rs256]);
    };
    list.split(',')
        .map(|name| {
            let name = name.trim();
            Algorithm::of_name(name).ok_or_else(|| {
                let problem = format!("`{name}` is not a supported algorithm");
                let all = Algorithm::ALL.map(Algorithm::name).join(",");
                ConfigError::invalid(variable, problem, format!("one or several of {all}"))
            })
        })
        .collect()
}

fn read_client_auth(
    secret: Option<Secret>,
    method: Option<&str>,
    variable: &str,
) -> Result<ClientAuth, ConfigError> {
    match (secret, method) {
        (None, None) => Ok(ClientAuth::Public),
        (Some(secret), None | Some("client_secret_basic")) => Ok(ClientAuth::Basic(secret)),
        (Some(secret), Some("client_secret_post")) => Ok(ClientAuth::Post(secret)),
        (None, Some("client_secret_basic" | "client_secret_post")) => Err(ConfigError::Missing {
            variable: variable.replace("CLIENT_AUTH", "CLIENT_SECRET"),
            hint: format!("set the secret, or drop {variable} for a public client"),
        }),
        (_, Some(other)) => Err(ConfigError::invalid(
            variable,
            format!("`{other}` is not a supported method"),
            "client_secret_basic or client_secret_post",
        )),
    }
}
