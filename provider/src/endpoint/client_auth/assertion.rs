//! Clients that authenticate by an assertion: `client_secret_jwt` and `private_key_jwt` (OIDC Core
//! §9, RFC 7521 §4.2, RFC 7523 §2.2 and §3).

use serde_json::{Map, Value};

use crate::endpoint::{Call, client_keys, once};
use crate::jose::SigningAlgorithm;
use crate::jose::verify::{self, Jws};
use crate::names::AuthMethod;
use crate::parties::Client;
use crate::rules::{self, Violation};
use crate::settings::Profile;

/// An assertion, taken apart and not believed yet.
pub(super) struct Assertion<'a> {
    token: &'a str,
    kind: Option<&'a str>,
    client_id: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    method: AuthMethod,
}

impl<'a> Assertion<'a> {
    /// Takes an assertion apart. `claimed` is the `client_id` of the request, which may be left out
    /// (RFC 7521 §4.2).
    pub(super) fn read(
        token: &'a str,
        kind: Option<&'a str>,
        claimed: Option<&str>,
    ) -> Result<Self, String> {
        let jws = Jws::parse(token).map_err(|error| format!("the client_assertion: {error}"))?;
        let named = jws.unverified_claims().get("sub").and_then(Value::as_str);
        let client_id = (claimed.or(named))
            .ok_or("neither client_id nor client_assertion names a client")?
            .to_owned();
        let is_keyed = jws.algorithm().is_some_and(SigningAlgorithm::is_symmetric);
        Ok(Self {
            token,
            kind,
            client_id,
            header: jws.unverified_header().clone(),
            claims: jws.unverified_claims().clone(),
            method: if is_keyed {
                AuthMethod::ClientSecretJwt
            } else {
                AuthMethod::PrivateKeyJwt
            },
        })
    }

    /// The client that is to be authenticated.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Checks everything, in the order of RFC 7523 §3; what the client counts as authenticated by.
    pub(super) fn check(&self, call: &Call<'_>, client: &Client) -> Result<AuthMethod, Violation> {
        let (claims, now) = (&self.claims, call.now);
        call.demand(rules::assertion_type(self.kind))?;
        call.demand(rules::registered_auth_method(client, self.method))?;
        call.demand(rules::assertion_typ(&self.header))?;
        call.demand(rules::assertion_signature(self.problem(call, client)))?;
        call.demand(rules::assertion_of_the_client(claims, &client.id))?;
        let urls = &call.urls;
        let [back, front] = [&urls.back, &urls.front].map(|side| format!("{side}/token"));
        let accepted: &[&str] = match call.issuer.settings.profile {
            // FAPI 2.0 Security Profile §5.3.2.1.
            Profile::Fapi2 => &[&urls.issuer],
            // The URL of the endpoint itself is in RFC 9126 §2.
            Profile::Lax | Profile::Strict | Profile::Oauth21 => {
                &[&urls.issuer, &back, &front, call.url()]
            }
        };
        call.demand(rules::assertion_audience(claims, accepted))?;
        call.demand(rules::fresh_assertion(claims, now))?;
        let jti = claims.get("jti").and_then(Value::as_str);
        let expires = rules::numeric_date(claims.get("exp")).ok().flatten();
        let is_new = jti.is_some_and(|jti| {
            let seconds = expires.unwrap_or(now).saturating_sub(now);
            once::first_sight(call, &["assertion", &client.id, jti], seconds)
        });
        call.demand(rules::unused_assertion(claims, is_new))?;
        Ok(self.method)
    }

    /// What is wrong with the signature, if anything is.
    fn problem(&self, call: &Call<'_>, client: &Client) -> Option<String> {
        let allowed = accepted_algorithms(call, client, self.method);
        if self.method == AuthMethod::ClientSecretJwt {
            let Some(secret) = &client.secret else {
                return Some("the client has no secret".to_owned());
            };
            let verified = verify::verify_with_secret(self.token, secret.as_bytes(), &allowed);
            return verified.err().map(|error| error.to_string());
        }
        let verified = client_keys::verify(call, client, self.token, &allowed);
        verified.err().map(|error| error.to_string())
    }
}

/// What the client registered, or else what is advertised.
fn accepted_algorithms(
    call: &Call<'_>,
    client: &Client,
    method: AuthMethod,
) -> Vec<SigningAlgorithm> {
    let advertised = crate::issue::assertion_algorithms(call.issuer);
    let of_the_method =
        |it: &SigningAlgorithm| it.is_symmetric() == (method == AuthMethod::ClientSecretJwt);
    (advertised.into_iter())
        .filter(of_the_method)
        .filter(|it| client.assertion_algorithm.is_none_or(|only| only == *it))
        .collect()
}
