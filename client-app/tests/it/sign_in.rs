//! Whole sign-ins with everything that follows: profile, refresh, sign-out, a second provider.

use crate::{
    browser::{Browser, client},
    provider::{Provider, set},
};
use axum::{Router, http::StatusCode};
use serde_json::json;

fn client_of(provider: &Provider, more: &[(&str, &str)]) -> Router {
    let variables = [
        ("OIDC_ISSUER", &*provider.issuer),
        ("OIDC_ID_TOKEN_ALGS", "ES256"),
    ];
    client(&[&variables, more].concat())
}

#[tokio::test]
async fn a_user_signs_in_sees_the_profile_and_signs_out() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));

    let callback = browser.callback_of("/login").await;
    let before = browser.session().unwrap().to_owned();
    let page = browser.get(&callback).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::SEE_OTHER, "/profile")
    );
    let after = browser.session().unwrap().to_owned();
    assert_ne!(before, after, "the session id changes at sign-in");

    let page = browser.get("/profile").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Alice Example") && page.text.contains("alice@example.com"));
    assert!(!page.text.contains("was not shared"));
    assert!(browser.get("/").await.text.contains("Alice Example"));

    let mut stranger = Browser::new(&client_of(&provider, &[]));
    stranger
        .cookies
        .insert(crate::browser::COOKIE.to_owned(), before);
    assert_eq!(
        stranger.get("/profile").await.status,
        StatusCode::UNAUTHORIZED
    );

    assert!(browser.get("/logout").await.text.contains("Sign out?"));
    assert_eq!(
        browser.get("/profile").await.status,
        StatusCode::OK,
        "asking is not doing"
    );
    let page = browser.post("/logout").await;
    assert!(
        page.location()
            .starts_with(&format!("{}/end?tenant=1&id_token_hint=", provider.issuer))
    );
    assert!(
        page.location()
            .contains("post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A8000%2F")
    );
    assert_eq!(
        browser.get("/profile").await.status,
        StatusCode::UNAUTHORIZED
    );
    browser
        .cookies
        .insert(crate::browser::COOKIE.to_owned(), after);
    assert_eq!(
        browser.get("/profile").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn the_old_session_id_is_worth_nothing_after_sign_in() {
    let provider = Provider::start().await;
    let client = client_of(&provider, &[]);
    let mut victim = Browser::new(&client);
    let callback = victim.callback_of("/login").await;
    let mut thief = Browser::new(&client);
    thief.cookies = victim.cookies.clone();
    victim.get(&callback).await;
    assert_eq!(victim.get("/profile").await.status, StatusCode::OK);
    assert_eq!(thief.get("/profile").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_was_not_shared_is_said() {
    let provider = Provider::start().await;
    provider.script().claims = json!({ "preferred_username": "alice1" });
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    let page = browser.get("/profile").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text
            .contains("Your e-mail address was not shared (scope <code>email</code>)")
    );
    assert!(page.text.contains("Your name was not shared"));
    assert!(page.text.contains("alice1"));
}

#[tokio::test]
async fn a_callback_is_good_for_one_time_and_a_refused_one_signs_nobody_out() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    let login = browser.get("/login").await;
    let callback = crate::browser::authorize(login.location()).await;
    assert_eq!(browser.get(&callback).await.location(), "/profile");
    let session = browser.session().unwrap().to_owned();

    // The same request again, and with a fresh code for the same state.
    let again = crate::browser::authorize(login.location()).await;
    for target in [
        &callback,
        &again,
        "/callback?code=x&state=forged",
        "/callback?error=x",
    ] {
        let page = browser.get(target).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{target}");
        assert!(page.text.contains("not begun in this browser"), "{target}");
    }
    assert_eq!(provider.calls("authorization_code"), 1);
    assert_eq!(browser.session(), Some(&*session));
    assert_eq!(browser.get("/profile").await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_callbacks_at_once_use_a_login_once() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    let callback = browser.callback_of("/login").await;
    let mut twin = browser.twin();
    let (first, second) = tokio::join!(browser.get(&callback), twin.get(&callback));
    let mut statuses = [first.status, second.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::BAD_REQUEST]);
    assert_eq!(provider.calls("authorization_code"), 1);
}

#[tokio::test]
async fn a_callback_belongs_to_the_browser_that_began_it() {
    let provider = Provider::start().await;
    let client = client_of(&provider, &[]);
    let callback = Browser::new(&client).callback_of("/login").await;
    let mut victim = Browser::new(&client);
    victim.get("/login").await;
    assert_eq!(victim.get(&callback).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        victim.get("/profile").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(provider.calls("token"), 0);
}

#[tokio::test]
async fn two_tabs_can_sign_in_and_the_oldest_of_many_is_dropped() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    let oldest = browser.callback_of("/login").await;
    let mut newer = Vec::new();
    for _ in 0..8 {
        newer.push(browser.callback_of("/login").await);
    }
    assert_eq!(browser.get(&oldest).await.status, StatusCode::BAD_REQUEST);
    for callback in [&newer[7], &newer[0]] {
        assert_eq!(browser.get(callback).await.location(), "/profile");
    }
}

#[tokio::test]
async fn an_expired_access_token_is_refreshed_and_the_rotated_token_kept() {
    let provider = Provider::start().await;
    provider.script().expires_in = 1;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    for refreshes in 1..=3 {
        assert_eq!(browser.get("/profile").await.status, StatusCode::OK);
        assert_eq!(provider.calls("refresh_token"), refreshes);
    }
    provider.script().rotates = false;
    for _ in 0..2 {
        assert_eq!(
            browser.get("/profile").await.status,
            StatusCode::OK,
            "the old one is kept"
        );
    }
}

#[tokio::test]
async fn a_denied_access_token_is_refreshed_once() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    provider.script().access_tokens.clear();
    assert_eq!(browser.get("/profile").await.status, StatusCode::OK);
    assert_eq!(provider.calls("refresh_token"), 1);
}

#[tokio::test]
async fn views_at_once_refresh_once() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    provider.script().access_tokens.clear();
    let mut twin = browser.twin();
    let (one, two) = tokio::join!(browser.get("/profile"), twin.get("/profile"));
    assert_eq!([one.status, two.status], [StatusCode::OK; 2]);
    assert_eq!(provider.calls("refresh_token"), 1);
}

#[tokio::test]
async fn a_refused_refresh_ends_the_session() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    provider.script().access_tokens.clear();
    provider.script().refresh_tokens.clear();
    let page = browser.get("/profile").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.text.contains("sign in again"));
    assert!(browser.session().is_none());
    assert_eq!(browser.sign_in().await.location(), "/profile");
    assert_eq!(browser.get("/profile").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refreshed_id_token_of_someone_else_or_of_another_sign_in_is_refused() {
    for (claim, value) in [("sub", "mallory"), ("nonce", "of another sign-in")] {
        let provider = Provider::start().await;
        let mut browser = Browser::new(&client_of(&provider, &[]));
        browser.sign_in().await;
        provider.script().changes_id_token = set(claim, json!(value));
        provider.script().access_tokens.clear();
        let page = browser.get("/profile").await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{claim}");
        assert!(!page.text.contains("Alice Example"), "{claim}");
    }
}

#[tokio::test]
async fn a_key_rotation_between_two_logins_goes_unnoticed() {
    let provider = Provider::start().await;
    let mut browser = Browser::new(&client_of(&provider, &[]));
    browser.sign_in().await;
    provider.rotate_key("key-2");
    assert_eq!(browser.sign_in().await.location(), "/profile");
    assert_eq!(provider.calls("jwks"), 2);
}

#[tokio::test]
async fn a_plain_oauth_provider_identifies_by_userinfo_alone() {
    let provider = Provider::start().await;
    let endpoint = |path: &str| format!("{}/{path}", provider.issuer);
    let client = client(&[
        ("OAUTH_AUTHORIZATION_ENDPOINT", &endpoint("authorize")),
        ("OAUTH_TOKEN_ENDPOINT", &endpoint("token")),
        ("OAUTH_USERINFO_ENDPOINT", &endpoint("userinfo")),
    ]);
    let mut browser = Browser::new(&client);
    assert_eq!(browser.sign_in().await.location(), "/profile");
    assert!(browser.get("/profile").await.text.contains("Alice Example"));
    assert_eq!(provider.calls("metadata") + provider.calls("jwks"), 0);
    assert_eq!(browser.post("/logout").await.location(), "/");
}

#[tokio::test]
async fn a_login_stays_with_the_provider_it_was_begun_with() {
    let (honest, attacker) = (Provider::start().await, Provider::start().await);
    let client = client(&[
        ("PROVIDERS", "honest,attacker"),
        ("OIDC_HONEST_ISSUER", &honest.issuer),
        ("OIDC_HONEST_ID_TOKEN_ALGS", "ES256"),
        ("OIDC_ATTACKER_ISSUER", &attacker.issuer),
        ("OIDC_ATTACKER_ID_TOKEN_ALGS", "ES256"),
    ]);
    let mut browser = Browser::new(&client);
    let callback = browser.callback_of("/login?provider=honest").await;
    assert_eq!(browser.get(&callback).await.location(), "/profile");
    assert_eq!(attacker.calls("token"), 0);

    // A mix-up: begun with the attacker, answered by the honest provider.
    let login = browser.get("/login?provider=attacker").await;
    let moved = login.location().replace(&attacker.issuer, &honest.issuer);
    let callback = crate::browser::authorize(&moved).await;
    assert_eq!(browser.get(&callback).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(attacker.calls("token"), 0);
}

#[tokio::test]
async fn sessions_in_files_survive_a_restart() {
    let provider = Provider::start().await;
    let unique = format!(
        "client-app-restart-{}",
        provider.issuer.replace([':', '/'], "-")
    );
    let directory = std::env::temp_dir().join(unique);
    let variable = [("SESSION_DIR", directory.to_str().unwrap())];
    let mut browser = Browser::new(&client_of(&provider, &variable));
    browser.sign_in().await;
    let mut later = Browser::new(&client_of(&provider, &variable));
    later.cookies = browser.cookies.clone();
    assert_eq!(later.get("/profile").await.status, StatusCode::OK);
    std::fs::remove_dir_all(directory).unwrap();
}
