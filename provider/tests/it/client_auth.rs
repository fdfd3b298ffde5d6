//! Clients that prove who they are by an assertion (RFC 7523, OIDC Core §9).

use oauth_gauntlet_provider::{
    AuthMethod, Client, IssuerSettings, KeyStep, MockProvider, Profile, Rule, SigningAlgorithm,
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::signed::{Key, keyed, message, with};
use crate::support::{
    CALLBACK, NOW, World, callback, careful, error_of, redemption, settings, world_with,
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn keyed_world(profile: Profile) -> World {
    let mut settings = settings();
    let signs = Client::with_keys("signs", Key::number(1).jwks());
    let secret = Client::confidential("keyed", "a secret of the client");
    settings.clients.extend([
        signs.redirect_uri(CALLBACK),
        secret.auth_methods([AuthMethod::ClientSecretJwt]),
    ]);
    world_with(IssuerSettings {
        profile,
        ..settings
    })
    .await
}

fn claims(world: &World, client: &str) -> Value {
    json!({
        "iss": client,
        "sub": client,
        "aud": world.issuer.url(),
        "exp": NOW + 60,
        "iat": NOW,
        "jti": "one",
    })
}

/// Asks for tokens of its own with an assertion.
async fn ask(world: &World, assertion: &str, more: &[(&str, &str)]) -> Response {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion", assertion),
    ];
    if !more
        .iter()
        .any(|(name, _)| *name == "client_assertion_type")
    {
        form.push(("client_assertion_type", JWT_BEARER));
    }
    form.extend(more);
    let request = world.http.post(world.url("/token")).form(&form);
    request.send().await.unwrap()
}

fn broken(world: &World) -> Vec<Rule> {
    let exchanges = world.issuer.journal().exchanges();
    let violations = &exchanges.last().unwrap().notes.violations;
    violations.iter().map(|it| it.rule).collect()
}

#[tokio::test]
async fn a_client_signs_an_assertion_with_its_own_key_and_need_not_name_itself() {
    let world = keyed_world(Profile::Strict).await;
    let key = Key::number(1);
    let token_endpoint = world.url("/token");
    for (number, aud) in [
        json!(world.issuer.url()),
        json!(token_endpoint),
        json!(["https://other.test", token_endpoint]),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = with(
            claims(&world, "signs"),
            &json!({"aud": aud, "jti": number.to_string()}),
        );
        let assertion = key.sign(&json!({"alg": "ES256", "typ": "JWT"}), &claims);
        let named = [("client_id", "signs")];
        let more: &[(&str, &str)] = if number == 0 { &named } else { &[] };
        let response = ask(&world, &assertion, more).await;
        assert_eq!(response.status(), 200, "{aud}");
        let exchange = world.issuer.journal().exchanges().last().unwrap().clone();
        assert_eq!(exchange.notes.client_id.as_deref(), Some("signs"));
    }
}

#[tokio::test]
async fn an_assertion_that_breaks_a_rule_is_refused_by_that_rule() {
    let world = keyed_world(Profile::Strict).await;
    let header = json!({"alg": "ES256"});
    let cases = [
        (json!({"iss": "other"}), Rule::AssertionOfTheClient),
        (json!({"iss": null}), Rule::AssertionOfTheClient),
        (
            json!({"aud": "https://other.test"}),
            Rule::AssertionAudience,
        ),
        (json!({"aud": null}), Rule::AssertionAudience),
        (json!({"exp": null}), Rule::FreshAssertion),
        (json!({"exp": NOW}), Rule::FreshAssertion),
        (json!({"exp": NOW + 86_400}), Rule::FreshAssertion),
        (json!({"nbf": NOW + 600}), Rule::FreshAssertion),
        (json!({"jti": null}), Rule::UnusedAssertion),
    ];
    for (change, rule) in cases {
        let claims = with(claims(&world, "signs"), &change);
        let assertion = Key::number(1).sign(&header, &claims);
        let response = ask(&world, &assertion, &[]).await;
        assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
        assert_eq!(broken(&world), [rule], "{change}");
    }
    let honest = claims(&world, "signs");
    let tokens = [
        (
            Key::number(2).sign(&header, &honest),
            Rule::AssertionSignature,
        ),
        (
            format!("{}.", message(&json!({"alg": "none"}), &honest)),
            Rule::AssertionSignature,
        ),
        (keyed("anything", &honest), Rule::ClientAuthentication),
        (
            Key::number(1).sign(&json!({"alg": "ES256", "typ": "dpop+jwt"}), &honest),
            Rule::AssertionTyp,
        ),
    ];
    for (assertion, rule) in tokens {
        let response = ask(&world, &assertion, &[]).await;
        assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
        assert_eq!(broken(&world), [rule]);
    }
    let good = Key::number(1).sign(&header, &honest);
    let wrong_type = [(
        "client_assertion_type",
        "urn:ietf:params:oauth:saml2-bearer",
    )];
    let response = ask(&world, &good, &wrong_type).await;
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    assert_eq!(broken(&world), [Rule::AssertionType]);
    let response = ask(&world, &good, &[("client_id", "app")]).await;
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    let response = ask(&world, &good, &[("client_secret", "x")]).await;
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    for rubbish in ["x", "..", "a.b.c"] {
        let response = ask(&world, rubbish, &[]).await;
        assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    }
    // None of all these has used it up.
    assert_eq!(ask(&world, &good, &[]).await.status(), 200);
    let response = ask(&world, &good, &[]).await;
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    assert_eq!(broken(&world), [Rule::UnusedAssertion]);
}

#[tokio::test]
async fn a_client_may_key_an_assertion_with_its_secret_if_it_registered_that() {
    let world = keyed_world(Profile::Strict).await;
    let claims = claims(&world, "keyed");
    let good = keyed("a secret of the client", &claims);
    assert_eq!(ask(&world, &good, &[]).await.status(), 200);
    let wrong = keyed(
        "another secret",
        &with(claims.clone(), &json!({"jti": "two"})),
    );
    ask(&world, &wrong, &[]).await;
    assert_eq!(broken(&world), [Rule::AssertionSignature]);
    let signed = Key::number(1).sign(&json!({"alg": "ES256"}), &claims);
    ask(&world, &signed, &[]).await;
    assert_eq!(broken(&world), [Rule::ClientAuthentication]);
    // The secret itself is not to be sent by such a client.
    let request = world.http.post(world.url("/token"));
    let request = request.basic_auth("keyed", Some("a secret of the client"));
    let response = request.form(&[("grant_type", "client_credentials")]);
    let response = response.send().await.unwrap();
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_client_with_keys_says_nothing_by_its_name_alone() {
    let world = keyed_world(Profile::Strict).await;
    let form = [("grant_type", "client_credentials"), ("client_id", "signs")];
    let response = world.http.post(world.url("/token")).form(&form).send();
    let response = response.await.unwrap();
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    assert_eq!(broken(&world), [Rule::ClientAuthentication]);
}

#[tokio::test]
async fn a_client_is_held_to_the_algorithm_that_it_registered() {
    let world = keyed_world(Profile::Strict).await;
    world.issuer.add_client(Client {
        assertion_algorithm: Some(SigningAlgorithm::Ps256),
        ..Client::with_keys("signs", Key::number(1).jwks())
    });
    let assertion = Key::number(1).sign(&json!({"alg": "ES256"}), &claims(&world, "signs"));
    ask(&world, &assertion, &[]).await;
    assert_eq!(broken(&world), [Rule::AssertionSignature]);
}

#[tokio::test]
async fn a_lax_issuer_takes_any_assertion() {
    let world = keyed_world(Profile::Lax).await;
    let assertion = Key::number(2).sign(&json!({"alg": "ES256"}), &json!({"sub": "signs"}));
    assert_eq!(ask(&world, &assertion, &[]).await.status(), 200);
}

#[tokio::test]
async fn fapi_wants_a_key_and_names_the_issuer_alone() {
    let world = keyed_world(Profile::Fapi2).await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt"])
    );
    assert_eq!(
        metadata["token_endpoint_auth_signing_alg_values_supported"],
        json!(["PS256", "ES256", "EdDSA"])
    );
    let form = [("grant_type", "client_credentials")];
    let response = world.token(&form).send().await.unwrap();
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
    assert_eq!(broken(&world), [Rule::AsymmetricClientAuthentication]);
    let claims = with(
        claims(&world, "signs"),
        &json!({"aud": world.url("/token")}),
    );
    let assertion = Key::number(1).sign(&json!({"alg": "ES256"}), &claims);
    ask(&world, &assertion, &[]).await;
    assert_eq!(broken(&world), [Rule::AssertionAudience]);
    let claims = with(claims, &json!({"aud": world.issuer.url(), "jti": "two"}));
    let assertion = Key::number(1).sign(&json!({"alg": "ES256"}), &claims);
    let response = ask(&world, &assertion, &[]).await;
    // Its tokens would be anybody's, which is the next thing that FAPI does not have.
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    assert_eq!(broken(&world), [Rule::SenderConstrainedTokens]);
}

#[tokio::test]
async fn published_keys_are_fetched_and_fetched_again_when_a_new_one_signs() {
    let publisher = MockProvider::builder().start().await.unwrap();
    let jwks_uri = format!("{}/jwks", publisher.base_url());
    let mut settings = settings();
    settings.clients.push(Client {
        jwks_uri: Some(jwks_uri),
        auth_methods: [AuthMethod::PrivateKeyJwt].into(),
        ..Client::public("signs")
    });
    let world = world_with(settings).await;
    let asked = async |number: usize, kid: &str| {
        let claims = claims(&world, "signs");
        let jti = format!("{number} {kid} {}", world.issuer.journal().len());
        let claims = with(claims, &json!({"jti": jti}));
        let header = json!({"alg": "ES256", "kid": kid});
        let assertion = Key::number(number).sign(&header, &claims);
        ask(&world, &assertion, &[]).await.status().as_u16()
    };
    assert_eq!(asked(1, "es256-1").await, 200);
    assert_eq!(asked(1, "es256-1").await, 200);
    // The second time, the set was known.
    assert_eq!(publisher.issuer().journal().len(), 1);
    assert_eq!(asked(2, "es256-2").await, 401);
    publisher.issuer().step_keys(KeyStep::Publish);
    assert_eq!(asked(2, "es256-2").await, 200);
    assert_eq!(publisher.issuer().journal().len(), 3);

    publisher.shut_down().await;
    assert_eq!(asked(2, "es256-2").await, 200);
    assert_eq!(asked(3, "es256-3").await, 401);
}

#[tokio::test]
async fn each_refusal_of_fapi_is_by_its_rule_and_what_it_wants_is_served() {
    let world = keyed_world(Profile::Fapi2).await;
    let key = Key::number(1);
    let signs = Client::with_keys("signs", key.jwks()).redirect_uri(CALLBACK);
    world
        .issuer
        .add_client(signs.redirect_uri("http://app.test/callback"));
    let assertion = || {
        let jti = world.issuer.journal().len().to_string();
        let claims = with(claims(&world, "signs"), &json!({"jti": jti}));
        key.sign(&json!({"alg": "ES256"}), &claims)
    };
    let post = async |path: &str, form: &[(&str, &str)], proven: bool| {
        let assertion = assertion();
        let mut form = form.to_vec();
        form.extend([
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
        ]);
        let request = world.http.post(world.url(path)).form(&form);
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
        let jti = world.issuer.journal().len().to_string();
        let proof = json!({"htm": "POST", "htu": world.url(path), "iat": NOW, "jti": jti});
        let request = if proven {
            request.header("dpop", key.sign(&header, &proof))
        } else {
            request
        };
        request.send().await.unwrap()
    };
    let mut honest = careful();
    honest.insert("client_id", "signs");
    for (name, value, error, rule) in [
        (
            "code_challenge",
            "",
            "invalid_request",
            Some(Rule::CodeChallenge),
        ),
        (
            "code_challenge_method",
            "plain",
            "invalid_request",
            Some(Rule::HashedChallenge),
        ),
        (
            "response_type",
            "code id_token",
            "unsupported_response_type",
            Some(Rule::CodeAlone),
        ),
        (
            "response_type",
            "token",
            "unsupported_response_type",
            Some(Rule::NoTokenByBrowser),
        ),
        (
            "redirect_uri",
            "http://app.test/callback",
            "invalid_request",
            Some(Rule::SecureRedirectUri),
        ),
    ] {
        let mut request = honest.clone();
        match value {
            "" => request.retain(|known, _| !known.starts_with(name)),
            _ => drop(request.insert(name, value)),
        }
        let form: Vec<_> = request.into_iter().collect();
        let response = post("/par", &form, false).await;
        assert_eq!(error_of(response).await, (400, error.to_owned()), "{name}");
        assert_eq!(broken(&world), Vec::from_iter(rule), "{name}");
    }
    let redirected = world.authorize_as("alice", &honest).send().await.unwrap();
    assert_eq!(callback(&redirected)["error"], "invalid_request");
    assert_eq!(broken(&world), [Rule::PushedRequest]);

    let code = async || {
        let form: Vec<_> = honest.clone().into_iter().collect();
        let pushed: Value = post("/par", &form, false).await.json().await.unwrap();
        let request_uri = pushed["request_uri"].as_str().unwrap();
        let request = [("client_id", "signs"), ("request_uri", request_uri)].into();
        world.callback(&request).await["code"].clone()
    };
    let first = code().await;
    let response = post("/token", &redemption(&first), false).await;
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
    assert_eq!(broken(&world), [Rule::SenderConstrainedTokens]);
    let response = post("/token", &redemption(&code().await), true).await;
    assert_eq!(response.status(), 200);
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
}
