//! Where the parameters of an authorization request are: in the request itself, in a request object
//! (RFC 9101), or with us already, since they were pushed (RFC 9126).

use serde_json::{Map, Value};

use super::problem::{Problem, Told, Way, told};
use crate::endpoint::Call;
use crate::endpoint::client_keys::{self, ClientKeysError};
use crate::endpoint::message::{Pairs, typed, value};
use crate::jose::SigningAlgorithm;
use crate::jose::verify::{Jws, JwsError};
use crate::parties::Client;
use crate::protocol::{AuthorizationParameters, ErrorCode};
use crate::rules;

/// What the URIs of pushed requests begin with (RFC 9126 §2.2).
pub(in crate::endpoint) const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// Claims of a request object that are about itself.
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The parameters that count.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) pairs: Pairs,
    /// Whether they were in a request object that the client signed.
    pub(super) signed: bool,
    /// Under which they were pushed.
    pub(super) request_uri: Option<String>,
}

/// Finds the parameters that count. What goes wrong here is told to the client only where its
/// redirect URI is in sight and registered.
pub(super) fn gather(
    call: &Call<'_>,
    client: &Client,
    outer: &[(String, String)],
) -> Result<Asked, Problem> {
    let (request, request_uri) = (value(outer, "request"), value(outer, "request_uri"));
    let (gathered, in_sight) = match (request, request_uri) {
        (None, None) => (
            Ok(Asked {
                pairs: outer.to_vec(),
                signed: false,
                request_uri: None,
            }),
            None,
        ),
        (Some(_), Some(_)) => {
            let reason = "request and request_uri exclude each other";
            (told(ErrorCode::InvalidRequest, reason), None)
        }
        (None, Some(request_uri)) => (pushed(call, client, request_uri), None),
        (Some(object), None) => {
            let inner = Jws::parse(object).ok();
            let inner = inner.map(|jws| pairs_of(jws.unverified_claims()));
            (by_value(call, client, outer, object), inner)
        }
    };
    gathered.map_err(|(error, reason)| {
        let mut pairs = outer.to_vec();
        pairs.extend(in_sight.into_iter().flatten());
        let parameters: AuthorizationParameters = typed(&pairs);
        let registered = (parameters.redirect_uri.clone())
            .filter(|uri| rules::registered_redirect_uri(client, uri).is_ok());
        match registered {
            Some(uri) => Problem::told(Way::asked(&client.id, uri, &parameters), (error, reason)),
            None => Problem::page("Unusable request", reason),
        }
    })
}

/// RFC 9126 §4: nothing beside `client_id` and `request_uri` counts.
fn pushed(call: &Call<'_>, client: &Client, request_uri: &str) -> Told<Asked> {
    if !request_uri.starts_with(PUSHED) {
        let reason = "the only request_uri that is supported is one of a pushed request";
        return told(ErrorCode::RequestUriNotSupported, reason);
    }
    let pairs = call.shelf().pushed(request_uri);
    let of_this_client =
        |pairs: &Pairs| (pairs.iter()).any(|(name, id)| name == "client_id" && *id == client.id);
    match pairs.filter(of_this_client) {
        Some(pairs) => Ok(Asked {
            pairs,
            signed: false,
            request_uri: Some(request_uri.to_owned()),
        }),
        None => told(
            ErrorCode::InvalidRequestUri,
            "the request_uri is unknown, expired or used, or another client pushed it",
        ),
    }
}

/// RFC 9101 §6: what is outside a signed object does not count.
fn by_value(
    call: &Call<'_>,
    client: &Client,
    outer: &[(String, String)],
    object: &str,
) -> Told<Asked> {
    let (claims, signed) = open(call, client, object)?;
    check(call, client, &claims).map_err(|reason| (ErrorCode::InvalidRequestObject, reason))?;
    let mut pairs = pairs_of(&claims);
    for (name, value) in outer {
        let inside = claims.get(name);
        let must_agree = matches!(name.as_str(), "client_id" | "response_type");
        if must_agree && inside.is_some_and(|inside| inside != value) {
            let reason = format!("`{name}` is not the same inside and outside the request object");
            return told(ErrorCode::InvalidRequestObject, reason);
        }
        let counts = name == "client_id" || (!signed && name != "request");
        if counts && inside.is_none() {
            pairs.push((name.clone(), value.clone()));
        }
    }
    Ok(Asked {
        pairs,
        signed,
        request_uri: None,
    })
}

/// The claims of a request object, and whether the client signed them (RFC 9101 §6.2).
fn open(call: &Call<'_>, client: &Client, object: &str) -> Told<(Map<String, Value>, bool)> {
    let wrong = |reason: String| (ErrorCode::InvalidRequestObject, reason);
    let jws = Jws::parse(object).map_err(|error| wrong(error.to_string()))?;
    let claims = jws.unverified_claims().clone();
    let keyed = jws.algorithm().is_some_and(SigningAlgorithm::is_symmetric);
    let allowed = match client.request_object_algorithm {
        Some(only) => vec![only],
        None => SigningAlgorithm::ALL.to_vec(),
    };
    let verified = match (&client.secret, keyed) {
        (Some(secret), true) => {
            let verified = jws.verify_with_secret(secret.as_bytes(), &allowed);
            verified.map_err(ClientKeysError::from)
        }
        (_, _) => client_keys::verify(call, client, object, &allowed),
    };
    match verified {
        Ok(verified) => {
            let typ = verified.header.get("typ").and_then(Value::as_str);
            let good = typ.is_none_or(|typ| {
                let typ = typ.to_ascii_lowercase();
                let typ = typ.strip_prefix("application/").unwrap_or(&typ);
                matches!(typ, "jwt" | "oauth-authz-req+jwt")
            });
            if good {
                Ok((verified.claims, true))
            } else {
                Err(wrong("`typ` is not that of a request object".to_owned()))
            }
        }
        // Nobody could have signed for a client that is not registered.
        Err(
            ClientKeysError::Unregistered(_)
            | ClientKeysError::Token(JwsError::Unsigned | JwsError::NoKey(_)),
        ) if client.request_object_algorithm.is_none() => {
            call.demand(rules::signed_request_object(false))
                .map_err(|violation| wrong(violation.to_string()))?;
            Ok((claims, false))
        }
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// RFC 9101 §4, §6.3. Who, for whom and when may be left out.
fn check(call: &Call<'_>, client: &Client, claims: &Map<String, Value>) -> Result<(), String> {
    if claims.get("iss").is_some_and(|iss| *iss != client.id) {
        return Err("`iss` of the request object is not the client".to_owned());
    }
    let issuer = &call.at().urls.issuer;
    let for_us = match claims.get("aud") {
        None => true,
        Some(Value::Array(several)) => several.iter().any(|it| it == issuer),
        Some(only) => only == issuer,
    };
    if !for_us {
        return Err(format!("`aud` of the request object is not `{issuer}`"));
    }
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(time) => {
            let seconds = time.as_f64();
            let seconds =
                seconds.ok_or_else(|| format!("`{name}` of the request object is no time"));
            seconds.map(Some)
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
    let now = call.now as f64;
    if time("exp")?.is_some_and(|exp| exp <= now) {
        return Err("the request object has expired".to_owned());
    }
    if time("nbf")?.is_some_and(|nbf| nbf > now) {
        return Err("the request object is not yet good".to_owned());
    }
    match ["request", "request_uri"]
        .into_iter()
        .find(|name| claims.contains_key(*name))
    {
        Some(name) => Err(format!("there is `{name}` in the request object")),
        None => Ok(()),
    }
}

/// Claims as the parameters that they stand for.
fn pairs_of(claims: &Map<String, Value>) -> Pairs {
    let mut pairs = Pairs::new();
    let parameters = (claims.iter()).filter(|(name, _)| !OF_THE_JWT.contains(&name.as_str()));
    for (name, value) in parameters {
        match value {
            Value::Null => {}
            Value::String(text) => pairs.push((name.clone(), text.clone())),
            Value::Array(several) if name == "resource" => {
                let texts = several.iter().filter_map(Value::as_str);
                pairs.extend(texts.map(|text| (name.clone(), text.to_owned())));
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                pairs.push((name.clone(), value.to_string()));
            }
        }
    }
    pairs
}
