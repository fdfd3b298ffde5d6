//! Routes, headers and cookies: what can be seen without a provider.

use crate::browser::{Browser, COOKIE, client};
use axum::http::StatusCode;

/// Endpoints that nobody listens at; enough to begin a login.
const ENDPOINTS: [(&str, &str); 4] = [
    (
        "OIDC_AUTHORIZATION_ENDPOINT",
        "http://127.0.0.1:1/authorize?tenant=1",
    ),
    ("OIDC_TOKEN_ENDPOINT", "http://127.0.0.1:1/token"),
    ("OIDC_USERINFO_ENDPOINT", "http://127.0.0.1:1/userinfo"),
    ("OIDC_JWKS_URI", "http://127.0.0.1:1/jwks"),
];

fn browser(more: &[(&str, &str)]) -> Browser {
    Browser::new(&client(&[&ENDPOINTS, more].concat()))
}

#[tokio::test]
async fn every_response_is_protected_and_every_page_stays_out_of_caches() {
    let mut browser = browser(&[]);
    for path in [
        "/",
        "/login",
        "/callback",
        "/profile",
        "/logout",
        "/nowhere",
        "/style.css",
    ] {
        let page = browser.get(path).await;
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'"),
            "{path}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        let stored = page.header("cache-control") != "no-store";
        assert_eq!(stored, path == "/style.css", "{path}");
    }
}

#[tokio::test]
async fn pages_have_their_statuses() {
    let mut browser = browser(&[]);
    for (path, status, text) in [
        ("/", StatusCode::OK, "Sign in"),
        ("/profile", StatusCode::UNAUTHORIZED, "Please sign in"),
        ("/logout", StatusCode::OK, "You are signed out"),
        ("/callback", StatusCode::BAD_REQUEST, "Sign in again"),
        (
            "/callback?code=a&state=b",
            StatusCode::BAD_REQUEST,
            "Sign in again",
        ),
        (
            "/login?provider=unknown",
            StatusCode::NOT_FOUND,
            "does not know",
        ),
        ("/nowhere", StatusCode::NOT_FOUND, "no page at this address"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.contains(text), "{path}: {}", page.text);
    }
    assert!(
        browser.session().is_none(),
        "no session before a login begins"
    );
    assert_eq!(browser.post("/logout").await.location(), "/");
}

#[tokio::test]
async fn a_login_asks_for_what_it_will_check() {
    let page = browser(&[]).get("/login").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    for part in [
        "http://127.0.0.1:1/authorize?tenant=1&response_type=code&client_id=client-app",
        "redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Fcallback",
        "scope=openid+profile+email+offline_access",
        "&state=",
        "&nonce=",
        "&code_challenge=",
        "code_challenge_method=S256",
        "prompt=consent",
    ] {
        assert!(
            page.location().contains(part),
            "{part}: {}",
            page.location()
        );
    }
    let cookie = page.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(cookie.starts_with(&format!("{COOKIE}=")));
    assert!(!cookie.contains("Secure"));
}

#[tokio::test]
async fn the_cookie_is_secure_where_browsers_come_over_tls() {
    let page = browser(&[("BASE_URL", "https://app.example")])
        .get("/login")
        .await;
    assert!(page.header("set-cookie").contains("Secure"));
    assert!(
        page.location()
            .contains("redirect_uri=https%3A%2F%2Fapp.example%2Fcallback")
    );
}

#[tokio::test]
async fn no_two_logins_share_a_value() {
    let mut browser = browser(&[]);
    let (one, two) = (browser.get("/login").await, browser.get("/login").await);
    let query = |page: &crate::browser::Page, name: &str| {
        let url = url::Url::parse(page.location()).unwrap();
        let found = url.query_pairs().find(|(known, _)| known == name);
        found.unwrap().1.into_owned()
    };
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(query(&one, name), query(&two, name), "{name}");
    }
}

#[tokio::test]
async fn an_error_of_the_provider_is_quoted_and_never_markup() {
    let mut browser = browser(&[]);
    let login = browser.get("/login").await;
    let url = url::Url::parse(login.location()).unwrap();
    let state = url
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1;
    let description = "%3Cscript%3Ealert(1)%3C/script%3E".repeat(20);
    let target =
        format!("/callback?error=access_denied&error_description={description}&state={state}");
    let page = browser.get(&target).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("access was not granted"));
    assert!(page.text.contains("&lt;script&gt;"));
    assert!(!page.text.contains("<script"));
    assert!(page.text.len() < 3000, "the quotation is cut");
}

#[tokio::test]
async fn an_odd_cookie_or_query_is_no_server_error() {
    for cookie in ["", "x", "====", "AAAAAAAAAAAAAAAAAAAAAA", &"y".repeat(4000)] {
        let mut browser = browser(&[]);
        browser.cookies.insert(COOKIE.to_owned(), cookie.to_owned());
        for path in [
            "/",
            "/profile",
            "/logout",
            "/callback",
            "/callback?state=%ff&code=%00&&=&",
        ] {
            let page = browser.get(path).await;
            assert!(
                !page.status.is_server_error(),
                "{cookie:.30} {path}: {}",
                page.status
            );
        }
        assert_eq!(browser.get("/login").await.status, StatusCode::SEE_OTHER);
        assert_ne!(
            browser.session(),
            Some(cookie),
            "the id is ours, not the visitor's"
        );
    }
}

#[tokio::test]
async fn with_several_providers_the_user_chooses() {
    let mut browser = browser(&[
        ("PROVIDERS", "honest,attacker"),
        ("OIDC_HONEST_ISSUER", "http://127.0.0.1:1"),
        ("OIDC_ATTACKER_ISSUER", "http://127.0.0.1:2"),
    ]);
    let page = browser.get("/login").await;
    assert_eq!(page.status, StatusCode::OK);
    for name in ["honest", "attacker"] {
        assert!(
            page.text
                .contains(&format!("href=\"/login?provider={name}\"")),
            "{name}"
        );
    }
}
