//! What an honest provider demands of a request: one function per rule.
//!
//! A rule only says whether it holds. Whether a broken one refuses the request is the issuer's
//! setting ([`crate::Enforcement`]).

mod authorization;
mod client;
mod holder;
mod rule;

use std::collections::BTreeSet;

use crate::grant::{Challenge, Grant};
use crate::names::ChallengeMethod;
use crate::parties::Client;
pub(crate) use authorization::{
    code_alone, code_challenge, hashed_challenge, known_client, no_token_by_browser,
    nonce_for_id_token, pushed_as_registered, pushed_request, registered_redirect_uri,
    secure_redirect_uri, signed_as_registered, signed_request_object, supported_challenge_method,
    well_formed_challenge,
};
use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub(crate) use client::{
    Credentials, assertion_audience, assertion_of_the_client, assertion_signature, assertion_typ,
    assertion_type, asymmetric_client_authentication, client_certificate, client_secret,
    fresh_assertion, numeric_date, registered_auth_method, single_auth_method, unused_assertion,
};
pub(crate) use holder::{
    PROOF_WINDOW, fresh_proof, genuine_proof, grant_of_this_key, proof_nonce,
    proof_of_this_request, proof_of_this_token, proof_typ, registered_binding, sender_constrained,
    single_proof, token_of_this_holder, unused_proof,
};
pub use rule::{Rule, Violation};

type Holds = Result<(), Violation>;

fn demand(holds: bool, rule: Rule, detail: impl FnOnce() -> String) -> Holds {
    if holds {
        return Ok(());
    }
    Err(Violation {
        rule,
        detail: detail(),
    })
}

/// Parameters that may come more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

pub(crate) fn single_parameters(pairs: &[(String, String)]) -> Holds {
    let mut seen = BTreeSet::new();
    let twice = (pairs.iter())
        .filter(|(name, _)| !REPEATABLE.contains(&name.as_str()))
        .find(|(name, _)| !seen.insert(name));
    demand(twice.is_none(), Rule::SingleParameters, || {
        let name = twice.map_or("", |(name, _)| name);
        format!("the parameter `{name}` is sent more than once")
    })
}

pub(crate) fn registered_post_logout_uri(client: Option<&Client>, uri: &str) -> Holds {
    let registered = client.is_some_and(|client| {
        client
            .post_logout_redirect_uris
            .iter()
            .any(|known| known == uri)
    });
    demand(registered, Rule::RegisteredPostLogoutUri, || match client {
        Some(client) => format!("`{uri}` is not registered for the client `{}`", client.id),
        None => format!("without a client, `{uri}` cannot be checked"),
    })
}

/// An ID token says who wants to sign out, or nobody is signed in who could.
pub(crate) fn hinted_logout(meant: bool) -> Holds {
    demand(meant, Rule::HintedLogout, || {
        "no id_token_hint names the user who is signed in".to_owned()
    })
}

pub(crate) fn code_of_this_client(grant: &Grant, client_id: &str) -> Holds {
    demand(grant.client_id == client_id, Rule::CodeOfThisClient, || {
        format!(
            "the code was issued to `{}`, not to `{client_id}`",
            grant.client_id
        )
    })
}

pub(crate) fn same_redirect_uri(grant: &Grant, uri: Option<&str>) -> Holds {
    let same = match uri {
        Some(uri) => uri == grant.redirect_uri,
        None => !grant.redirect_uri_was_sent,
    };
    demand(same, Rule::SameRedirectUri, || {
        let sent = uri.map_or_else(|| "nothing".to_owned(), |uri| format!("`{uri}`"));
        format!(
            "the authorization request had `{}`, the token request {sent}",
            grant.redirect_uri
        )
    })
}

pub(crate) fn unused_code(unused: bool) -> Holds {
    demand(unused, Rule::UnusedCode, || {
        "the code was used before".to_owned()
    })
}

pub(crate) fn fresh_code(expires_at: u64, now: u64) -> Holds {
    demand(now < expires_at, Rule::FreshCode, || {
        "the code has expired".to_owned()
    })
}

pub(crate) fn code_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Holds {
    let missing = challenge.is_some() && verifier.is_none();
    demand(!missing, Rule::CodeVerifier, || {
        "there was a code challenge, and there is no code verifier".to_owned()
    })
}

pub(crate) fn no_uncalled_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Holds {
    let uncalled = challenge.is_none() && verifier.is_some();
    demand(!uncalled, Rule::NoUncalledVerifier, || {
        "there is a code verifier, and there was no code challenge".to_owned()
    })
}

pub(crate) fn well_formed_verifier(verifier: Option<&str>) -> Holds {
    let Some(verifier) = verifier else {
        return Ok(());
    };
    let length = verifier.len();
    let well_formed = (43..=128).contains(&length) && verifier.bytes().all(is_unreserved);
    demand(well_formed, Rule::WellFormedVerifier, || {
        format!(
            "the code verifier has {length} characters; 43 to 128 letters, digits, `-`, `.`, `_` \
             and `~` are allowed (RFC 7636 section 4.1)"
        )
    })
}

pub(crate) fn matching_code_verifier(
    challenge: Option<&Challenge>,
    verifier: Option<&str>,
) -> Holds {
    let (Some(challenge), Some(verifier)) = (challenge, verifier) else {
        return Ok(());
    };
    let derived = match challenge.method {
        ChallengeMethod::S256 => {
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
        }
        ChallengeMethod::Plain => verifier.to_owned(),
    };
    let fits = same_secret(&challenge.value, &derived);
    demand(fits, Rule::MatchingCodeVerifier, || {
        match challenge.method {
        ChallengeMethod::S256 => "the code verifier does not fit the code challenge".to_owned(),
        ChallengeMethod::Plain => {
            "the code verifier does not fit the code challenge, which is the verifier itself where \
             the request names no `code_challenge_method=S256`"
                .to_owned()
        }
    }
    })
}

pub(crate) fn refresh_token_of_this_client(grant: &Grant, client_id: &str) -> Holds {
    demand(
        grant.client_id == client_id,
        Rule::RefreshTokenOfThisClient,
        || {
            format!(
                "the refresh token was issued to `{}`, not to `{client_id}`",
                grant.client_id
            )
        },
    )
}

pub(crate) fn unused_refresh_token(unused: bool) -> Holds {
    demand(unused, Rule::UnusedRefreshToken, || {
        "the refresh token was used before".to_owned()
    })
}

pub(crate) fn scope_not_widened(granted: &[String], asked: &[String]) -> Holds {
    let more = asked.iter().find(|scope| !granted.contains(scope));
    demand(more.is_none(), Rule::ScopeNotWidened, || {
        let scope = more.map_or("", |scope| scope);
        format!("the scope `{scope}` was not granted")
    })
}

pub(crate) fn access_token_not_in_url(in_url: bool) -> Holds {
    demand(!in_url, Rule::AccessTokenNotInUrl, || {
        "the access token is sent in the URL".to_owned()
    })
}

pub(crate) fn single_token_method(methods: usize) -> Holds {
    demand(methods < 2, Rule::SingleTokenMethod, || {
        format!("the access token is sent in {methods} ways")
    })
}

/// The letters of RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Equality whose time tells nothing about the values, their lengths included.
pub(crate) fn same_secret(one: &str, two: &str) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    constant_time::verify_slices_are_equal(hash(one).as_ref(), hash(two).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_fits_the_challenge_of_the_specification() {
        // RFC 7636, Appendix B.
        let challenge = Challenge {
            value: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            method: ChallengeMethod::S256,
        };
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(matching_code_verifier(Some(&challenge), Some(verifier)).is_ok());
        let wrong = matching_code_verifier(Some(&challenge), Some(&challenge.value));
        assert_eq!(wrong.unwrap_err().rule, Rule::MatchingCodeVerifier);
        let plain = Challenge {
            value: "short".to_owned(),
            method: ChallengeMethod::Plain,
        };
        assert!(matching_code_verifier(Some(&plain), Some("short")).is_ok());
        let too_short = well_formed_verifier(Some("short"));
        assert_eq!(too_short.unwrap_err().rule, Rule::WellFormedVerifier);
        assert!(well_formed_verifier(Some(verifier)).is_ok());
    }

    #[test]
    fn a_violation_names_the_clause_and_no_secret() {
        let violation = fresh_code(10, 10).unwrap_err();
        assert_eq!(
            violation.to_string(),
            "the code has expired (RFC 6749 §4.1.2)"
        );
    }
}
