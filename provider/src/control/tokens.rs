//! Tokens without a flow: a user's tokens, signed claims, a sign-in without a browser.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Ask, Outcome, Refusal, answer, done};
use crate::device::{self, DeviceError, Verdict};
use crate::endpoint::{self, OnDemand};
use crate::fault::{JwtDraft, JwtKind};
use crate::jose::{self, Signer, SigningAlgorithm};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issue {
    client_id: String,
    sub: String,
    /// Separated by spaces. Default: `openid`.
    scope: Option<String>,
    nonce: Option<String>,
    test: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    claims: Map<String, Value>,
    /// Members of the JOSE header, beside `alg` and `kid` or in their place.
    #[serde(default)]
    header: Map<String, Value>,
    /// Default: what the issuer signs with.
    algorithm: Option<SigningAlgorithm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    authorization_url: String,
    sub: String,
    /// The scopes to grant. Default: all that the request asks for.
    scope: Option<String>,
    test: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    decision: Said,
    /// Who approves.
    sub: Option<String>,
    /// The scopes to grant. Default: all that the device asks for.
    scope: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Approve,
    Deny,
}

/// What the token endpoint would answer, had the user just signed in to the client.
pub(super) fn issue(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Issue {
        client_id,
        sub,
        scope,
        nonce,
        test,
    } = ask.body()?;
    let client = issuer.state().client(&client_id);
    if client.is_none() && !issuer.state().is_lax() {
        let reason = format!("no client `{client_id}` is registered; GET …/clients lists them");
        return Err(Refusal::invalid(reason));
    }
    if issuer.state().user(&sub).is_none() {
        let reason = format!("there is no user `{sub}`; PUT …/users/{sub} adds one");
        return Err(Refusal::invalid(reason));
    }
    let wanted = OnDemand {
        client_id,
        sub,
        scope: scope.unwrap_or_else(|| "openid".to_owned()),
        nonce,
        test: ask.known_test(test)?,
    };
    endpoint::tokens_on_demand(&issuer, wanted).map_err(Refusal::invalid)
}

/// A JWT with these claims and no others.
pub(super) fn sign(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Sign {
        claims,
        header,
        algorithm,
    } = ask.body()?;
    let keys = &issuer.state().keys;
    let algorithm = algorithm.unwrap_or_else(|| keys.algorithm());
    let key = keys.signing(algorithm).ok_or_else(|| {
        let known: Vec<&str> = keys.algorithms().iter().map(|it| it.as_str()).collect();
        Refusal::invalid(format!(
            "the issuer has no key for `{}`; it has some for {}",
            algorithm.as_str(),
            known.join(", ")
        ))
    })?;
    let mut all = Map::from_iter([
        ("alg".to_owned(), json!(algorithm.as_str())),
        ("typ".to_owned(), json!("JWT")),
        ("kid".to_owned(), json!(key.kid)),
    ]);
    all.extend(header);
    let draft = JwtDraft::new(JwtKind::IdToken, all, claims);
    let jwt = jose::sign_with(keys, &Signer::Key(key), draft);
    Ok(answer(200, &json!({"jwt": jwt})))
}

/// The URL that the browser would come back to.
pub(super) fn log_in(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let LogIn {
        authorization_url,
        sub,
        scope,
        test,
    } = ask.body()?;
    let test = ask.known_test(test)?;
    let login = endpoint::Login {
        sub: &sub,
        scope: scope.as_deref(),
        test: test.as_deref(),
    };
    let callback = endpoint::headless_login(&issuer, &authorization_url, login)
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    let mut document = json!({"callback_url": callback.url});
    if let Some(form) = callback.form {
        // Of a response mode that posts: what the browser would post there.
        let fields = form.into_iter().map(|(name, value)| (name, json!(value)));
        document["form"] = Value::Object(fields.collect());
    }
    Ok(answer(200, &document))
}

/// What people would say to a device on its page (RFC 8628 §3.3).
pub(super) fn decide(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Decide {
        decision,
        sub,
        scope,
    } = ask.body()?;
    let scopes: Option<Vec<String>> =
        scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect());
    let verdict = match (&decision, &sub) {
        (Said::Deny, _) => Verdict::Deny,
        (Said::Approve, Some(sub)) if issuer.state().user(sub).is_some() => Verdict::Approve {
            sub,
            scopes: scopes.as_deref(),
        },
        (Said::Approve, Some(sub)) => {
            let reason = format!("there is no user `{sub}`; PUT …/users/{sub} adds one");
            return Err(Refusal::invalid(reason));
        }
        (Said::Approve, None) => {
            return Err(Refusal::invalid("who approves? give the user as `sub`"));
        }
    };
    device::decide(issuer.state(), ask.name(1), verdict).map_err(|error| match error {
        DeviceError::Unknown { .. } | DeviceError::Expired { .. } => {
            Refusal::missing(error.to_string())
        }
        DeviceError::Answered { .. } => Refusal::new(409, "conflict", error.to_string()),
        DeviceError::Unreachable => Refusal::new(503, "temporarily_unavailable", error.to_string())
            .header("retry-after", "1"),
    })?;
    Ok(done())
}
