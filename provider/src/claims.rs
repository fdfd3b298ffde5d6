//! Which claims about a user go where: those that scopes release, those that a request asks for by
//! name, and those that the issuer was told to add.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::issuer::IssuerState;
use crate::parties::User;

/// Claims to add, beside those of the user, to what a matching token or response says. Every
/// condition that is given must hold; of several rules for one claim the last counts.
///
/// ```
/// use oauth_gauntlet_provider::{ClaimRule, Client, MockProvider, TokensFor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = r#"{"user": "alice", "scope": "openid", "id-token": {"groups": ["admin"]}}"#;
/// let provider = MockProvider::builder()
///     .client(Client::public("app"))
///     .claim_rule(serde_json::from_str::<ClaimRule>(rule)?)
///     .start()
///     .await?;
/// // Her ID tokens have the claim from now on, and nothing else has it.
/// let tokens = provider.issuer().tokens(TokensFor::new("app", "alice"))?;
/// assert!(tokens.contains_key("id_token"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ClaimRule {
    /// The client identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// A scope that was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The `sub` of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The `login_hint` of the authorization request (OIDC Core §3.1.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Claims for ID token, userinfo response and access token alike.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub everywhere: Map<String, Value>,
    /// Claims for the ID token.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub id_token: Map<String, Value>,
    /// Claims for the userinfo response.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub userinfo: Map<String, Value>,
    /// Claims for an access token that is a JWT, and for what introspection says.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub access_token: Map<String, Value>,
}

/// What is to carry claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    IdToken,
    Userinfo,
    AccessToken,
}

/// Whom claims are about, and on what occasion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// The `sub` as the issuer knows it; none where a client acts for itself.
    pub(crate) sub: Option<&'a str>,
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) login_hint: Option<&'a str>,
    /// Claims that were asked for by name.
    pub(crate) asked: &'a [String],
}

/// What the protocol itself says of a token, and no user can replace.
const PROTOCOL: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "azp",
    "cnf",
    "acr",
];

/// The claims for a carrier, in the order of the user's claims.
pub(crate) fn about(
    issuer: &IssuerState,
    carrier: Carrier,
    occasion: &Occasion<'_>,
) -> Map<String, Value> {
    let mut claims = match occasion.sub {
        Some(sub) if carrier != Carrier::AccessToken => of_user(issuer, sub, occasion),
        _ => Map::new(),
    };
    let rules = issuer.settings.claims.iter();
    for rule in rules.filter(|rule| rule.holds(occasion)) {
        let own = match carrier {
            Carrier::IdToken => &rule.id_token,
            Carrier::Userinfo => &rule.userinfo,
            Carrier::AccessToken => &rule.access_token,
        };
        let added = rule.everywhere.iter().chain(own);
        claims.extend(added.map(|(name, value)| (name.clone(), value.clone())));
    }
    if !issuer.settings.claims.is_empty() {
        // An audience of one's own is what people ask of access tokens.
        let may_be_set = |name: &str| name == "aud" && carrier == Carrier::AccessToken;
        claims.retain(|name, _| !PROTOCOL.contains(&name.as_str()) || may_be_set(name));
    }
    claims
}

fn of_user(issuer: &IssuerState, sub: &str, occasion: &Occasion<'_>) -> Map<String, Value> {
    let scopes = &issuer.settings.scopes;
    let by_scope =
        (occasion.scopes.iter()).filter_map(|scope| scopes.get(scope).map(Vec::as_slice));
    let released: Vec<&[String]> = (by_scope.chain([occasion.asked]))
        .filter(|claims| !claims.is_empty())
        .collect();
    if released.is_empty() {
        return Map::new();
    }
    let is_released = |name: &String| {
        released.iter().any(|claims| claims.contains(name)) && !PROTOCOL.contains(&name.as_str())
    };
    let released = |claims: &Map<String, Value>| {
        (claims.iter())
            .filter(|(name, _)| is_released(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    issuer.with_user(sub, |user| match user {
        Some(user) => released(&user.claims),
        None => released(&User::from_sub(sub).claims),
    })
}

impl ClaimRule {
    fn holds(&self, occasion: &Occasion<'_>) -> bool {
        let is = |wanted: &Option<String>, actual: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| actual == Some(wanted))
        };
        is(&self.client, Some(occasion.client_id))
            && is(&self.user, occasion.sub)
            && is(&self.login_hint, occasion.login_hint)
            && (self.scope.as_ref()).is_none_or(|scope| occasion.scopes.contains(scope))
    }
}

/// The `claims` parameter of an authorization request (OIDC Core §5.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimsRequest {
    pub(crate) id_token: BTreeMap<String, Demand>,
    pub(crate) userinfo: BTreeMap<String, Demand>,
}

/// What a request wants of one claim (OIDC Core §5.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Demand {
    pub(crate) essential: bool,
    /// The values that are good, as JSON texts; empty for any.
    pub(crate) values: Vec<String>,
}

impl ClaimsRequest {
    /// Reads the parameter. Members that nobody knows are left alone, as OIDC Core §5.5 has it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let members: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("the parameter `claims` is no JSON object: {error}"))?;
        Ok(Self {
            id_token: demands(&members, "id_token")?,
            userinfo: demands(&members, "userinfo")?,
        })
    }

    /// The values of a claim of the ID token that are good, where the request is particular.
    pub(crate) fn wanted(&self, claim: &str) -> Option<&Demand> {
        (self.id_token.get(claim)).filter(|demand| !demand.values.is_empty())
    }
}

fn demands(
    members: &Map<String, Value>,
    carrier: &str,
) -> Result<BTreeMap<String, Demand>, String> {
    let demands = match members.get(carrier) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(demands)) => demands,
        Some(_) => {
            return Err(format!(
                "`{carrier}` in the parameter `claims` is no object"
            ));
        }
    };
    demands
        .iter()
        .map(|(claim, wish)| {
            let demand = match wish {
                Value::Null => Demand::default(),
                Value::Object(wish) => demand(wish),
                _ => {
                    return Err(format!(
                        "`{carrier}.{claim}` in the parameter `claims` is neither null nor an object"
                    ));
                }
            };
            Ok((claim.clone(), demand))
        })
        .collect()
}

fn demand(wish: &Map<String, Value>) -> Demand {
    let listed = wish.get("values").and_then(Value::as_array);
    let values = wish
        .get("value")
        .into_iter()
        .chain(listed.into_iter().flatten());
    Demand {
        essential: wish.get("essential").and_then(Value::as_bool) == Some(true),
        values: values.map(Value::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_parameter_is_read_as_the_specification_shows_it() {
        let request = ClaimsRequest::parse(
            r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null},
                "id_token": {"acr": {"values": ["a", "b"]}, "sub": {"value": "alice"}},
                "unknown": 1}"#,
        )
        .unwrap();
        assert!(request.userinfo["given_name"].essential);
        assert_eq!(request.userinfo["nickname"], Demand::default());
        assert_eq!(request.wanted("acr").unwrap().values, ["\"a\"", "\"b\""]);
        assert_eq!(request.wanted("sub").unwrap().values, ["\"alice\""]);
        for wrong in ["", "[]", "{\"userinfo\": 1}", "{\"id_token\": {\"a\": 1}}"] {
            assert!(ClaimsRequest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
