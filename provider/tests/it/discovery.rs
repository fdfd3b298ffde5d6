//! What discovery advertises works, and what works is advertised.

use std::collections::BTreeSet;

use oauth_gauntlet_provider::{
    ChallengeMethod, Client, IssuerSettings, Profile, RefreshTokens, ResponseMode, ResponseType,
    User,
};
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, CHALLENGE, VERIFIER, careful, error_of, location, settings, verified, world,
    world_with,
};

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_advertised_url_answers() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["issuer"], world.issuer.url());
    assert_eq!(
        world.json("/.well-known/oauth-authorization-server").await,
        metadata
    );
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "pushed_authorization_request_endpoint",
        "jwks_uri",
        "end_session_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
        "registration_endpoint",
    ] {
        let url = metadata[member].as_str().unwrap();
        let status = world.http.get(url).send().await.unwrap().status();
        assert_ne!(status, 404, "{member}");
    }
}

#[tokio::test]
async fn every_advertised_scope_is_granted_and_every_claim_comes_from_one() {
    let mut settings = settings();
    settings.refresh_tokens = RefreshTokens::Always;
    let everything = settings.scopes.values().flatten();
    let user = everything.fold(User::new("alice"), |user, claim| user.claim(claim, "x"));
    settings.users = vec![user];
    let world = world_with(settings).await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let scopes = strings(&metadata["scopes_supported"]).join(" ");
    let mut request = careful();
    request.extend([("scope", scopes.as_str()), ("acr_values", "urn:mock:mfa")]);
    let code = world.callback(&request).await["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(tokens["scope"], scopes);
    let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    request.insert("response_type", "code id_token");
    let hybrid = world.authorize(&request).header("gauntlet-user", "alice");
    let hybrid = location(&hybrid.send().await.unwrap()).replace('#', "?");
    let hybrid = url::Url::parse(&hybrid).unwrap();
    let (_, id_token) = (hybrid.query_pairs())
        .find(|(name, _)| name == "id_token")
        .unwrap();
    let by_browser = verified(&world, &id_token).await;
    let delivered: BTreeSet<&str> = [&claims, &by_browser]
        .into_iter()
        .flat_map(|claims| claims.as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    let advertised: BTreeSet<&str> = strings(&metadata["claims_supported"]).into_iter().collect();
    assert_eq!(delivered, advertised);
}

#[tokio::test]
async fn every_advertised_grant_type_is_served_and_no_other() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(
        metadata["grant_types_supported"],
        json!([
            "authorization_code",
            "implicit",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ])
    );
    let granted = world.token(&[("grant_type", "client_credentials")]);
    assert_eq!(granted.send().await.unwrap().status(), 200);
    let with_parameters = strings(&metadata["grant_types_supported"]).into_iter();
    let alone = ["client_credentials", "implicit"];
    for grant in with_parameters.filter(|grant| !alone.contains(grant)) {
        let response = world.token(&[("grant_type", grant)]).send().await.unwrap();
        assert_eq!(error_of(response).await.1, "invalid_request", "{grant}");
    }
    for grant in ["password", "implicit", "made-up"] {
        let response = world.token(&[("grant_type", grant)]).send().await.unwrap();
        assert_eq!(
            error_of(response).await.1,
            "unsupported_grant_type",
            "{grant}"
        );
    }
    let without = world_with(IssuerSettings {
        refresh_tokens: RefreshTokens::Never,
        ..settings()
    })
    .await;
    let metadata = without.json("/.well-known/openid-configuration").await;
    assert!(!strings(&metadata["grant_types_supported"]).contains(&"refresh_token"));
    assert!(!strings(&metadata["scopes_supported"]).contains(&"offline_access"));
    assert_eq!(without.tokens().await.get("refresh_token"), None);
}

#[tokio::test]
async fn every_advertised_response_type_and_mode_is_served_and_no_other() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    // `authorize_responses.rs` walks the product of both.
    let types = ResponseType::ALL.map(ResponseType::as_str);
    assert_eq!(metadata["response_types_supported"], json!(types));
    let modes = ResponseMode::ALL.map(ResponseMode::as_str);
    assert_eq!(metadata["response_modes_supported"], json!(modes));
    let outcome = async |name: &'static str, value: &'static str| {
        let mut request = careful();
        request.insert(name, value);
        let callback = world.callback(&request).await;
        callback.get("error").cloned().unwrap_or_default()
    };
    assert_eq!(outcome("response_mode", "query").await, "");
    assert_eq!(
        outcome("response_mode", "carrier_pigeon").await,
        "invalid_request"
    );
    assert_eq!(
        outcome("response_type", "code device").await,
        "unsupported_response_type"
    );
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    assert_eq!(
        outcome("request_uri", "https://x").await,
        "request_uri_not_supported"
    );
    assert_eq!(outcome("prompt", "create").await, "invalid_request");
    for prompt in strings(&metadata["prompt_values_supported"]) {
        let mut request = careful();
        request.insert("prompt", prompt);
        assert!(
            world.callback(&request).await.contains_key("code"),
            "{prompt}"
        );
    }
}

#[tokio::test]
async fn every_advertised_auth_method_is_accepted() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let methods = strings(&metadata["token_endpoint_auth_methods_supported"]);
    assert_eq!(
        methods,
        [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none"
        ]
    );
    let revoking = &metadata["revocation_endpoint_auth_methods_supported"];
    assert_eq!(strings(revoking), methods);
    let asking = &metadata["introspection_endpoint_auth_methods_supported"];
    assert_eq!(strings(asking), methods[..4]);
    // Each is used in `honest.rs` or `client_auth.rs`, and certificates in `certificates.rs`; here
    // a client is held to the one it registered.
    world.issuer.add_client(
        Client::confidential("app", "secret")
            .redirect_uri(CALLBACK)
            .auth_methods([oauth_gauntlet_provider::AuthMethod::ClientSecretPost]),
    );
    let response = world.redeem(&world.code().await).send().await.unwrap();
    assert_eq!(
        response.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .split(' ')
            .next(),
        Some("Basic")
    );
    assert_eq!(error_of(response).await, (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn challenge_methods_are_advertised_and_accepted_alike() {
    let sets = [
        (Profile::Strict, vec![ChallengeMethod::S256], vec!["S256"]),
        (
            Profile::Lax,
            vec![ChallengeMethod::S256],
            vec!["S256", "plain"],
        ),
        (Profile::Strict, vec![ChallengeMethod::Plain], vec!["plain"]),
        (Profile::Strict, vec![], vec![]),
    ];
    for (profile, methods, advertised) in sets {
        let none = methods.is_empty();
        let world = world_with(IssuerSettings {
            profile,
            challenge_methods: methods.into_iter().collect(),
            ..settings()
        })
        .await;
        let metadata = world.json("/.well-known/openid-configuration").await;
        let member = metadata.get("code_challenge_methods_supported");
        assert_eq!(member.map(strings).unwrap_or_default(), advertised);
        for (method, challenge) in [("S256", CHALLENGE), ("plain", VERIFIER)] {
            let mut request = careful();
            request.extend([
                ("code_challenge", challenge),
                ("code_challenge_method", method),
            ]);
            let callback = world.callback(&request).await;
            let served = none || advertised.contains(&method);
            assert_eq!(
                callback.contains_key("code"),
                served,
                "{method} {profile:?}"
            );
            if let Some(code) = callback.get("code") {
                let response = world.redeem(code).send().await.unwrap();
                assert_eq!(response.status(), 200, "{method} {profile:?}");
            } else {
                let description = &callback["error_description"];
                assert!(description.starts_with("transform algorithm not supported"));
            }
        }
    }
}

#[tokio::test]
async fn the_iss_parameter_is_sent_where_it_is_advertised() {
    for advertised in [true, false] {
        let world = world_with(IssuerSettings {
            iss_parameter: advertised,
            ..settings()
        })
        .await;
        let metadata = world.json("/.well-known/openid-configuration").await;
        assert_eq!(
            metadata["authorization_response_iss_parameter_supported"],
            advertised
        );
        assert_eq!(
            world.callback(&careful()).await.contains_key("iss"),
            advertised
        );
    }
}

#[tokio::test]
async fn published_keys_are_public_and_of_every_advertised_algorithm() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let jwks = world.json("/jwks").await;
    let keys = jwks["keys"].as_array().unwrap();
    let mut algorithms: Vec<&str> = keys
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    // These have the client secret for a key, which is not published.
    algorithms.extend(["HS256", "HS384", "HS512"]);
    assert_eq!(
        strings(&metadata["id_token_signing_alg_values_supported"]),
        algorithms
    );
    for key in keys {
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(!members.iter().any(|member| *member == private));
        }
        assert!(key["kid"].is_string());
    }
}

#[tokio::test]
async fn scripts_of_other_origins_may_read_what_is_meant_for_them() {
    let world = world().await;
    for (path, open) in [
        ("/.well-known/openid-configuration", true),
        ("/jwks", true),
        ("/token", true),
        ("/par", true),
        ("/userinfo", true),
        ("/introspect", true),
        ("/revoke", true),
        ("/device/authorize", true),
        ("/register", true),
        ("/device", false),
        ("/authorize", false),
        ("/end_session", false),
        ("/", false),
    ] {
        let preflight = world
            .http
            .request(reqwest::Method::OPTIONS, world.url(path));
        let preflight = preflight.send().await.unwrap();
        assert_eq!(preflight.status() == 204, open, "{path}");
        let response = world.http.get(world.url(path)).send().await.unwrap();
        let allowed = response
            .headers()
            .contains_key("access-control-allow-origin");
        assert_eq!(allowed, open, "{path}");
    }
    let asked = world
        .http
        .request(reqwest::Method::OPTIONS, world.url("/token"))
        .header("access-control-request-headers", "authorization,x-of-mine");
    assert_eq!(
        asked.send().await.unwrap().headers()["access-control-allow-headers"],
        "authorization,x-of-mine"
    );
    for refused in [
        world.userinfo("no-such-token"),
        world
            .http
            .post(world.url("/token"))
            .body("x".repeat(100_000)),
        world
            .http
            .get(world.url("/jwks"))
            .query(&[("a", "x".repeat(20_000))]),
        world
            .http
            .post(format!("{}/nobody/token", world.provider.base_url())),
    ] {
        let refused = refused.send().await.unwrap();
        assert!(refused.status().is_client_error());
        assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    }
}
