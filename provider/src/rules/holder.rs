//! Whom tokens are bound to, and how their holders prove it (RFC 9449, RFC 8705 §3).

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::client::numeric_date;
use super::{Holds, Rule, Violation, demand, same_secret};
use crate::access_token::Binding;
use crate::grant::Grant;

/// How far the time of a proof may be from ours, in seconds, either way.
pub(crate) const PROOF_WINDOW: u64 = 60;

pub(crate) fn single_proof(proofs: usize) -> Holds {
    demand(proofs < 2, Rule::SingleProof, || {
        format!("there are {proofs} DPoP headers")
    })
}

/// `problem` is what is wrong with header and signature.
pub(crate) fn genuine_proof(problem: Option<String>) -> Holds {
    demand(problem.is_none(), Rule::GenuineProof, || {
        let problem = problem.unwrap_or_default();
        format!("the DPoP proof cannot be verified: {problem}")
    })
}

pub(crate) fn proof_typ(header: &Map<String, Value>) -> Holds {
    let typ = header.get("typ").and_then(Value::as_str);
    let holds = typ.is_some_and(|typ| {
        let typ = typ.to_ascii_lowercase();
        matches!(typ.as_str(), "dpop+jwt" | "application/dpop+jwt")
    });
    demand(holds, Rule::GenuineProof, || {
        let typ = typ.unwrap_or_default();
        format!("the `typ` of the DPoP proof is `{typ}`, not `dpop+jwt`")
    })
}

/// `urls` are those under which the endpoint is reached.
pub(crate) fn proof_of_this_request(
    claims: &Map<String, Value>,
    method: &str,
    urls: &BTreeSet<String>,
) -> Holds {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let (htm, htu) = (claim("htm"), claim("htu"));
    let sent = normalized(htu);
    let same_url = sent.is_some() && urls.iter().any(|url| normalized(url) == sent);
    demand(htm == method && same_url, Rule::ProofOfThisRequest, || {
        if htm == method {
            let url = urls.first().map_or("", String::as_str);
            format!("the `htu` of the DPoP proof is `{htu}`, not `{url}`")
        } else {
            format!("the `htm` of the DPoP proof is `{htm}`, not `{method}`")
        }
    })
}

/// Without query and fragment, and as RFC 3986 §6.2.2 and §6.2.3 have it (RFC 9449 §4.3).
fn normalized(url: &str) -> Option<String> {
    let mut url = url::Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

pub(crate) fn fresh_proof(claims: &Map<String, Value>, now: u64) -> Holds {
    let issued_at = numeric_date(claims.get("iat")).ok().flatten();
    let holds = issued_at.is_some_and(|iat| iat.abs_diff(now) <= PROOF_WINDOW);
    demand(holds, Rule::FreshProof, || match issued_at {
        Some(iat) => format!("the `iat` of the DPoP proof is {iat}; it is {now} here"),
        None => "the DPoP proof has no `iat`".to_owned(),
    })
}

pub(crate) fn unused_proof(claims: &Map<String, Value>, is_new: bool) -> Holds {
    let has_jti = claims.get("jti").is_some_and(Value::is_string);
    demand(has_jti && is_new, Rule::UnusedProof, || {
        if has_jti {
            "the `jti` of the DPoP proof was used before".to_owned()
        } else {
            "the DPoP proof has no `jti`".to_owned()
        }
    })
}

/// `accepted` are the nonces that were given out lately; none where none is needed.
pub(crate) fn proof_nonce(claims: &Map<String, Value>, accepted: &[String]) -> Holds {
    let nonce = claims.get("nonce").and_then(Value::as_str);
    let holds = accepted.is_empty()
        || nonce.is_some_and(|nonce| accepted.iter().any(|it| same_secret(it, nonce)));
    demand(holds, Rule::ProofNonce, || match nonce {
        Some(_) => "the nonce of the DPoP proof is none of ours, or too old".to_owned(),
        None => "the DPoP proof needs a nonce".to_owned(),
    })
}

pub(crate) fn proof_of_this_token(claims: &Map<String, Value>, access_token: &str) -> Holds {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    let expected = URL_SAFE_NO_PAD.encode(hash);
    let ath = claims.get("ath").and_then(Value::as_str);
    demand(
        ath == Some(expected.as_str()),
        Rule::ProofOfThisToken,
        || match ath {
            Some(_) => "the `ath` of the DPoP proof is the hash of another token".to_owned(),
            None => "the DPoP proof has no `ath`".to_owned(),
        },
    )
}

/// A client that said so, and every client of FAPI 2.0, gets no token that anybody could use.
pub(crate) fn sender_constrained(binding: &Binding) -> Holds {
    demand(
        *binding != Binding::Bearer,
        Rule::SenderConstrainedTokens,
        || "neither a DPoP proof nor a certificate binds the tokens".to_owned(),
    )
}

pub(crate) fn registered_binding(client_id: &str, needs: &str, is_there: bool) -> Holds {
    demand(is_there, Rule::RegisteredBinding, || {
        format!("the client `{client_id}` registered that its tokens are bound to {needs}")
    })
}

/// A code or a public client's refresh token that is bound to a key comes with a proof of it.
pub(crate) fn grant_of_this_key(grant: &Grant, binding: &Binding) -> Holds {
    let holds = match (&grant.dpop_jkt, binding) {
        (None, _) => true,
        (Some(bound), Binding::DpopKey(shown)) => bound == shown,
        (Some(_), Binding::Bearer | Binding::Certificate(_)) => false,
    };
    demand(holds, Rule::GrantOfThisKey, || {
        "the grant is bound to another DPoP key".to_owned()
    })
}

/// Who uses an access token is whom it was issued to.
pub(crate) fn token_of_this_holder(bound: &Binding, shown: &Binding) -> Holds {
    let detail = match (bound, shown) {
        (bound, shown) if bound == shown => return Ok(()),
        (Binding::Bearer, Binding::Bearer | Binding::Certificate(_)) => return Ok(()),
        (Binding::Bearer, Binding::DpopKey(_)) => "the token is bound to no DPoP key",
        (Binding::DpopKey(_), Binding::DpopKey(_)) => "the token is bound to another key",
        (Binding::DpopKey(_), Binding::Bearer | Binding::Certificate(_)) => {
            "the token is bound to a DPoP key, and there is no proof of it"
        }
        (Binding::Certificate(_), _) => {
            "the token is bound to a certificate, and the request did not come with it"
        }
    };
    Err(Violation {
        rule: Rule::TokenOfThisHolder,
        detail: detail.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_proof_is_for_one_method_and_one_url_whatever_its_query() {
        let urls = BTreeSet::from(["http://op.test/token".to_owned()]);
        for (htm, htu, holds) in [
            ("POST", "http://op.test/token", true),
            ("POST", "http://op.test/token?a=b#c", true),
            ("POST", "HTTP://OP.test:80/x/../token", true),
            ("GET", "http://op.test/token", false),
            ("post", "http://op.test/token", false),
            ("POST", "http://op.test/token/", false),
            ("POST", "https://op.test/token", false),
            ("POST", "/token", false),
            ("POST", "", false),
        ] {
            let sent = claims(&json!({"htm": htm, "htu": htu}));
            let held = proof_of_this_request(&sent, "POST", &urls).is_ok();
            assert_eq!(held, holds, "{htm} {htu}");
        }
        assert!(proof_of_this_request(&Map::new(), "POST", &urls).is_err());
    }

    #[test]
    fn a_proof_is_of_now() {
        for (iat, holds) in [
            (json!(1_000), true),
            (json!(940), true),
            (json!(1_060.0), true),
            (json!(939), false),
            (json!(1_061), false),
            (json!("1000"), false),
            (Value::Null, false),
        ] {
            let held = fresh_proof(&claims(&json!({"iat": iat})), 1_000).is_ok();
            assert_eq!(held, holds, "{iat}");
        }
    }

    #[test]
    fn the_hash_of_the_token_is_the_one_of_the_specification() {
        // RFC 9449 §7.1.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let ath = json!({"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"});
        assert!(proof_of_this_token(&claims(&ath), token).is_ok());
        assert!(proof_of_this_token(&claims(&ath), "another").is_err());
        assert!(proof_of_this_token(&Map::new(), token).is_err());
    }

    #[test]
    fn a_token_is_used_by_its_holder() {
        let key = |name: &str| Binding::DpopKey(name.to_owned());
        let certificate = |name: &str| Binding::Certificate(name.to_owned());
        for (bound, shown, holds) in [
            (Binding::Bearer, Binding::Bearer, true),
            (Binding::Bearer, certificate("a"), true),
            (Binding::Bearer, key("a"), false),
            (key("a"), key("a"), true),
            (key("a"), key("b"), false),
            (key("a"), Binding::Bearer, false),
            (key("a"), certificate("a"), false),
            (certificate("a"), certificate("a"), true),
            (certificate("a"), certificate("b"), false),
            (certificate("a"), Binding::Bearer, false),
            (certificate("a"), key("a"), false),
        ] {
            let held = token_of_this_holder(&bound, &shown).is_ok();
            assert_eq!(held, holds, "{bound:?} {shown:?}");
        }
    }
}
