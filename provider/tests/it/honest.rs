//! The flow of RFC 6749 §4.1 and OIDC Core §3.1, with nothing wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{
    Endpoint, IssuedKind, IssuerSettings, KeySource, LoginError, RefreshTokens, SigningAlgorithm,
    User,
};
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, NOW, World, careful, error_of, settings, verified, world, world_with,
};

#[tokio::test]
async fn the_whole_flow_works_with_every_algorithm() {
    for algorithm in SigningAlgorithm::ASYMMETRIC {
        let world = world_with(IssuerSettings {
            algorithm,
            ..settings()
        })
        .await;
        let callback = world.callback(&careful()).await;
        assert_eq!(callback["state"], "the-state");
        assert_eq!(callback["iss"], world.issuer.url());

        let response = world.redeem(&callback["code"]).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        let tokens: Value = response.json().await.unwrap();
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["expires_in"], 3_600);
        assert_eq!(tokens["scope"], "openid profile email offline_access");

        let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["aud"], "app");
        assert_eq!(claims["nonce"], "the-nonce");
        assert_eq!(claims["iat"], NOW);
        assert_eq!(claims["exp"], NOW + 3_600);
        assert_eq!(claims["auth_time"], NOW);
        assert_eq!(claims["email"], "alice@example.com");

        let access_token = tokens["access_token"].as_str().unwrap();
        let userinfo: Value = world
            .userinfo(access_token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(userinfo["sub"], "alice");
        assert_eq!(userinfo["name"], "Alice Adams");
        assert_eq!(userinfo.get("phone_number"), None);
    }
}

#[tokio::test]
async fn the_journal_has_every_exchange_before_the_client_has_the_response() {
    let world = world().await;
    let tokens = world.tokens().await;
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges.len(), 2);
    let [authorize, token] = &exchanges[..] else {
        panic!()
    };
    assert_eq!(
        (authorize.number, authorize.endpoint),
        (1, Endpoint::Authorize)
    );
    assert_eq!(authorize.notes.client_id.as_deref(), Some("app"));
    assert_eq!(authorize.notes.user.as_deref(), Some("alice"));
    assert_eq!(authorize.notes.issued[0].kind, IssuedKind::Code);
    assert!(authorize.request.target.starts_with("/authorize?"));
    assert_eq!(token.endpoint, Endpoint::Token);
    assert_eq!(token.notes.grant.as_deref(), Some("authorization_code"));
    assert!(
        token
            .request
            .body
            .contains(&authorize.notes.issued[0].value)
    );
    let issued: Vec<_> = token
        .notes
        .issued
        .iter()
        .map(|issued| issued.kind)
        .collect();
    assert_eq!(
        issued,
        [
            IssuedKind::AccessToken,
            IssuedKind::RefreshToken,
            IssuedKind::IdToken
        ]
    );
    assert_eq!(
        token.notes.issued[0].value,
        tokens["access_token"].as_str().unwrap()
    );
    assert!(token.notes.violations.is_empty());
    assert!(token.started <= token.ended);
}

#[tokio::test]
async fn a_refresh_rotates_and_a_second_use_ends_the_family() {
    let world = world().await;
    let first = world.tokens().await;
    let old = first["refresh_token"].as_str().unwrap();
    let second: Value = world
        .refresh(old)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let new = second["refresh_token"].as_str().unwrap();
    assert_ne!(old, new);
    let claims = verified(&world, second["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["auth_time"], NOW);
    assert_eq!(claims.get("nonce"), None);
    let access_token = second["access_token"].as_str().unwrap();
    assert_eq!(
        world.userinfo(access_token).send().await.unwrap().status(),
        200
    );

    let reuse = world.refresh(old).send().await.unwrap();
    assert_eq!(error_of(reuse).await, (400, "invalid_grant".to_owned()));
    let heir = world.refresh(new).send().await.unwrap();
    assert_eq!(error_of(heir).await, (400, "invalid_grant".to_owned()));
    assert_eq!(
        world.userinfo(access_token).send().await.unwrap().status(),
        401
    );
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_for_once() {
    let world = world().await;
    let tokens = world.tokens().await;
    let narrow = world.token(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("scope", "profile"),
    ]);
    let narrow: Value = narrow.send().await.unwrap().json().await.unwrap();
    assert_eq!(narrow["scope"], "profile");
    assert_eq!(narrow.get("id_token"), None);
    let wide = world.refresh(narrow["refresh_token"].as_str().unwrap());
    let wide: Value = wide.send().await.unwrap().json().await.unwrap();
    assert_eq!(wide["scope"], "openid profile email offline_access");
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_what_the_first_one_gave() {
    let world = world().await;
    let code = world.code().await;
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let again = world.redeem(&code).send().await.unwrap();
    assert_eq!(error_of(again).await, (400, "invalid_grant".to_owned()));
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        world.userinfo(access_token).send().await.unwrap().status(),
        401
    );
    let refresh = world
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(error_of(refresh).await, (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn of_many_that_redeem_one_code_at_once_one_succeeds() {
    let world = world().await;
    let code = world.code().await;
    let attempts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(world.redeem(&code).send()))
        .collect();
    let mut successes = 0;
    for attempt in attempts {
        let status = attempt.await.unwrap().unwrap().status();
        successes += u32::from(status == 200);
    }
    assert_eq!(successes, 1);
}

#[tokio::test]
async fn plain_oauth_gets_no_id_token_and_reads_userinfo() {
    let world = world_with(IssuerSettings {
        refresh_tokens: RefreshTokens::Always,
        ..settings()
    })
    .await;
    let mut request = careful();
    request.insert("scope", "email no-such-scope");
    request.remove("nonce");
    let code = world.callback(&request).await["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(tokens["scope"], "email");
    assert_eq!(tokens.get("id_token"), None);
    assert!(tokens["refresh_token"].is_string());
    let access_token = tokens["access_token"].as_str().unwrap();
    let userinfo: Value = world
        .userinfo(access_token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        userinfo,
        json!({"sub": "alice", "email": "alice@example.com", "email_verified": true})
    );
}

#[tokio::test]
async fn a_public_client_needs_no_secret_and_its_loopback_port_is_free() {
    let world = world().await;
    let mut request = careful();
    let redirect_uri = "http://127.0.0.1:45678/native";
    request.extend([("client_id", "native"), ("redirect_uri", redirect_uri)]);
    let code = world.callback(&request).await["code"].clone();
    let mut form = crate::support::redemption(&code).to_vec();
    form.retain(|(name, _)| *name != "redirect_uri");
    form.extend([("redirect_uri", redirect_uri), ("client_id", "native")]);
    let response = world
        .http
        .post(world.url("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_secret_in_the_body_is_as_good_as_one_in_the_header() {
    let world = world().await;
    let code = world.code().await;
    let mut form = crate::support::redemption(&code).to_vec();
    form.extend([("client_id", "app"), ("client_secret", "secret")]);
    let response = world
        .http
        .post(world.url("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn scopes_that_are_withheld_are_not_granted() {
    let world = world().await;
    let withhold = |scopes: &'static str| {
        let request = world.authorize(&careful()).header("gauntlet-user", "alice");
        request.header("gauntlet-withhold", scopes).send()
    };
    let callback = crate::support::callback(&withhold("email openid").await.unwrap());
    let tokens: Value = world
        .redeem(&callback["code"])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(tokens["scope"], "profile offline_access");
    assert_eq!(tokens.get("id_token"), None);
    let all = withhold("openid profile email offline_access")
        .await
        .unwrap();
    assert_eq!(crate::support::callback(&all)["error"], "access_denied");
}

#[tokio::test]
async fn rotated_keys_leave_old_tokens_verifiable() {
    let world = world().await;
    let old = world.tokens().await;
    world.issuer.rotate_keys();
    let new = world.tokens().await;
    let kid = |tokens: &Value| {
        let token = tokens["id_token"].as_str().unwrap();
        let header = URL_SAFE_NO_PAD
            .decode(token.split('.').next().unwrap())
            .unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
    };
    assert_ne!(kid(&old), kid(&new));
    for tokens in [old, new] {
        verified(&world, tokens["id_token"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn access_tokens_expire_on_demand_and_in_time_and_refresh_tokens_live_on() {
    let world = world().await;
    let status = async |world: &World, tokens: &Value| {
        let token = tokens["access_token"].as_str().unwrap();
        world
            .userinfo(token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let refreshed = async |world: &World, tokens: &Value| {
        let token = tokens["refresh_token"].as_str().unwrap();
        world
            .refresh(token)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    };
    let tokens = world.tokens().await;
    assert_eq!(status(&world, &tokens).await, 200);
    world.issuer.expire_access_tokens();
    assert_eq!(status(&world, &tokens).await, 401);

    let tokens = refreshed(&world, &tokens).await;
    assert_eq!(status(&world, &tokens).await, 200);
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_hours(1));
    assert_eq!(status(&world, &tokens).await, 401);

    world.issuer.revoke_refresh_tokens();
    assert_eq!(refreshed(&world, &tokens).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_headless_login_returns_the_callback_url() {
    let world = world().await;
    let request = world
        .authorize(&careful())
        .build()
        .unwrap()
        .url()
        .to_string();
    let callback = world.issuer.login(&request, "bob").unwrap();
    assert!(callback.starts_with(&format!("{CALLBACK}?code=")));
    let exchange = &world.issuer.journal().exchanges()[0];
    assert_eq!(exchange.endpoint, Endpoint::Authorize);
    assert_eq!(exchange.notes.user.as_deref(), Some("bob"));
    assert_eq!(exchange.response.status, 302);

    let form = [
        ("authorization_url", request.as_str()),
        ("sub", "bob"),
        ("scope", "openid"),
    ];
    let response = world
        .http
        .post(world.url("/headless-login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let reply: Value = response.json().await.unwrap();
    let url = url::Url::parse(reply["callback_url"].as_str().unwrap()).unwrap();
    let (_, code) = url.query_pairs().find(|(name, _)| name == "code").unwrap();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(tokens["scope"], "openid");
}

#[tokio::test]
async fn a_headless_login_says_what_is_wrong() {
    let world = world().await;
    let request = |parameters: &str| world.url(&format!("/authorize?{parameters}"));
    assert!(matches!(
        world
            .issuer
            .login("http://elsewhere/authorize?x=1", "alice"),
        Err(LoginError::NotAnAuthorizationRequest { .. })
    ));
    assert_eq!(
        world
            .issuer
            .login(&request("client_id=app"), "nobody")
            .unwrap_err()
            .to_string(),
        "there is no user `nobody`; the users are alice, bob, carol"
    );
    let unknown = world.issuer.login(&request("client_id=unknown"), "alice");
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "the authorization request was refused: no client `unknown` is registered (RFC 6749 §2.2)"
    );
    let told = world
        .issuer
        .login(&request("client_id=app&scope=profile"), "alice")
        .unwrap();
    assert!(told.starts_with(&format!("{CALLBACK}?error=invalid_request")));
    let form = [("sub", "alice")];
    let response = world
        .http
        .post(world.url("/headless-login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(
        error_of(response).await,
        (400, "invalid_request".to_owned())
    );
}

#[tokio::test]
async fn claims_follow_the_scopes_the_user_and_later_changes() {
    let mut settings = settings();
    settings
        .scopes
        .insert("pets".to_owned(), vec!["pet".to_owned(), "sub".to_owned()]);
    settings.users = vec![
        User::new("alice")
            .claim("pet", "cat")
            .claim("email", "a@x.test"),
    ];
    let world = world_with(settings).await;
    world.issuer.add_user(
        User::new("alice")
            .claim("pet", "dog")
            .claim("email", "a@y.test"),
    );
    let mut request = careful();
    request.insert("scope", "openid pets");
    let code = world.callback(&request).await["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(
        (&claims["pet"], &claims["sub"]),
        (&json!("dog"), &json!("alice"))
    );
    assert_eq!(claims.get("email"), None);
}

#[tokio::test]
async fn nothing_that_is_secret_is_in_the_debug_output() {
    let world = world().await;
    let tokens = world.tokens().await;
    let debug = format!("{:?} {:?}", world.provider, world.issuer);
    let code = &world.issuer.journal().exchanges()[0].notes.issued[0].value;
    assert!(!debug.contains(code.as_str()));
    assert!(!debug.contains("\"secret\""));
    for token in ["access_token", "refresh_token", "id_token"] {
        assert!(!debug.contains(tokens[token].as_str().unwrap()), "{token}");
    }
}

#[tokio::test]
async fn generated_keys_sign_as_well_as_the_shipped_ones() {
    let world = world_with(IssuerSettings {
        keys: KeySource::Generated,
        ..settings()
    })
    .await;
    let tokens = world.tokens().await;
    verified(&world, tokens["id_token"].as_str().unwrap()).await;
}
