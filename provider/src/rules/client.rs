//! How a client proves who it is (RFC 6749 §2.3, RFC 7523 §3, RFC 8705 §2).

use std::fmt;

use serde_json::{Map, Value};

use super::{Holds, Rule, Violation, demand, same_secret};
use crate::names::AuthMethod;
use crate::parties::Client;

/// How a client presented itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) method: AuthMethod,
    pub(crate) secret: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_id", &self.client_id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What an assertion is for (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// For how many seconds from now on an assertion may be valid.
const LONGEST_ASSERTION: u64 = 3_600;

/// How far the clock of a client may be ahead, in seconds.
const CLOCK_SKEW: u64 = 60;

/// `methods` are those that the request uses.
pub(crate) fn single_auth_method(methods: usize) -> Holds {
    demand(methods < 2, Rule::SingleAuthMethod, || {
        format!("the client authenticates in {methods} ways")
    })
}

/// The method is one that the client registered.
pub(crate) fn registered_auth_method(client: &Client, method: AuthMethod) -> Holds {
    let id = &client.id;
    let holds =
        client.auth_methods.contains(&method) || (method == AuthMethod::None && client.is_public());
    demand(holds, Rule::ClientAuthentication, || match method {
        AuthMethod::None => match &client.secret {
            Some(_) => format!("the client `{id}` sent no secret"),
            None => format!("the client `{id}` did not prove who it is"),
        },
        method => format!("the client `{id}` may not use {}", method.as_str()),
    })
}

pub(crate) fn client_secret(client: &Client, shown: &Credentials) -> Holds {
    let id = &client.id;
    let violated = |detail: String| {
        Err(Violation {
            rule: Rule::ClientAuthentication,
            detail,
        })
    };
    match (&client.secret, &shown.secret) {
        (_, None) => registered_auth_method(client, shown.method),
        (None, Some(_)) => violated(format!("the client `{id}` is public and has no secret")),
        (Some(registered), Some(secret)) => {
            registered_auth_method(client, shown.method)?;
            if same_secret(registered, secret) {
                return Ok(());
            }
            violated(format!("the secret of the client `{id}` is wrong"))
        }
    }
}

pub(crate) fn client_certificate(client: &Client, is_the_clients: bool) -> Holds {
    demand(is_the_clients, Rule::ClientCertificate, || {
        let id = &client.id;
        format!("the client `{id}` showed no certificate, or not the one that it registered")
    })
}

/// FAPI 2.0 takes keys and certificates alone.
pub(crate) fn asymmetric_client_authentication(method: AuthMethod) -> Holds {
    let holds = match method {
        AuthMethod::PrivateKeyJwt
        | AuthMethod::TlsClientAuth
        | AuthMethod::SelfSignedTlsClientAuth => true,
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::ClientSecretJwt
        | AuthMethod::None => false,
    };
    demand(holds, Rule::AsymmetricClientAuthentication, || {
        let method = method.as_str();
        format!("the client authenticates by `{method}`, not by a key or a certificate of its own")
    })
}

pub(crate) fn assertion_type(sent: Option<&str>) -> Holds {
    demand(
        sent == Some(ASSERTION_TYPE),
        Rule::AssertionType,
        || match sent {
            Some(sent) => format!("the client_assertion_type is `{sent}`, not `{ASSERTION_TYPE}`"),
            None => "the client_assertion has no client_assertion_type".to_owned(),
        },
    )
}

/// A token for another purpose is no assertion, though the client may have signed it (RFC 8725
/// §3.11).
pub(crate) fn assertion_typ(header: &Map<String, Value>) -> Holds {
    let typ = header.get("typ").and_then(Value::as_str);
    let short = |typ: &str| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
    };
    let holds = typ.is_none_or(|typ| {
        let typ = short(typ);
        matches!(typ.as_str(), "jwt" | "client-authentication+jwt")
    });
    demand(holds, Rule::AssertionTyp, || {
        let typ = typ.unwrap_or_default();
        format!("the `typ` of the client_assertion is `{typ}`")
    })
}

/// `problem` is what is wrong with the signature.
pub(crate) fn assertion_signature(problem: Option<String>) -> Holds {
    demand(problem.is_none(), Rule::AssertionSignature, || {
        let problem = problem.unwrap_or_default();
        format!("the client_assertion cannot be verified: {problem}")
    })
}

pub(crate) fn assertion_of_the_client(claims: &Map<String, Value>, client_id: &str) -> Holds {
    let wrong = ["iss", "sub"]
        .into_iter()
        .find(|claim| claims.get(*claim).and_then(Value::as_str) != Some(client_id));
    demand(wrong.is_none(), Rule::AssertionOfTheClient, || {
        let claim = wrong.unwrap_or_default();
        format!("the `{claim}` of the client_assertion is not `{client_id}`")
    })
}

/// `accepted` are the issuer identifier and the URLs that stand for it.
pub(crate) fn assertion_audience(claims: &Map<String, Value>, accepted: &[&str]) -> Holds {
    let is_accepted = |it: &Value| it.as_str().is_some_and(|it| accepted.contains(&it));
    let holds = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(is_accepted),
        Some(one) => is_accepted(one),
        None => false,
    };
    demand(holds, Rule::AssertionAudience, || {
        let accepted = accepted.first().unwrap_or(&"");
        format!("the `aud` of the client_assertion is not `{accepted}`")
    })
}

pub(crate) fn fresh_assertion(claims: &Map<String, Value>, now: u64) -> Holds {
    let time = |claim: &str| numeric_date(claims.get(claim));
    let problem = match (time("exp"), time("nbf"), time("iat")) {
        (Err(()), _, _) | (_, Err(()), _) | (_, _, Err(())) => Some("has a time that is no number"),
        (Ok(None), _, _) => Some("has no `exp`"),
        (Ok(Some(exp)), _, _) if exp <= now => Some("has expired"),
        (Ok(Some(exp)), _, _) if exp > now.saturating_add(LONGEST_ASSERTION) => {
            Some("would be valid for more than an hour")
        }
        (_, Ok(Some(begin)), _) | (_, _, Ok(Some(begin)))
            if begin > now.saturating_add(CLOCK_SKEW) =>
        {
            Some("is not valid yet")
        }
        _ => None,
    };
    demand(problem.is_none(), Rule::FreshAssertion, || {
        let problem = problem.unwrap_or_default();
        format!("the client_assertion {problem}; it is {now} here")
    })
}

pub(crate) fn unused_assertion(claims: &Map<String, Value>, is_new: bool) -> Holds {
    let has_jti = claims.get("jti").is_some_and(Value::is_string);
    demand(has_jti && is_new, Rule::UnusedAssertion, || {
        if has_jti {
            "the `jti` of the client_assertion was used before".to_owned()
        } else {
            "the client_assertion has no `jti`".to_owned()
        }
    })
}

/// A `NumericDate` (RFC 7519 §2), in whole seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number that there is"
)]
pub(crate) fn numeric_date(claim: Option<&Value>) -> Result<Option<u64>, ()> {
    match claim {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let float = || number.as_f64().map(|it| it as u64);
            number.as_u64().or_else(float).map(Some).ok_or(())
        }
        Some(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_secret_is_compared_whole() {
        let client = Client::confidential("app", "secret");
        let shown = |secret: Option<&str>, method| Credentials {
            client_id: "app".to_owned(),
            method,
            secret: secret.map(str::to_owned),
        };
        let basic = AuthMethod::ClientSecretBasic;
        assert!(client_secret(&client, &shown(Some("secret"), basic)).is_ok());
        for wrong in ["", "secre", "secret2", "SECRET"] {
            assert!(client_secret(&client, &shown(Some(wrong), basic)).is_err());
        }
        assert!(client_secret(&client, &shown(None, AuthMethod::None)).is_err());
        let post_only = client.auth_methods([AuthMethod::ClientSecretPost]);
        assert!(client_secret(&post_only, &shown(Some("secret"), basic)).is_err());
        let public = Client::public("app");
        assert!(client_secret(&public, &shown(None, AuthMethod::None)).is_ok());
        assert!(client_secret(&public, &shown(Some("x"), basic)).is_err());
    }

    #[test]
    fn an_assertion_names_the_client_twice() {
        let good = json!({"iss": "app", "sub": "app"});
        assert!(assertion_of_the_client(&claims(&good), "app").is_ok());
        for bad in [
            json!({"iss": "app"}),
            json!({"sub": "app"}),
            json!({"iss": "other", "sub": "app"}),
            json!({"iss": "app", "sub": ["app"]}),
        ] {
            assert!(
                assertion_of_the_client(&claims(&bad), "app").is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_assertion_is_for_this_issuer_among_others() {
        let accepted = ["http://op", "http://op/token"];
        for (aud, holds) in [
            (json!("http://op"), true),
            (json!("http://op/token"), true),
            (json!(["http://other", "http://op"]), true),
            (json!([]), false),
            (json!("http://op/"), false),
            (json!({"http://op": true}), false),
            (Value::Null, false),
        ] {
            let held = assertion_audience(&claims(&json!({"aud": aud})), &accepted).is_ok();
            assert_eq!(held, holds, "{aud}");
        }
        assert!(assertion_audience(&Map::new(), &accepted).is_err());
    }

    #[test]
    fn an_assertion_expires_and_does_so_soon() {
        for (times, holds) in [
            (json!({"exp": 1_060}), true),
            (json!({"exp": 1_060.5, "iat": 999.9, "nbf": 1_000}), true),
            (json!({"exp": 1_060, "iat": 1_061}), false),
            (json!({"exp": 1_060, "nbf": 1_061}), false),
            (json!({"exp": 1_000}), false),
            (json!({"exp": 4_601}), false),
            (json!({"exp": "1060"}), false),
            (json!({"exp": -1}), false),
            (json!({}), false),
        ] {
            let held = fresh_assertion(&claims(&times), 1_000).is_ok();
            assert_eq!(held, holds, "{times}");
        }
    }

    #[test]
    fn the_typ_of_an_assertion_is_its_own_or_the_general_one() {
        let held = |typ: Value| assertion_typ(&claims(&json!({"typ": typ}))).is_ok();
        assert!(assertion_typ(&Map::new()).is_ok());
        for typ in ["JWT", "jwt", "client-authentication+jwt", "application/jwt"] {
            assert!(held(json!(typ)), "{typ}");
        }
        for typ in ["dpop+jwt", "at+jwt", "oauth-authz-req+jwt", ""] {
            assert!(!held(json!(typ)), "{typ}");
        }
    }
}
