//! Each check, by table: what fits passes, what is off by one detail does not.

use super::*;
use crate::userinfo::Profile;
use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use serde_json::json;

const NOW: f64 = 1_800_000_000.0;
const US: &str = "client-app";
const ISSUER: &str = "https://op.example";

fn claims() -> IdTokenClaims {
    IdTokenClaims {
        iss: ISSUER.to_owned(),
        sub: "alice".to_owned(),
        aud: vec![US.to_owned()],
        exp: NOW + 300.0,
        nbf: None,
        iat: NOW,
        azp: None,
        nonce: Some("n".to_owned()),
        at_hash: None,
        sid: None,
        profile: Profile::default(),
    }
}

fn logout_claims() -> LogoutClaims {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    LogoutClaims {
        common: claims(),
        sub: Some("alice".to_owned()),
        sid: None,
        events: events.as_object().unwrap().clone(),
        has_nonce: false,
    }
}

#[test]
fn a_logout_token_is_of_no_other_type() {
    let typed = |typ: Option<&str>| {
        logout_type_is_ours(&Header {
            typ: typ.map(str::to_owned),
            ..header("RS256", None)
        })
    };
    for typ in ["logout+jwt", "application/logout+jwt", "JWT", "jwt"] {
        assert_eq!(typed(Some(typ)), Ok(()), "{typ}");
    }
    assert_eq!(typed(None), Ok(()));
    for typ in ["at+jwt", ""] {
        assert_eq!(typed(Some(typ)), Err(Refusal::LogoutTypeIsAnother), "{typ}");
    }
}

#[test]
fn a_logout_token_is_about_a_logout_of_somebody_and_no_id_token() {
    let checked = |change: fn(&mut LogoutClaims)| {
        let mut claims = logout_claims();
        change(&mut claims);
        logout_names_somebody(&claims)?;
        logout_is_the_event(&claims)?;
        logout_has_no_nonce(&claims)
    };
    assert_eq!(checked(|_| ()), Ok(()));
    let session = |claims: &mut LogoutClaims| {
        claims.sid = claims.sub.take();
    };
    assert_eq!(checked(session), Ok(()));
    assert_eq!(
        checked(|claims| claims.sub = None),
        Err(Refusal::LogoutNamesNobody)
    );
    assert_eq!(
        checked(|claims| claims.events.clear()),
        Err(Refusal::LogoutIsNotTheEvent)
    );
    let text = |claims: &mut LogoutClaims| {
        claims
            .events
            .values_mut()
            .for_each(|value| *value = json!("yes"));
    };
    assert_eq!(checked(text), Err(Refusal::LogoutIsNotTheEvent));
    assert_eq!(
        checked(|claims| claims.has_nonce = true),
        Err(Refusal::LogoutHasANonce)
    );
}

fn header(alg: &str, kid: Option<&str>) -> Header {
    serde_json::from_value(json!({ "alg": alg, "kid": kid })).unwrap()
}

fn signed_in() -> SignedIn {
    SignedIn {
        provider: "default".to_owned(),
        subject: "alice".to_owned(),
        profile: Profile::default(),
        nonce: Some(Secret::new("n")),
        session_id: None,
        id_token: None,
        access_token: Secret::new("at"),
        expires_at: None,
        refresh_token: None,
    }
}

/// A change of the good claims, and whether they still pass.
type Row = (&'static str, fn(&mut IdTokenClaims), bool);

/// Says for each change of the good claims whether `check` lets them pass.
fn claims_table(
    check: impl Fn(&IdTokenClaims) -> Result<(), Refusal>,
    refusal: &Refusal,
    table: &[Row],
) {
    assert_eq!(check(&claims()), Ok(()), "the good claims");
    for (name, change, passes) in table {
        let mut claims = claims();
        change(&mut claims);
        let expected = if *passes {
            Ok(())
        } else {
            Err(refusal.clone())
        };
        assert_eq!(check(&claims), expected, "{name}");
    }
}

#[test]
fn parameters_that_are_read_appear_once() {
    let check = |query: &str| parameters_appear_once(&CallbackParameters::of_query(Some(query)));
    assert_eq!(check("code=a&state=b&x=1&x=2"), Ok(()));
    for name in ["code", "state", "iss", "error", "error_description"] {
        let twice = Err(Refusal::ParameterIsRepeated { name });
        assert_eq!(check(&format!("{name}=a&{name}=a")), twice);
    }
}

#[test]
fn only_the_state_of_a_pending_login_is_ours() {
    let logins = [
        PendingLogin::begin("a", true, "/profile".to_owned()),
        PendingLogin::begin("b", true, "/profile".to_owned()),
    ];
    let state = logins[1].state.expose();
    let found = state_is_ours(logins.to_vec(), Some(state)).unwrap();
    assert_eq!(found.provider, "b");
    let shorter = &state[..state.len() - 1];
    for bad in [None, Some(""), Some("forged"), Some(shorter)] {
        let refused = state_is_ours(logins.to_vec(), bad).unwrap_err();
        assert_eq!(refused, Refusal::StateIsNotOurs, "{bad:?}");
    }
    assert!(state_is_ours(Vec::new(), Some(state)).is_err());
}

#[test]
fn the_issuer_of_the_response_is_the_one_we_asked() {
    let refused = Err(Refusal::IssuerIsNotTheOneWeAsked);
    let other = Some("https://other.example");
    for (returned, asked, always_sent, expected) in [
        (Some(ISSUER), Some(ISSUER), true, Ok(())),
        (Some(ISSUER), Some(ISSUER), false, Ok(())),
        (None, Some(ISSUER), false, Ok(())),
        (None, Some(ISSUER), true, refused.clone()),
        (other, Some(ISSUER), true, refused.clone()),
        (other, Some(ISSUER), false, refused.clone()),
        (Some("https://op.example/"), Some(ISSUER), false, refused),
        (other, None, false, Ok(())),
    ] {
        let outcome = issuer_is_the_one_we_asked(returned, asked, always_sent);
        assert_eq!(outcome, expected, "{returned:?} {asked:?} {always_sent}");
    }
}

#[test]
fn an_error_counts_even_beside_a_code() {
    let check = |query| provider_reported_no_error(&CallbackParameters::of_query(Some(query)));
    assert_eq!(check("code=a&state=b&error="), Ok(()));
    let refused = check("code=a&error=access_denied&error_description=no").unwrap_err();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.quotation().as_deref(), Some("no"));
}

#[test]
fn a_code_that_is_empty_is_none() {
    let check = |query| code_is_present(&CallbackParameters::of_query(Some(query)));
    assert_eq!(check("code=a").unwrap(), Secret::new("a"));
    assert_eq!(check("code=").unwrap_err(), Refusal::CodeIsMissing);
    assert_eq!(check("").unwrap_err(), Refusal::CodeIsMissing);
}

#[test]
fn only_status_200_is_a_success() {
    for status in [201, 204, 302, 307, 400, 401, 404, 500] {
        let body = br#"{"access_token":"a","token_type":"Bearer","error":"e"}"#.to_vec();
        let refused = reply_is_a_success(Endpoint::Token, &Reply { status, body });
        let error = Some("e".to_owned());
        let endpoint = Endpoint::Token;
        let expected = Refusal::ReplyIsNoSuccess {
            endpoint,
            status,
            error,
        };
        assert_eq!(refused, Err(expected));
    }
    let good = Reply {
        status: 200,
        body: Vec::new(),
    };
    assert_eq!(reply_is_a_success(Endpoint::Token, &good), Ok(()));
}

#[test]
fn a_grant_ends_by_invalid_grant_and_a_denied_token_only() {
    let refused = |endpoint, status, body: &str| {
        let reply = Reply {
            status,
            body: body.as_bytes().to_vec(),
        };
        reply_is_a_success(endpoint, &reply).unwrap_err()
    };
    let invalid_grant = r#"{"error":"invalid_grant"}"#;
    assert!(refused(Endpoint::Token, 400, invalid_grant).ends_the_grant());
    assert!(refused(Endpoint::Userinfo, 401, "").ends_the_grant());
    assert!(refused(Endpoint::Userinfo, 401, "").denies_the_access_token());
    for refusal in [
        refused(Endpoint::Token, 400, r#"{"error":"invalid_request"}"#),
        refused(Endpoint::Token, 401, "<html>"),
        refused(Endpoint::Userinfo, 500, invalid_grant),
    ] {
        assert!(!refusal.ends_the_grant(), "{refusal}");
        assert_eq!(refusal.status(), 502, "{refusal}");
    }
    let missing = refresh_token_is_present(&signed_in()).unwrap_err();
    assert!(missing.ends_the_grant());
}

#[test]
fn metadata_is_of_our_issuer_to_the_letter() {
    assert_eq!(metadata_is_of_our_issuer(ISSUER, ISSUER), Ok(()));
    for other in ["https://op.example/", "https://OP.example", ""] {
        assert!(metadata_is_of_our_issuer(other, ISSUER).is_err(), "{other}");
    }
}

#[test]
fn the_token_type_is_bearer_in_any_case() {
    for (token_type, passes) in [
        ("Bearer", true),
        ("bearer", true),
        ("DPoP", false),
        ("", false),
    ] {
        assert_eq!(
            token_type_is_bearer(token_type).is_ok(),
            passes,
            "{token_type}"
        );
    }
}

#[test]
fn an_id_token_that_was_asked_for_is_present() {
    assert!(id_token_is_present(Some(&Secret::new("a.b.c"))).is_ok());
    assert_eq!(id_token_is_present(None), Err(Refusal::IdTokenIsMissing));
}

#[test]
fn any_critical_extension_is_refused() {
    for crit in [json!(["b64"]), json!([]), json!(null), json!("x")] {
        let header = json!({ "alg": "RS256", "crit": crit });
        let header: Header = serde_json::from_value(header).unwrap();
        let refused = Err(Refusal::ExtensionIsCritical);
        assert_eq!(no_critical_extension(&header), refused, "{crit}");
    }
    assert_eq!(no_critical_extension(&header("RS256", None)), Ok(()));
}

#[test]
fn only_allowed_algorithms_are_allowed() {
    let allowed = [Algorithm::Rs256, Algorithm::EdDsa];
    for (alg, passes) in [
        ("RS256", true),
        ("EdDSA", true),
        ("ES256", false),
        ("PS256", false),
        ("HS256", false),
        ("none", false),
        ("rs256", false),
        ("", false),
    ] {
        let outcome = algorithm_is_allowed(&header(alg, None), &allowed);
        assert_eq!(outcome.is_ok(), passes, "{alg}");
    }
}

fn rsa(kid: &str, more: &serde_json::Value) -> Jwk {
    let mut key = json!({ "kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB" });
    for (name, value) in more.as_object().into_iter().flatten() {
        key[name] = value.clone();
    }
    serde_json::from_value(key).unwrap()
}

#[test]
fn a_key_is_found_by_its_id_among_those_that_fit() {
    let ec = json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA" });
    let keys = [
        rsa("one", &json!({})),
        rsa("two", &json!({ "use": "sig", "alg": "RS256" })),
        rsa("encryption", &json!({ "use": "enc" })),
        rsa("verifies", &json!({ "key_ops": ["verify"] })),
        rsa("encrypts", &json!({ "key_ops": ["encrypt", "wrapKey"] })),
        rsa("other-algorithm", &json!({ "alg": "RS512" })),
        serde_json::from_value(ec).unwrap(),
    ];
    for (alg, kid, found) in [
        ("RS256", Some("one"), true),
        ("RS256", Some("two"), true),
        ("PS256", Some("one"), true),
        ("PS256", Some("two"), false),
        ("ES256", Some("ec"), true),
        ("RS256", Some("ec"), false),
        ("ES256", Some("one"), false),
        ("RS256", Some("encryption"), false),
        ("RS256", Some("verifies"), true),
        ("RS256", Some("encrypts"), false),
        ("RS256", Some("other-algorithm"), false),
        ("RS256", Some("unknown"), false),
        ("RS256", None, false),
        ("ES256", None, true),
        ("EdDSA", None, false),
        ("HS256", Some("one"), false),
        ("none", None, false),
    ] {
        let outcome = key_is_known(&keys, &header(alg, kid));
        assert_eq!(outcome.is_ok(), found, "{alg} {kid:?}");
    }
}

fn keys() -> Vec<(jsonwebtoken::Algorithm, EncodingKey)> {
    let random = SystemRandom::new();
    let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa = rsa.as_der().unwrap();
    let rsa = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(rsa.as_ref())
    );
    let rsa = EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ec = EncodingKey::from_ec_der(ec.to_pkcs8v1().unwrap().as_ref());
    let ed = Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
    vec![
        (jsonwebtoken::Algorithm::RS256, rsa.clone()),
        (jsonwebtoken::Algorithm::PS256, rsa),
        (jsonwebtoken::Algorithm::ES256, ec),
        (
            jsonwebtoken::Algorithm::EdDSA,
            EncodingKey::from_ed_der(ed.as_ref()),
        ),
    ]
}

fn token(signing_input: &str, signature: &str) -> UnverifiedIdToken {
    UnverifiedIdToken::parse(&Secret::new(format!("{signing_input}.{signature}"))).unwrap()
}

#[test]
fn a_signature_is_valid_for_its_key_and_its_text_only() {
    let others = keys();
    for ((algorithm, key), (_, other)) in keys().into_iter().zip(others) {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string());
        let signed = format!("{header}.e30");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
        let public = Jwk::from_encoding_key(&key, algorithm).unwrap();
        let another = Jwk::from_encoding_key(&other, algorithm).unwrap();

        assert_eq!(
            signature_is_valid(&token(&signed, &signature), &public),
            Ok(())
        );
        let invalid = Err(Refusal::SignatureIsInvalid);
        let changed = format!("{header}.e30K");
        for (name, token, key) in [
            ("another key", token(&signed, &signature), &another),
            ("another text", token(&changed, &signature), &public),
            ("no signature", token(&signed, ""), &public),
            (
                "half a signature",
                token(&signed, &signature[..40]),
                &public,
            ),
            ("no base64url", token(&signed, "=+/"), &public),
        ] {
            assert_eq!(
                signature_is_valid(&token, key),
                invalid,
                "{algorithm:?}: {name}"
            );
        }
    }
}

#[test]
fn an_unsigned_token_has_no_valid_signature() {
    let (algorithm, key) = keys().remove(0);
    let public = Jwk::from_encoding_key(&key, algorithm).unwrap();
    for alg in ["none", "HS256", "RS512"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
        let token = token(&format!("{header}.e30"), "");
        assert!(signature_is_valid(&token, &public).is_err(), "{alg}");
    }
}

#[test]
fn the_token_issuer_is_ours_to_the_letter() {
    let check = |claims: &IdTokenClaims| token_issuer_is_ours(claims, ISSUER);
    claims_table(
        check,
        &Refusal::TokenIssuerIsNotOurs,
        &[
            ("another", |c| c.iss = "https://other.example".into(), false),
            ("a slash more", |c| c.iss.push('/'), false),
            ("empty", |c| c.iss.clear(), false),
        ],
    );
}

#[test]
fn the_audience_has_us_in_it() {
    let check = |claims: &IdTokenClaims| audience_is_us(claims, US);
    claims_table(
        check,
        &Refusal::AudienceIsNotUs,
        &[
            ("us and another", |c| c.aud.push("other".into()), true),
            ("another", |c| c.aud = vec!["other".into()], false),
            (
                "begins like us",
                |c| c.aud = vec!["client-app-2".into()],
                false,
            ),
            ("nobody", |c| c.aud.clear(), false),
        ],
    );
}

#[test]
fn several_audiences_need_an_authorized_party() {
    claims_table(
        no_other_audience_without_azp,
        &Refusal::AudienceIsAmbiguous,
        &[
            ("no azp", |c| c.aud.push("other".into()), false),
            (
                "azp",
                |c| {
                    c.aud.push("other".into());
                    c.azp = Some(US.into());
                },
                true,
            ),
            (
                "one wrong audience is not its matter",
                |c| c.aud = vec!["other".into()],
                true,
            ),
        ],
    );
}

#[test]
fn the_authorized_party_is_us_where_there_is_one() {
    let check = |claims: &IdTokenClaims| authorized_party_is_us(claims, US);
    claims_table(
        check,
        &Refusal::AuthorizedPartyIsNotUs,
        &[
            ("us", |c| c.azp = Some(US.into()), true),
            ("another", |c| c.azp = Some("other".into()), false),
            ("empty", |c| c.azp = Some(String::new()), false),
        ],
    );
}

#[test]
fn an_expired_token_is_refused_after_a_minute_of_grace() {
    let check = |claims: &IdTokenClaims| token_is_not_expired(claims, NOW);
    claims_table(
        check,
        &Refusal::TokenIsExpired,
        &[
            ("just now", |c| c.exp = NOW, true),
            ("59 seconds ago", |c| c.exp = NOW - 59.0, true),
            ("a minute ago", |c| c.exp = NOW - 60.0, false),
            ("at the beginning of time", |c| c.exp = 0.0, false),
        ],
    );
}

#[test]
fn a_token_of_the_future_is_refused_but_for_a_minute_of_grace() {
    let check = |claims: &IdTokenClaims| token_is_valid_already(claims, NOW);
    claims_table(
        check,
        &Refusal::TokenIsNotValidYet,
        &[
            ("since long ago", |c| c.nbf = Some(0.0), true),
            ("in a minute", |c| c.nbf = Some(NOW + 60.0), true),
            ("in an hour", |c| c.nbf = Some(NOW + 3600.0), false),
        ],
    );
}

#[test]
fn the_time_of_issue_is_about_now() {
    let check = |claims: &IdTokenClaims| issued_at_is_plausible(claims, NOW);
    claims_table(
        check,
        &Refusal::IssuedAtIsImplausible,
        &[
            ("a minute ahead", |c| c.iat = NOW + 60.0, true),
            ("more than a minute ahead", |c| c.iat = NOW + 61.0, false),
            ("ten minutes ago", |c| c.iat = NOW - 600.0, true),
            ("more than ten minutes ago", |c| c.iat = NOW - 601.0, false),
            ("in milliseconds", |c| c.iat = NOW * 1000.0, false),
        ],
    );
}

#[test]
fn the_nonce_is_ours_and_must_be_there() {
    let check = |claims: &IdTokenClaims| nonce_is_ours(claims, &Secret::new("n"));
    claims_table(
        check,
        &Refusal::NonceIsNotOurs,
        &[
            ("missing", |c| c.nonce = None, false),
            ("another", |c| c.nonce = Some("m".into()), false),
            ("empty", |c| c.nonce = Some(String::new()), false),
        ],
    );
}

#[test]
fn a_refreshed_token_may_lack_the_nonce_but_not_have_another() {
    let check = |claims: &IdTokenClaims| refreshed_nonce_is_ours(claims, &signed_in());
    claims_table(
        check,
        &Refusal::NonceIsNotOurs,
        &[
            ("missing", |c| c.nonce = None, true),
            ("another", |c| c.nonce = Some("m".into()), false),
        ],
    );
}

#[test]
fn a_refreshed_token_is_about_the_same_user() {
    let check =
        |claims: &IdTokenClaims| refreshed_token_is_about_the_same_user(claims, &signed_in());
    claims_table(
        check,
        &Refusal::RefreshedTokenIsAboutSomeoneElse,
        &[
            ("another", |c| c.sub = "mallory".into(), false),
            ("another case", |c| c.sub = "Alice".into(), false),
        ],
    );
}

#[test]
fn the_access_token_hash_matches_where_there_is_one() {
    // The example of OpenID Connect Core appendix A.3.
    let access_token = Secret::new("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    let header = header("RS256", None);
    let check = |claims: &IdTokenClaims| access_token_hash_matches(claims, &header, &access_token);
    claims_table(
        check,
        &Refusal::AccessTokenIsNotTheOneHashed,
        &[
            (
                "matching",
                |c| c.at_hash = Some("77QmUPtjPfzWtF2AnpK9RQ".into()),
                true,
            ),
            (
                "another",
                |c| c.at_hash = Some("77QmUPtjPfzWtF2AnpK9RR".into()),
                false,
            ),
            (
                "padded",
                |c| c.at_hash = Some("77QmUPtjPfzWtF2AnpK9RQ==".into()),
                false,
            ),
            ("empty", |c| c.at_hash = Some(String::new()), false),
        ],
    );
}

#[test]
fn userinfo_is_about_the_user_of_the_id_token() {
    let userinfo = Userinfo::of_openid(br#"{"sub":"alice"}"#).unwrap();
    assert_eq!(userinfo_is_about_the_same_user(&userinfo, "alice"), Ok(()));
    let refused = Err(Refusal::UserinfoIsAboutSomeoneElse);
    assert_eq!(userinfo_is_about_the_same_user(&userinfo, "bob"), refused);
}

#[test]
fn a_page_to_end_on_is_read_as_browsers_read_it() {
    let page = |asked| return_page_is_ours("http://localhost:8000", asked);
    let ours = |path: &str| Ok(format!("http://localhost:8000{path}"));
    assert_eq!(page("/profile?tab=2"), ours("/profile?tab=2"));
    assert_eq!(page("http://localhost:8000/x"), ours("/x"));
    assert_eq!(
        page("/a/..//elsewhere.example"),
        ours("//elsewhere.example")
    );
    for elsewhere in [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "/\t/elsewhere.example/",
        "http://localhost:8000@elsewhere.example/",
        "http://localhost:8001/",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert_eq!(
            page(elsewhere),
            Err(Refusal::ReturnPageIsNotOurs),
            "{elsewhere}"
        );
    }
}
