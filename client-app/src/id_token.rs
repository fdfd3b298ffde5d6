//! The ID token: taken apart here, believed only after the checks.
//!
//! The claims of an [`UnverifiedIdToken`] can be had in this file only, and [`verified`] asks
//! every check on the way to them.

use crate::{
    checks,
    clock::unix_now,
    config::Algorithm,
    provider::{OpenId, Provider, TokenResponse},
    refusal::Refusal,
    secret::Secret,
    session::SignedIn,
    userinfo::Profile,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Verifies the ID token of a sign-in (OpenID Connect Core section 3.1.3.7).
pub(crate) async fn of_sign_in(
    provider: &Provider,
    tokens: &TokenResponse,
    id_token: &Secret,
    nonce: &Secret,
) -> Result<IdTokenClaims, Refusal> {
    let (header, claims) = verified(provider, id_token).await?;
    checks::nonce_is_ours(&claims, nonce)?;
    checks::access_token_hash_matches(&claims, &header, &tokens.access_token)?;
    Ok(claims)
}

/// Verifies the ID token of a refresh (OpenID Connect Core section 12.2).
pub(crate) async fn of_refresh(
    provider: &Provider,
    tokens: &TokenResponse,
    id_token: &Secret,
    signed_in: &SignedIn,
) -> Result<IdTokenClaims, Refusal> {
    let (header, claims) = verified(provider, id_token).await?;
    checks::refreshed_nonce_is_ours(&claims, signed_in)?;
    checks::access_token_hash_matches(&claims, &header, &tokens.access_token)?;
    checks::refreshed_token_is_about_the_same_user(&claims, signed_in)?;
    Ok(claims)
}

/// Verifies a logout token (Back-Channel Logout section 2.6). It is signed as an ID token is, and
/// must not be one.
pub(crate) async fn of_logout(
    provider: &Provider,
    logout_token: &Secret,
) -> Result<LogoutClaims, Refusal> {
    let OpenId { issuer, .. } = provider.openid();
    let now = unix_now();

    let token = signed(provider, logout_token, "the logout token").await?;
    let claims = checks::is_well_formed("the logout token", token.logout_claims())?;
    checks::token_issuer_is_ours(&claims.common, issuer)?;
    checks::audience_is_us(&claims.common, provider.client_id())?;
    checks::token_is_not_expired(&claims.common, now)?;
    checks::issued_at_is_plausible(&claims.common, now)?;
    checks::logout_type_is_ours(&token.header)?;
    checks::logout_names_somebody(&claims)?;
    checks::logout_is_the_event(&claims)?;
    checks::logout_has_no_nonce(&claims)?;
    Ok(claims)
}

/// The issuer that a token claims to be from. Nothing is known of it yet.
pub(crate) fn said_issuer(token: &Secret) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        iss: String,
    }
    let token = UnverifiedIdToken::parse(token).ok()?;
    let said: Said = serde_json::from_slice(&token.payload).ok()?;
    Some(said.iss)
}

/// What every token has to fulfil that a provider signs.
async fn signed(
    provider: &Provider,
    token: &Secret,
    what: &'static str,
) -> Result<UnverifiedIdToken, Refusal> {
    let OpenId { algorithms, .. } = provider.openid();
    let token = checks::is_well_formed(what, UnverifiedIdToken::parse(token))?;
    checks::no_critical_extension(&token.header)?;
    checks::algorithm_is_allowed(&token.header, algorithms)?;
    let key = provider.signing_key(&token.header).await?;
    checks::signature_is_valid(&token, &key)?;
    Ok(token)
}

/// What every ID token has to fulfil.
async fn verified(
    provider: &Provider,
    id_token: &Secret,
) -> Result<(Header, IdTokenClaims), Refusal> {
    let OpenId { issuer, .. } = provider.openid();
    let client_id = provider.client_id();
    let now = unix_now();

    let token = signed(provider, id_token, "the ID token").await?;
    let claims = checks::is_well_formed("the ID token", token.claims())?;
    checks::token_issuer_is_ours(&claims, issuer)?;
    checks::audience_is_us(&claims, client_id)?;
    checks::no_other_audience_without_azp(&claims)?;
    checks::authorized_party_is_us(&claims, client_id)?;
    checks::token_is_not_expired(&claims, now)?;
    checks::token_is_valid_already(&claims, now)?;
    checks::issued_at_is_plausible(&claims, now)?;
    Ok((token.header, claims))
}

/// An ID token of which nothing is known but its form: three parts, the first one a header.
pub(crate) struct UnverifiedIdToken {
    header: Header,
    signing_input: String,
    signature: String,
    payload: Vec<u8>,
}

/// The text is no JWS in compact form, or its payload lacks what an ID token must have.
#[derive(Debug)]
pub(crate) struct MalformedIdToken;

impl UnverifiedIdToken {
    /// Takes the compact form apart (RFC 7515 section 7.1).
    pub(crate) fn parse(compact: &Secret) -> Result<Self, MalformedIdToken> {
        let parts: Vec<&str> = compact.expose().split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(MalformedIdToken);
        };
        Ok(Self {
            header: serde_json::from_slice(&decoded(header)?).map_err(|_| MalformedIdToken)?,
            signing_input: format!("{header}.{payload}"),
            signature: signature.to_owned(),
            payload: decoded(payload)?,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What the signature is over.
    pub(crate) fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// The signature, still in base64url.
    pub(crate) fn signature(&self) -> &str {
        &self.signature
    }

    fn claims(&self) -> Result<IdTokenClaims, MalformedIdToken> {
        let claims: RegisteredClaims =
            serde_json::from_slice(&self.payload).map_err(|_| MalformedIdToken)?;
        Ok(IdTokenClaims {
            iss: claims.iss,
            sub: claims.sub,
            aud: claims.aud.into_list(),
            exp: claims.exp,
            nbf: claims.nbf,
            iat: claims.iat,
            azp: claims.azp,
            nonce: claims.nonce,
            at_hash: claims.at_hash,
            sid: claims.sid,
            profile: serde_json::from_slice(&self.payload).map_err(|_| MalformedIdToken)?,
        })
    }

    fn logout_claims(&self) -> Result<LogoutClaims, MalformedIdToken> {
        let claims: RegisteredLogoutClaims =
            serde_json::from_slice(&self.payload).map_err(|_| MalformedIdToken)?;
        Ok(LogoutClaims {
            common: IdTokenClaims {
                iss: claims.iss,
                sub: claims.sub.clone().unwrap_or_default(),
                aud: claims.aud.into_list(),
                exp: claims.exp,
                nbf: None,
                iat: claims.iat,
                azp: None,
                nonce: None,
                at_hash: None,
                sid: claims.sid.clone(),
                profile: Profile::default(),
            },
            sub: claims.sub,
            sid: claims.sid,
            events: claims.events,
            has_nonce: claims.nonce.is_some(),
        })
    }
}

/// The JOSE header, as far as we look at it.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    /// Its being there is enough to refuse, whatever it holds; hence no type and no `null`.
    #[serde(default, deserialize_with = "present")]
    pub(crate) crit: Option<serde_json::Value>,
}

impl Header {
    /// The algorithm, where it is one that this program can verify.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::of_name(&self.alg)
    }
}

/// The claims of an ID token; times are seconds since 1970.
#[derive(Debug)]
pub(crate) struct IdTokenClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Vec<String>,
    pub(crate) exp: f64,
    pub(crate) nbf: Option<f64>,
    pub(crate) iat: f64,
    pub(crate) azp: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) at_hash: Option<String>,
    pub(crate) sid: Option<String>,
    pub(crate) profile: Profile,
}

/// The claims of a logout token.
#[derive(Debug)]
pub(crate) struct LogoutClaims {
    /// Those that it has in common with an ID token.
    pub(crate) common: IdTokenClaims,
    pub(crate) sub: Option<String>,
    pub(crate) sid: Option<String>,
    pub(crate) events: serde_json::Map<String, serde_json::Value>,
    pub(crate) has_nonce: bool,
}

/// The same on the wire (Back-Channel Logout section 2.4).
#[derive(Deserialize)]
struct RegisteredLogoutClaims {
    iss: String,
    sub: Option<String>,
    aud: Audience,
    exp: f64,
    iat: f64,
    /// Required, although we do not keep it: a session that has ended cannot be ended again.
    #[expect(dead_code, reason = "it has to be there")]
    jti: String,
    #[serde(default)]
    events: serde_json::Map<String, serde_json::Value>,
    sid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    nonce: Option<serde_json::Value>,
}

/// The claims on the wire; those that OpenID Connect Core section 2 requires are no options.
#[derive(Deserialize)]
struct RegisteredClaims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    iat: f64,
    azp: Option<String>,
    nonce: Option<String>,
    at_hash: Option<String>,
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(audience) => vec![audience],
            Self::Several(audiences) => audiences,
        }
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, MalformedIdToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedIdToken)
}

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str, payload: &str) -> Result<UnverifiedIdToken, MalformedIdToken> {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        UnverifiedIdToken::parse(&Secret::new(format!("{header}.{payload}.c2ln")))
    }

    const PAYLOAD: &str = r#"{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1.5}"#;

    #[test]
    fn one_audience_and_a_list_of_one_are_the_same() {
        let one = parse(r#"{"alg":"RS256"}"#, PAYLOAD).unwrap();
        assert_eq!(one.claims().unwrap().aud, ["a"]);
        let list = PAYLOAD.replace(r#""aud":"a""#, r#""aud":["a"]"#);
        let list = parse(r#"{"alg":"RS256"}"#, &list).unwrap();
        assert_eq!(list.claims().unwrap().aud, ["a"]);
    }

    #[test]
    fn every_required_claim_is_required() {
        for claim in ["iss", "sub", "aud", "exp", "iat"] {
            let renamed = PAYLOAD.replace(&format!("\"{claim}\""), "\"other\"");
            let token = parse(r#"{"alg":"RS256"}"#, &renamed).unwrap();
            assert!(token.claims().is_err(), "{claim}");
        }
    }

    #[test]
    fn what_is_no_signed_token_is_malformed() {
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "e30.e30.",
            "e30.e30.a.b",
            "!.!.!",
            "bnVsbA.e30.x",
        ] {
            assert!(
                UnverifiedIdToken::parse(&Secret::new(text)).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_crit_of_null_is_still_a_crit() {
        let token = parse(r#"{"alg":"RS256","crit":null}"#, PAYLOAD).unwrap();
        assert!(token.header().crit.is_some());
        let token = parse(r#"{"alg":"RS256"}"#, PAYLOAD).unwrap();
        assert!(token.header().crit.is_none());
    }
}
