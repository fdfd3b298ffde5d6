//! What a request wishes of the sign-in and of the tokens: claims, context class, age, user,
//! language, resources.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Client, IssuerSettings, Profile, SignIn, SubjectType};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{
    CALLBACK, NOW, World, callback, careful, settings, verified, world, world_with,
};

/// A world in which people sign in on pages.
async fn with_pages() -> World {
    world_with(IssuerSettings {
        user_header: false,
        ..settings()
    })
    .await
}

fn wishing<'a>(wishes: &[(&'static str, &'a str)]) -> BTreeMap<&'static str, &'a str> {
    let mut request: BTreeMap<&'static str, &'a str> = careful();
    request.extend(wishes.iter().copied());
    request
}

async fn tokens(world: &World, wishes: &[(&'static str, &str)]) -> Value {
    let code = world.callback(&wishing(wishes)).await["code"].clone();
    let response = world.redeem(&code).send().await.unwrap();
    response.json().await.unwrap()
}

async fn id_token(world: &World, wishes: &[(&'static str, &str)]) -> Value {
    let tokens = tokens(world, wishes).await;
    verified(world, tokens["id_token"].as_str().unwrap()).await
}

/// What a JWT says.
fn decoded(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&claims.unwrap()).unwrap()
}

async fn error(world: &World, wishes: &[(&'static str, &str)]) -> String {
    let callback = world.callback(&wishing(wishes)).await;
    callback.get("error").cloned().unwrap_or_default()
}

async fn open(world: &World, cookie: &str, wishes: &[(&'static str, &str)]) -> Response {
    let request = world.authorize(&wishing(wishes)).header("cookie", cookie);
    request.send().await.unwrap()
}

async fn answer(world: &World, page: Response, sub: &str) -> Response {
    let html = page.text().await.unwrap();
    let (_, rest) = html.split_once("name=\"interaction\" value=\"").unwrap();
    let handle = rest.split('"').next().unwrap();
    let form = [("interaction", handle), ("sub", sub)];
    let request = world.http.post(world.url("/login")).form(&form);
    request.send().await.unwrap()
}

/// The cookie of a browser in which alice signed in.
async fn signed_in(world: &World) -> String {
    let page = open(world, "", &[]).await;
    let response = answer(world, page, "alice").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn claims_come_where_they_are_asked_for() {
    let world = world().await;
    let claims =
        r#"{"id_token": {"phone_number": null}, "userinfo": {"address": {"essential": true}}}"#;
    let wishes = [("scope", "openid"), ("claims", claims)];
    let tokens = tokens(&world, &wishes).await;
    let id_token = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(id_token["phone_number"], "+1 555 0100");
    assert_eq!(id_token.get("address"), None);
    let userinfo = world.userinfo(tokens["access_token"].as_str().unwrap());
    let userinfo: Value = userinfo.send().await.unwrap().json().await.unwrap();
    assert_eq!(userinfo["address"]["country"], "US");
    assert_eq!(userinfo.get("phone_number"), None);
    for wrong in ["", "{", "[]", "1", r#"{"id_token": 1}"#] {
        let expected = if wrong.is_empty() {
            ""
        } else {
            "invalid_request"
        };
        assert_eq!(error(&world, &[("claims", wrong)]).await, expected);
    }
}

#[tokio::test]
async fn every_advertised_context_class_can_be_had() {
    let world = world().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    let advertised = metadata["acr_values_supported"].as_array().unwrap();
    assert_eq!(advertised.len(), 2);
    for acr in advertised {
        let acr = acr.as_str().unwrap();
        assert_eq!(id_token(&world, &[("acr_values", acr)]).await["acr"], acr);
        let claims = json!({"id_token": {"acr": {"essential": true, "value": acr}}}).to_string();
        assert_eq!(id_token(&world, &[("claims", &claims)]).await["acr"], acr);
    }
    assert_eq!(id_token(&world, &[]).await.get("acr"), None);
    let preferred = [("acr_values", "urn:unknown urn:mock:mfa urn:mock:password")];
    assert_eq!(id_token(&world, &preferred).await["acr"], "urn:mock:mfa");
    let unknown = [("acr_values", "urn:unknown")];
    assert_eq!(id_token(&world, &unknown).await["acr"], "urn:mock:password");
    let essential = r#"{"id_token": {"acr": {"essential": true, "values": ["urn:unknown"]}}}"#;
    assert_eq!(
        error(&world, &[("claims", essential)]).await,
        "unmet_authentication_requirements"
    );
}

#[tokio::test]
async fn a_higher_context_class_takes_a_new_sign_in() {
    let world = with_pages().await;
    let cookie = signed_in(&world).await;
    let mfa = ("acr_values", "urn:mock:mfa");
    assert_eq!(open(&world, &cookie, &[mfa]).await.status(), 200);
    let silent = open(&world, &cookie, &[mfa, ("prompt", "none")]).await;
    assert!(callback(&silent).contains_key("code"));
    let essential = r#"{"id_token": {"acr": {"essential": true, "value": "urn:mock:mfa"}}}"#;
    let essential = ("claims", essential);
    let silent = open(&world, &cookie, &[essential, ("prompt", "none")]).await;
    assert_eq!(callback(&silent)["error"], "interaction_required");
    let page = open(&world, &cookie, &[essential]).await;
    let response = answer(&world, page, "alice").await;
    let better = response.headers()["set-cookie"].to_str().unwrap();
    let better = better.split(';').next().unwrap();
    let silent = open(&world, better, &[essential, ("prompt", "none")]).await;
    assert!(callback(&silent).contains_key("code"));
}

#[tokio::test]
async fn the_user_who_is_asked_for_is_the_one_who_comes_back() {
    let world = world().await;
    let alice = tokens(&world, &[]).await;
    let hint = alice["id_token"].as_str().unwrap();
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_hours(48));
    let claim = r#"{"id_token": {"sub": {"value": "alice"}}}"#;
    for wish in [("id_token_hint", hint), ("claims", claim)] {
        let as_user = async |user: &str| world.callback_as(user, &wishing(&[wish])).await;
        assert!(as_user("alice").await.contains_key("code"), "{wish:?}");
        assert_eq!(as_user("bob").await["error"], "login_required");
    }
    for wrong in ["x", "a.b.c", alice["access_token"].as_str().unwrap()] {
        assert_eq!(
            error(&world, &[("id_token_hint", wrong)]).await,
            "invalid_request"
        );
    }
    let foreign = world_with(settings()).await;
    let foreign = foreign.tokens().await["id_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        error(&world, &[("id_token_hint", &foreign)]).await,
        "invalid_request"
    );
}

#[tokio::test]
async fn a_pairwise_hint_finds_its_user() {
    let world = world().await;
    world.issuer.add_client(Client {
        subject_type: SubjectType::Pairwise,
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    let alice = tokens(&world, &[]).await;
    let hint = alice["id_token"].as_str().unwrap();
    let sub = verified(&world, hint).await["sub"].clone();
    assert_eq!(error(&world, &[("id_token_hint", hint)]).await, "");
    let claim = json!({"id_token": {"sub": {"value": sub}}}).to_string();
    assert_eq!(error(&world, &[("claims", &claim)]).await, "");
    let own = r#"{"id_token": {"sub": {"value": "alice"}}}"#;
    assert_eq!(error(&world, &[("claims", own)]).await, "login_required");
}

#[tokio::test]
async fn a_hint_that_is_keyed_with_the_secret_is_taken() {
    let world = world().await;
    world.issuer.add_client(Client {
        id_token_algorithm: Some(oauth_gauntlet_provider::SigningAlgorithm::Hs256),
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    let alice = tokens(&world, &[]).await;
    let hint = alice["id_token"].as_str().unwrap();
    assert_eq!(error(&world, &[("id_token_hint", hint)]).await, "");
}

#[tokio::test]
async fn on_a_page_another_user_is_asked_again() {
    let world = with_pages().await;
    let cookie = signed_in(&world).await;
    let bob = ("claims", r#"{"id_token": {"sub": {"value": "bob"}}}"#);
    let silent = open(&world, &cookie, &[bob, ("prompt", "none")]).await;
    assert_eq!(callback(&silent)["error"], "login_required");
    let page = open(&world, &cookie, &[bob]).await;
    assert_eq!(page.status(), 200);
    let again = answer(&world, page, "alice").await;
    assert_eq!(again.status(), 400);
    assert!(again.headers().get("set-cookie").is_none());
    let response = answer(&world, again, "bob").await;
    assert!(callback(&response).contains_key("code"));
}

#[tokio::test]
async fn errors_without_a_page_say_what_would_be_needed() {
    let world = with_pages().await;
    let none = ("prompt", "none");
    let cookie = signed_in(&world).await;
    for (wish, expected) in [
        (("login_hint", "bob"), "account_selection_required"),
        (
            ("login_hint", "bob@example.com"),
            "account_selection_required",
        ),
        (("login_hint", "alice@example.com"), ""),
        (("max_age", "0"), "login_required"),
        (("max_age", "10"), ""),
        (("max_age", "soon"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
    ] {
        let callback = callback(&open(&world, &cookie, &[none, wish]).await);
        let error = callback.get("error").map(String::as_str);
        assert_eq!(error.unwrap_or_default(), expected, "{wish:?}");
    }
    world.issuer.add_client(Client {
        default_max_age: Some(10),
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_secs(11));
    assert_eq!(open(&world, &cookie, &[]).await.status(), 200);
    let wider = open(&world, &cookie, &[("max_age", "60")]).await;
    let tokens = world
        .redeem(&callback(&wider)["code"])
        .send()
        .await
        .unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["auth_time"], NOW);

    let world = crate::support::world().await;
    let request = world.authorize_as("alice", &wishing(&[none]));
    let request = request.header("gauntlet-withhold", "openid profile email offline_access");
    let callback = callback(&request.send().await.unwrap());
    assert_eq!(callback["error"], "consent_required");
}

#[tokio::test]
async fn the_automatic_sign_in_is_no_excuse_for_the_wrong_user() {
    let world = world_with(IssuerSettings {
        user_header: false,
        sign_in: SignIn::Auto {
            sub: "carol".to_owned(),
        },
        ..settings()
    })
    .await;
    let bob = ("claims", r#"{"id_token": {"sub": {"value": "bob"}}}"#);
    let response = open(&world, "", &[bob]).await;
    assert_eq!(callback(&response)["error"], "login_required");
}

#[tokio::test]
async fn every_advertised_language_is_spoken() {
    let world = with_pages().await;
    let metadata = world.json("/.well-known/openid-configuration").await;
    assert_eq!(metadata["ui_locales_supported"], json!(["en", "de"]));
    let greeting = async |locales: &str| {
        let wishes = [("ui_locales", locales), ("prompt", "consent")];
        let page = open(&world, "", &wishes).await;
        let html = page.text().await.unwrap();
        let (_, lang) = html.split_once("<html lang=\"").unwrap();
        let lang = lang.split('"').next().unwrap().to_owned();
        let (_, heading) = html.split_once("<h1>").unwrap();
        (lang, heading.split('<').next().unwrap().to_owned())
    };
    let german = ("de".to_owned(), "Wer bist du heute?".to_owned());
    let english = ("en".to_owned(), "Who are you today?".to_owned());
    assert_eq!(greeting("de-CH en").await, german);
    assert_eq!(greeting("fr de").await, german);
    assert_eq!(greeting("en de").await, english);
    assert_eq!(greeting("tlh").await, english);
    let wishes = [("ui_locales", "de"), ("prompt", "consent")];
    let page = open(&world, "", &wishes).await;
    let consent = answer(&world, page, "alice").await.text().await.unwrap();
    assert!(consent.contains("Was darf sie sehen,") && consent.contains("Teilen und weiter"));
}

#[tokio::test]
async fn a_page_calls_a_client_by_its_name() {
    let world = with_pages().await;
    world.issuer.add_client(Client {
        name: Some("The <Shop>".to_owned()),
        ..Client::confidential("app", "secret").redirect_uri(CALLBACK)
    });
    let html = open(&world, "", &[]).await.text().await.unwrap();
    assert!(html.contains("The &lt;Shop&gt;"));
}

#[tokio::test]
async fn resources_may_be_several_and_have_to_exist() {
    let known = ["https://one.test/", "https://two.test/"];
    let world = world_with(IssuerSettings {
        resources: Some(known.map(str::to_owned).into()),
        access_token_format: oauth_gauntlet_provider::AccessTokenFormat::Jwt,
        ..settings()
    })
    .await;
    let with = async |resources: &[&str]| {
        let resources: Vec<_> = resources.iter().map(|it| ("resource", *it)).collect();
        let request = world.authorize_as("alice", &careful()).query(&resources);
        callback(&request.send().await.unwrap())
    };
    let code = with(&known).await["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let claims = decoded(token);
    assert_eq!(claims["aud"], json!(known));
    for wrong in [
        "https://three.test/",
        "/one",
        "https://one.test/#part",
        "one",
    ] {
        assert_eq!(with(&[wrong]).await["error"], "invalid_target", "{wrong}");
    }
}

#[tokio::test]
async fn a_key_thumbprint_is_a_hash() {
    let world = world().await;
    let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert_eq!(error(&world, &[("dpop_jkt", good)]).await, "");
    for wrong in ["x", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4"] {
        assert_eq!(
            error(&world, &[("dpop_jkt", wrong)]).await,
            "invalid_request"
        );
    }
    assert_eq!(error(&world, &[("display", "wap")]).await, "");
}

#[tokio::test]
async fn a_lax_issuer_grants_the_scopes_of_an_api_that_nobody_set_up() {
    let asked = [("scope", "openid orders.read  api://orders/.default")];
    for (profile, granted) in [
        (Profile::Lax, "openid orders.read api://orders/.default"),
        (Profile::Strict, "openid"),
    ] {
        let world = world_with(IssuerSettings {
            profile,
            ..settings()
        })
        .await;
        assert_eq!(tokens(&world, &asked).await["scope"], granted);
    }
}
