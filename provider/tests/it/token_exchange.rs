//! Token exchange (RFC 8693).

use std::collections::BTreeSet;

use oauth_gauntlet_provider::{
    AccessTokenFormat, Client, IssuedKind, IssuerSettings, RefreshTokens, Rule, SubjectType,
};
use serde_json::{Value, json};

use crate::signed::{Key, claims};
use crate::support::{
    NOW, World, careful, error_of, granted, redemption, settings, verified, world, world_with,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

fn form<'a>(subject: (&'a str, &'a str), more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", GRANT),
        ("subject_token", subject.0),
        ("subject_token_type", subject.1),
    ];
    form.extend(more);
    form
}

async fn exchanged(world: &World, subject: (&str, &str), more: &[(&str, &str)]) -> Value {
    granted(world.token(&form(subject, more))).await
}

async fn refused(world: &World, subject: (&str, &str), more: &[(&str, &str)]) -> String {
    let response = world.token(&form(subject, more)).send().await.unwrap();
    let (status, error) = error_of(response).await;
    assert_eq!(status, 400);
    error
}

#[tokio::test]
async fn every_token_of_this_issuer_can_be_exchanged_for_an_access_token() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let world = world_with(IssuerSettings {
            access_token_format: format,
            ..settings()
        })
        .await;
        let tokens = world.tokens().await;
        let mut subjects = vec![
            ("access_token", ACCESS),
            ("refresh_token", REFRESH),
            ("id_token", ID),
            ("id_token", JWT),
        ];
        if format == AccessTokenFormat::Jwt {
            subjects.push(("access_token", JWT));
        }
        for (name, kind) in subjects {
            let scope = ("scope", "profile email");
            let got = exchanged(&world, (text(&tokens, name), kind), &[scope]).await;
            assert_eq!(got["issued_token_type"], ACCESS);
            assert_eq!(got["token_type"], "Bearer");
            assert_eq!(got["expires_in"], 3_600);
            assert_eq!(got.get("refresh_token"), None);
            let said = world.introspect(text(&got, "access_token")).await;
            assert_eq!(said["sub"], "alice");
            assert_eq!(said["scope"], "profile email");
            assert_eq!(said["auth_time"], NOW);
            assert_eq!(said.get("act"), None);
        }
    }
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_issued() {
    let world = world().await;
    let tokens = world.tokens().await;
    let subject = (text(&tokens, "access_token"), ACCESS);
    let ask = |kind| [("requested_token_type", kind)];

    let jwt = exchanged(&world, subject, &ask(JWT)).await;
    assert_eq!(
        [&jwt["issued_token_type"], &jwt["token_type"]],
        [JWT, "Bearer"]
    );
    let claims = text(&jwt, "access_token");
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(claims).unwrap();
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims.get("acr"), None);

    let id = exchanged(&world, subject, &ask(ID)).await;
    assert_eq!([&id["issued_token_type"], &id["token_type"]], [ID, "N_A"]);
    let claims = verified(&world, text(&id, "access_token")).await;
    assert_eq!(claims["auth_time"], NOW);
    let exchanges = world.issuer.journal().exchanges();
    let issued = &exchanges[exchanges.len() - 2].notes.issued;
    assert_eq!(issued[0].kind, IssuedKind::IdToken);

    let refresh = exchanged(&world, subject, &ask(REFRESH)).await;
    assert_eq!(
        [&refresh["issued_token_type"], &refresh["token_type"]],
        [REFRESH, "N_A"]
    );
    let again = world.refresh(text(&refresh, "access_token")).send().await;
    assert_eq!(again.unwrap().status(), 200);

    let saml = "urn:ietf:params:oauth:token-type:saml2";
    assert_eq!(
        refused(&world, subject, &ask(saml)).await,
        "invalid_request"
    );
}

#[tokio::test]
async fn resource_and_audience_say_for_whom_the_new_token_is() {
    let world = world_with(IssuerSettings {
        resources: Some(BTreeSet::from(["https://api.test".to_owned()])),
        ..settings()
    })
    .await;
    let tokens = world.tokens().await;
    let subject = (text(&tokens, "access_token"), ACCESS);
    let aim = [("resource", "https://api.test"), ("audience", "other")];
    let got = exchanged(&world, subject, &aim).await;
    let said = world.introspect(text(&got, "access_token")).await;
    assert_eq!(said["aud"], json!(["https://api.test", "other"]));
    for wrong in [
        ("resource", "https://x.test"),
        ("resource", "x"),
        ("audience", "nobody"),
    ] {
        assert_eq!(refused(&world, subject, &[wrong]).await, "invalid_target");
    }
    let id = [("requested_token_type", ID), ("audience", "other")];
    assert_eq!(refused(&world, subject, &id).await, "invalid_target");
}

#[tokio::test]
async fn who_acts_for_the_user_is_said_with_those_before() {
    let world = world_with(IssuerSettings {
        access_token_format: AccessTokenFormat::Jwt,
        ..settings()
    })
    .await;
    let tokens = world.tokens().await;
    let robot = world.own_token().await;
    let by = |actor| [("actor_token", actor), ("actor_token_type", ACCESS)];
    let subject = (text(&tokens, "access_token"), ACCESS);
    let first = exchanged(&world, subject, &by(text(&robot, "access_token"))).await;
    let said = world.introspect(text(&first, "access_token")).await;
    assert_eq!(said["act"], json!({"sub": "app"}));

    let subject = (text(&first, "access_token"), ACCESS);
    let second = exchanged(&world, subject, &by(text(&tokens, "access_token"))).await;
    let token = text(&second, "access_token");
    let chain = json!({"sub": "alice", "act": {"sub": "app"}});
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).unwrap();
    assert_eq!(claims["act"], chain);
    assert_eq!(world.introspect(token).await["act"], chain);
    // Without another actor, those so far stay.
    let third = exchanged(&world, (token, ACCESS), &[]).await;
    assert_eq!(
        world.introspect(text(&third, "access_token")).await["act"],
        chain
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_token_makes_the_request_invalid() {
    let world = world().await;
    let tokens = world.tokens().await;
    let access = text(&tokens, "access_token");
    for subject in [
        ("unknown", ACCESS),
        ("", ACCESS),
        (access, ""),
        (access, ID),
        (access, JWT),
        (access, "made-up"),
        (text(&tokens, "id_token"), ACCESS),
        (text(&tokens, "refresh_token"), ACCESS),
        (access, REFRESH),
    ] {
        assert_eq!(
            refused(&world, subject, &[]).await,
            "invalid_request",
            "{subject:?}"
        );
    }
    let subject = (access, ACCESS);
    for actor in [
        &[("actor_token", access)][..],
        &[("actor_token_type", ACCESS)],
        &[("actor_token", "unknown"), ("actor_token_type", ACCESS)],
    ] {
        assert_eq!(refused(&world, subject, actor).await, "invalid_request");
    }
    assert_eq!(
        refused(&world, subject, &[("scope", "phone")]).await,
        "invalid_scope"
    );
    assert_eq!(world.revoke(access).send().await.unwrap().status(), 200);
    assert_eq!(refused(&world, subject, &[]).await, "invalid_request");
    // The ID token of a client that acts for itself would be about nobody.
    let robot = world.own_token().await;
    let subject = (text(&robot, "access_token"), ACCESS);
    let id = [("requested_token_type", ID)];
    assert_eq!(refused(&world, subject, &id).await, "invalid_request");
}

#[tokio::test]
async fn a_public_client_exchanges_its_own_tokens_alone_and_a_refresh_token_has_one_client() {
    let world = world().await;
    let tokens = world.tokens().await;
    let mut form = form((text(&tokens, "access_token"), ACCESS), &[]);
    form.push(("client_id", "native"));
    let native = world.http.post(world.url("/token")).form(&form);
    let error = error_of(native.send().await.unwrap()).await;
    assert_eq!(error, (400, "unauthorized_client".to_owned()));
    form[1].1 = text(&tokens, "refresh_token");
    form[2].1 = REFRESH;
    form.pop();
    let other = world.http.post(world.url("/token")).form(&form);
    let other = other.basic_auth("other", Some("other-secret"));
    let error = error_of(other.send().await.unwrap()).await;
    assert_eq!(error, (400, "invalid_request".to_owned()));
}

/// Asks with a proof of the key.
async fn proven(world: &World, key: &Key, jti: &str, form: &[(&str, &str)]) -> reqwest::Response {
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
    let claims = json!({"htm": "POST", "htu": world.url("/token"), "iat": NOW, "jti": jti});
    let request = world.token(form).header("dpop", key.sign(&header, &claims));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_bound_token_is_exchanged_by_its_holder_alone_and_the_new_one_is_bound_to_whoever_asks() {
    let world = world().await;
    let (key, other) = (Key::number(1), Key::number(2));
    let code = world.code().await;
    let response = proven(&world, &key, "1", &redemption(&code)).await;
    let tokens: Value = response.json().await.unwrap();
    let bound = (text(&tokens, "access_token"), ACCESS);
    let free = world.tokens().await;
    let free = (text(&free, "access_token"), ACCESS);
    let actor = [("actor_token", bound.0), ("actor_token_type", ACCESS)];
    let broken = || {
        let exchanges = world.issuer.journal().exchanges();
        let violations = &exchanges.last().unwrap().notes.violations;
        violations.iter().map(|it| it.rule).collect::<Vec<_>>()
    };
    for (subject, more) in [(bound, &[][..]), (free, &actor)] {
        // Whoever stole it would have one without a bond.
        assert_eq!(refused(&world, subject, more).await, "invalid_request");
        assert_eq!(broken(), [Rule::TokenOfThisHolder]);
        let jti = format!("{}", world.issuer.journal().len());
        let response = proven(&world, &other, &jti, &form(subject, more)).await;
        let error = error_of(response).await;
        assert_eq!(error, (400, "invalid_request".to_owned()));
        assert_eq!(broken(), [Rule::TokenOfThisHolder]);
        let jti = format!("{}", world.issuer.journal().len());
        let response = proven(&world, &key, &jti, &form(subject, more)).await;
        let got: Value = response.json().await.unwrap();
        assert_eq!(got["token_type"], "DPoP");
        let said = world.introspect(text(&got, "access_token")).await;
        assert_eq!(said["cnf"], json!({"jkt": key.thumbprint()}));
        assert_eq!(said["token_type"], "DPoP");
    }
    let jwt = [("requested_token_type", JWT)];
    let response = proven(&world, &other, "2", &form(free, &jwt)).await;
    let got: Value = response.json().await.unwrap();
    let cnf = &claims(text(&got, "access_token"))["cnf"];
    assert_eq!(*cnf, json!({"jkt": other.thumbprint()}));
}

#[tokio::test]
async fn a_refresh_token_of_a_public_client_stays_with_its_key_through_an_exchange() {
    let mut settings = settings();
    settings.refresh_tokens = RefreshTokens::Always;
    let world = world_with(settings).await;
    let (key, other) = (Key::number(1), Key::number(2));
    let ask = async |key: &Key, form: &[(&str, &str)]| {
        let jti = format!("{}", world.issuer.journal().len());
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
        let claims = json!({"htm": "POST", "htu": world.url("/token"), "iat": NOW, "jti": jti});
        let request = world.http.post(world.url("/token")).form(form);
        let request = request.header("dpop", key.sign(&header, &claims));
        request.send().await.unwrap()
    };
    let mut request = careful();
    request.insert("client_id", "native");
    request.insert("redirect_uri", "http://127.0.0.1/native");
    let code = world.callback(&request).await["code"].clone();
    let mut redemption = redemption(&code).to_vec();
    redemption[2].1 = "http://127.0.0.1/native";
    redemption.push(("client_id", "native"));
    let tokens: Value = ask(&key, &redemption).await.json().await.unwrap();
    let native = ("client_id", "native");
    let subject = (text(&tokens, "refresh_token"), REFRESH);
    let response = ask(&other, &form(subject, &[native])).await;
    let error = error_of(response).await;
    assert_eq!(error, (400, "invalid_request".to_owned()));
    let wish = [native, ("requested_token_type", REFRESH)];
    let response = ask(&key, &form(subject, &wish)).await;
    let got: Value = response.json().await.unwrap();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&got, "access_token")),
        native,
    ];
    let response = ask(&other, &refresh).await;
    assert_eq!(error_of(response).await, (400, "invalid_grant".to_owned()));
    assert_eq!(ask(&key, &refresh).await.status(), 200);
}

#[tokio::test]
async fn each_client_knows_a_user_by_its_own_pairwise_subject_through_an_exchange() {
    let mut settings = settings();
    settings.access_token_format = AccessTokenFormat::Jwt;
    for client in &mut settings.clients[..2] {
        client.subject_type = SubjectType::Pairwise;
    }
    settings.clients[1].sector_identifier = Some("elsewhere.test".to_owned());
    settings
        .clients
        .push(Client::confidential("public-subjects", "s"));
    let world = world_with(settings).await;
    let tokens = world.tokens().await;
    let own = verified(&world, text(&tokens, "id_token")).await["sub"].clone();
    let by = async |client: &str, secret: &str, form: &[(&str, &str)]| {
        let request = world.http.post(world.url("/token")).form(form);
        granted(request.basic_auth(client, Some(secret))).await
    };
    let mut seen = vec![own.clone()];
    for (client, secret) in [("other", "other-secret"), ("public-subjects", "s")] {
        let access = text(&tokens, "access_token");
        let id = text(&tokens, "id_token");
        let mut subs = Vec::new();
        for subject in [(access, ACCESS), (access, JWT), (id, ID)] {
            // Whoever acts is known to each client by the same name.
            let actor = [("actor_token", access), ("actor_token_type", ACCESS)];
            let got = by(client, secret, &form(subject, &actor)).await;
            let token = text(&got, "access_token");
            let said = world.introspect(token).await;
            assert_eq!(said["sub"], claims(token)["sub"]);
            assert_eq!(said["act"], claims(token)["act"]);
            assert_eq!(said["act"]["sub"], said["sub"]);
            subs.push(said["sub"].clone());
        }
        assert!(subs.iter().all(|sub| *sub == subs[0]), "{subs:?}");
        assert!(!seen.contains(&subs[0]), "{subs:?}");
        seen.push(subs[0].clone());
    }
    assert_eq!(seen[2], "alice");
    let same = exchanged(&world, (text(&tokens, "access_token"), ACCESS), &[]).await;
    assert_eq!(claims(text(&same, "access_token"))["sub"], own);
}
