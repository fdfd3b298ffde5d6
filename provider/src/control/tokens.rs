//! Tokens without a flow: a user's tokens, signed claims, a sign-in without a browser.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Ask, Outcome, Refusal, answer, done};
use crate::device::DeviceError;
use crate::endpoint;
use crate::issuer::{Login, TokensError, TokensFor};
use crate::jose::SigningAlgorithm;

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
    let wanted = TokensFor {
        client_id,
        sub,
        scope: scope.unwrap_or_else(|| "openid".to_owned()),
        nonce,
        test: ask.known_test(test)?,
    };
    endpoint::tokens_on_demand(&issuer, wanted).map_err(|error| {
        let way_out = match &error {
            TokensError::UnknownClient { .. } => "; GET …/clients lists them".to_owned(),
            TokensError::UnknownUser { sub } => format!("; PUT …/users/{sub} adds one"),
            TokensError::UnknownScope { .. } | TokensError::Answer { .. } => String::new(),
        };
        Refusal::invalid(format!("{error}{way_out}"))
    })
}

/// A JWT with these claims and no others.
pub(super) fn sign(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let Sign {
        claims,
        header,
        algorithm,
    } = ask.body()?;
    let algorithm = algorithm.unwrap_or_else(|| issuer.state().keys.algorithm());
    let jwt = issuer
        .sign_as(algorithm, &header, &claims)
        .map_err(|error| Refusal::invalid(error.to_string()))?;
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
    let login = Login {
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
    let user_code = ask.name(1);
    let said = match (&decision, &sub) {
        (Said::Deny, _) => issuer.deny_device(user_code),
        (Said::Approve, Some(sub)) => {
            let scope = scope.as_deref();
            let login = Login {
                sub,
                scope,
                test: None,
            };
            issuer.approve_device(user_code, login)
        }
        (Said::Approve, None) => {
            return Err(Refusal::invalid("who approves? give the user as `sub`"));
        }
    };
    said.map_err(|error| match &error {
        DeviceError::UnknownUser { sub } => {
            Refusal::invalid(format!("{error}; PUT …/users/{sub} adds one"))
        }
        DeviceError::Unknown { .. } | DeviceError::Expired { .. } => {
            Refusal::missing(error.to_string())
        }
        DeviceError::Answered { .. } => Refusal::new(409, "conflict", error.to_string()),
        DeviceError::Unreachable => Refusal::new(503, "temporarily_unavailable", error.to_string())
            .header("retry-after", "1"),
    })?;
    Ok(done())
}
