//! What people do in a browser: sign in, consent, refuse, come back, leave.

use oauth_gauntlet_provider::{IssuerSettings, SignIn, User};
use reqwest::Response;
use serde_json::Value;

use crate::support::{World, callback, careful, location, settings, world_with};

async fn world() -> World {
    world_with(IssuerSettings {
        user_header: false,
        ..settings()
    })
    .await
}

/// The single-use handle of a page.
fn handle(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"interaction\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) async fn open(world: &World) -> String {
    world
        .authorize(&careful())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

pub(crate) async fn answer(world: &World, html: &str, fields: &[(&str, &str)]) -> Response {
    let handle = handle(html);
    let mut form = vec![("interaction", handle.as_str())];
    form.extend(fields);
    world
        .http
        .post(world.url("/login"))
        .form(&form)
        .send()
        .await
        .unwrap()
}

pub(crate) fn cookie(response: &Response) -> String {
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.ends_with("HttpOnly; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn one_press_of_a_button_signs_in() {
    let world = world().await;
    let page = world.authorize(&careful()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"));
    let html = page.text().await.unwrap();
    for text in [
        "No password is checked",
        "Alice Adams",
        "bob@example.com",
        "Carol Clark",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("<script"));
    let response = answer(&world, &html, &[("sub", "bob")]).await;
    assert_eq!(response.status(), 303);
    let callback = callback(&response);
    assert_eq!(callback["state"], "the-state");
    let tokens = world.redeem(&callback["code"]).send().await.unwrap();
    assert_eq!(tokens.status(), 200);
    let journal = world.issuer.journal().exchanges();
    assert_eq!(journal[1].notes.user.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_page_can_be_answered_once() {
    let world = world().await;
    let html = open(&world).await;
    assert_eq!(answer(&world, &html, &[("sub", "bob")]).await.status(), 303);
    let again = answer(&world, &html, &[("sub", "alice")]).await;
    assert_eq!(again.status(), 400);
    assert!(again.text().await.unwrap().contains("answered already"));
}

#[tokio::test]
async fn a_page_waits_for_half_an_hour() {
    let world = world().await;
    let html = open(&world).await;
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_mins(31));
    assert_eq!(answer(&world, &html, &[("sub", "bob")]).await.status(), 400);
}

#[tokio::test]
async fn a_form_of_another_site_is_not_taken() {
    let world = world().await;
    let form = [
        ("interaction", handle(&open(&world).await)),
        ("sub", "bob".to_owned()),
    ];
    let request = world.http.post(world.url("/login")).form(&form);
    let response = request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn somebody_new_can_sign_in_by_name_and_rubbish_cannot() {
    let world = world().await;
    let response = answer(&world, &open(&world).await, &[("other", "zoë")]).await;
    assert_eq!(response.status(), 400);
    let html = response.text().await.unwrap();
    assert!(html.contains("all of them ASCII"));
    let html = answer(&world, &html, &[("other", " ")])
        .await
        .text()
        .await
        .unwrap();
    assert!(html.contains("Choose somebody"));
    let response = answer(&world, &html, &[("other", "zoe")]).await;
    let code = callback(&response)["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let userinfo = world.userinfo(tokens["access_token"].as_str().unwrap());
    let userinfo: Value = userinfo.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&userinfo["sub"], &userinfo["name"]),
        (&"zoe".into(), &"Zoe".into())
    );
}

#[tokio::test]
async fn to_deny_sends_an_error_back() {
    let world = world().await;
    let response = answer(&world, &open(&world).await, &[("deny", "1")]).await;
    let callback = callback(&response);
    assert_eq!(callback["error"], "access_denied");
    assert_eq!(callback["state"], "the-state");
    assert_eq!(callback["iss"], world.issuer.url());
    assert!(!callback.contains_key("code"));
}

#[tokio::test]
async fn consent_is_asked_on_demand_and_grants_what_was_ticked() {
    let world = world().await;
    let mut request = careful();
    request.insert("prompt", "consent");
    let login = world
        .authorize(&request)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let forced = answer(&world, &login, &[("sub", "alice")]).await;
    let chosen = answer(
        &world,
        &open(&world).await,
        &[("sub", "alice"), ("choose", "1")],
    )
    .await;
    for page in [forced, chosen] {
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        assert!(html.contains("email_verified") && html.contains("Alice Adams"));
        let ticked = [
            ("scope", "openid"),
            ("scope", "profile"),
            ("scope", "admin"),
        ];
        let code = callback(&answer(&world, &html, &ticked).await)["code"].clone();
        let tokens: Value = world
            .redeem(&code)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(tokens["scope"], "openid profile");
    }
    let html = open(&world).await;
    let html = answer(&world, &html, &[("sub", "alice"), ("choose", "1")]).await;
    let nothing = answer(&world, &html.text().await.unwrap(), &[]).await;
    assert_eq!(callback(&nothing)["error"], "access_denied");
}

#[tokio::test]
async fn a_browser_is_remembered_as_far_as_the_request_lets_it() {
    let world = world().await;
    let cookie = cookie(&answer(&world, &open(&world).await, &[("sub", "alice")]).await);
    let again = async |more: &[(&'static str, &'static str)]| {
        let mut request = careful();
        request.extend(more.iter().copied());
        let response = world
            .authorize(&request)
            .header("cookie", &cookie)
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    };
    assert_eq!(again(&[]).await, 302);
    assert_eq!(again(&[("prompt", "none")]).await, 302);
    assert_eq!(again(&[("prompt", "login")]).await, 200);
    assert_eq!(again(&[("prompt", "select_account")]).await, 200);
    assert_eq!(again(&[("prompt", "consent")]).await, 200);
    assert_eq!(again(&[("login_hint", "alice")]).await, 302);
    assert_eq!(again(&[("login_hint", "bob")]).await, 200);
    world
        .issuer
        .clock()
        .advance(std::time::Duration::from_secs(100));
    assert_eq!(again(&[("max_age", "100")]).await, 302);
    assert_eq!(again(&[("max_age", "99")]).await, 200);
}

#[tokio::test]
async fn prompt_none_without_a_sign_in_is_an_error_for_the_client() {
    let world = world().await;
    let mut request = careful();
    request.insert("prompt", "none");
    let response = world.authorize(&request).send().await.unwrap();
    assert_eq!(callback(&response)["error"], "login_required");
    request.insert("prompt", "none login");
    let response = world.authorize(&request).send().await.unwrap();
    assert_eq!(callback(&response)["error"], "invalid_request");
}

#[tokio::test]
async fn a_logout_ends_the_sign_in_and_leads_back_where_that_is_registered() {
    let world = world().await;
    let response = answer(&world, &open(&world).await, &[("sub", "alice")]).await;
    let cookie = cookie(&response);
    let code = callback(&response)["code"].clone();
    let tokens: Value = world
        .redeem(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id_token = tokens["id_token"].as_str().unwrap();
    let logout = async |query: &[(&str, &str)]| {
        let request = world.http.get(world.url("/end_session")).query(query);
        request.header("cookie", &cookie).send().await.unwrap()
    };
    let back = ("post_logout_redirect_uri", "http://localhost:3000/bye?x=1");
    let response = logout(&[("id_token_hint", id_token), back, ("state", "s&1")]).await;
    assert_eq!(
        location(&response),
        "http://localhost:3000/bye?x=1&state=s%261"
    );
    let cleared = response.headers()["set-cookie"].to_str().unwrap();
    assert!(cleared.contains("=; ") && cleared.contains("Max-Age=0"));
    let next = world
        .authorize(&careful())
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(next.status(), 200);

    assert_eq!(
        location(&logout(&[("client_id", "app"), back]).await),
        back.1
    );
    assert_eq!(logout(&[]).await.status(), 200);
    let elsewhere = ("post_logout_redirect_uri", "http://evil.test/");
    for refused in [
        vec![("id_token_hint", id_token), elsewhere],
        vec![back],
        vec![("client_id", "other"), back],
        vec![("client_id", "other"), ("id_token_hint", id_token), back],
        vec![("id_token_hint", "rub.bi.sh"), back],
        vec![("client_id", "app"), ("client_id", "app"), back],
    ] {
        assert_eq!(logout(&refused).await.status(), 400, "{refused:?}");
    }
}

#[tokio::test]
async fn the_automatic_sign_in_shows_no_page() {
    let world = world_with(IssuerSettings {
        sign_in: SignIn::Auto {
            sub: "carol".to_owned(),
        },
        ..settings()
    })
    .await;
    let response = world.authorize(&careful()).send().await.unwrap();
    assert!(callback(&response).contains_key("code"));
}

#[tokio::test]
async fn what_comes_from_outside_is_escaped_on_every_page() {
    let evil = "<script>alert(1)</script>\"'";
    let world = world_with(IssuerSettings {
        user_header: false,
        profile: oauth_gauntlet_provider::Profile::Lax,
        users: vec![User::new(evil).claim("name", evil)],
        ..settings()
    })
    .await;
    let mut request = careful();
    request.extend([
        ("client_id", evil),
        ("login_hint", evil),
        ("prompt", "consent"),
    ]);
    let login = world
        .authorize(&request)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let consent = answer(&world, &login, &[("sub", evil)])
        .await
        .text()
        .await
        .unwrap();
    request.insert("redirect_uri", "javascript:alert('<script>')");
    let error = world
        .authorize(&request)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let index = world
        .http
        .get(world.url("/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let out = world
        .http
        .get(world.url("/end_session"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for html in [login, consent, error, index, out] {
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("</html>"), "{html}");
        assert!(html.contains("This is a mock."));
    }
}
