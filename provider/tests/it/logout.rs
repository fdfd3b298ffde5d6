//! Signing out: whom it is asked of, and who is told (RP-Initiated, Front-Channel and Back-Channel
//! Logout 1.0).

use std::time::Duration;

use oauth_gauntlet_provider::{
    Client, Endpoint, IssuerSettings, Profile, Rule, SigningAlgorithm, SubjectType,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::pages::{answer, cookie, open};
use crate::signed::{claims, header};
use crate::support::{
    CALLBACK, NOW, World, callback, careful, location, settings, verified, world_with,
};

const LIMIT: Duration = Duration::from_secs(10);
const BACK: &str = "http://localhost:3000/bye?x=1";

/// The client `app`, with what it wants to be told.
pub(crate) fn app(change: impl FnOnce(&mut Client)) -> IssuerSettings {
    let mut settings = settings();
    change(&mut settings.clients[0]);
    settings
}

/// A client's back channel that answers everything with this status.
pub(crate) async fn receiver(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/back", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8_192];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

/// The logout tokens that went out so far.
pub(crate) fn sent(world: &World) -> Vec<String> {
    let exchanges = world.issuer.journal().exchanges();
    let pushes = exchanges
        .iter()
        .filter(|it| it.endpoint == Endpoint::BackchannelLogout);
    pushes
        .map(|push| {
            let mut form = form_urlencoded::parse(push.request.body.as_bytes());
            let (name, token) = form.next().unwrap();
            assert_eq!(name, "logout_token");
            token.into_owned()
        })
        .collect()
}

/// A browser in which alice is signed in to `app`: its cookie, and the ID token.
async fn browser(world: &World) -> (String, String) {
    let response = answer(world, &open(world).await, &[("sub", "alice")]).await;
    let cookie = cookie(&response);
    let code = callback(&response)["code"].clone();
    let tokens = world.redeem(&code).send().await.unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    (cookie, tokens["id_token"].as_str().unwrap().to_owned())
}

async fn end_session(world: &World, cookie: &str, query: &[(&str, &str)]) -> reqwest::Response {
    let request = world.http.get(world.url("/end_session")).query(query);
    request.header("cookie", cookie).send().await.unwrap()
}

#[tokio::test]
async fn clients_of_the_session_are_told_on_the_back_channel() {
    let back_channel = receiver(204).await;
    let world = world_with(app(|app| {
        app.backchannel_logout_uri = Some(back_channel.clone());
    }))
    .await;
    let (cookie, id_token) = browser(&world).await;
    let query = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BACK),
    ];
    let response = end_session(&world, &cookie, &query).await;
    assert_eq!(location(&response), BACK);
    let pushed =
        |it: &oauth_gauntlet_provider::Exchange| it.endpoint == Endpoint::BackchannelLogout;
    let push = world
        .issuer
        .journal()
        .wait_for(pushed, LIMIT)
        .await
        .unwrap();
    assert_eq!(push.response.status, 204);
    assert_eq!(push.request.target, back_channel);
    assert_eq!(push.notes.client_id.as_deref(), Some("app"));
    let token = &sent(&world)[0];
    assert_eq!(header(token)["typ"], "logout+jwt");
    let claims = verified(&world, token).await;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    assert_eq!(claims["events"], json!({event: {}}));
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["sid"], crate::signed::claims(&id_token)["sid"]);
    assert_eq!(claims["iat"], NOW);
    assert_eq!(claims["exp"], NOW + 120);
    assert!(claims["jti"].is_string());
    assert_eq!(claims.get("nonce"), None);
    // The session is over, so nobody is told twice.
    end_session(&world, &cookie, &query).await;
    assert_eq!(world.issuer.log_out("alice").await, []);
}

#[tokio::test]
async fn a_user_is_logged_out_on_demand_wherever_they_signed_in() {
    let (good, bad) = (receiver(200).await, receiver(400).await);
    let mut settings = app(|app| app.backchannel_logout_uri = Some(good.clone()));
    settings.clients[1].backchannel_logout_uri = Some(bad.clone());
    let world = world_with(settings).await;
    let (cookie, _) = browser(&world).await;
    world.tokens().await;
    let outcomes = world.issuer.log_out("alice").await;
    // Two sessions of one client; the other client never saw her.
    let seen: Vec<_> = (outcomes.iter())
        .map(|it| (it.client_id.as_str(), it.uri.as_str(), it.outcome.clone()))
        .collect();
    assert_eq!(
        seen,
        [("app", good.as_str(), Ok(200)), ("app", &good, Ok(200))]
    );
    assert_eq!(world.issuer.log_out("bob").await, []);
    // The browser is signed out as well.
    let page = world.authorize(&careful()).header("cookie", cookie);
    assert_eq!(page.send().await.unwrap().status(), 200);

    let push = world.issuer.push_logout("other", Some("alice"), None).await;
    assert_eq!(push.unwrap().outcome, Ok(400));
    let token = sent(&world).pop().unwrap();
    assert_eq!(claims(&token)["aud"], "other");
    assert_eq!(claims(&token).get("sid"), None);
    assert_eq!(
        world.issuer.push_logout("native", None, Some("x")).await,
        None
    );
    assert_eq!(world.issuer.push_logout("nobody", None, None).await, None);
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_told_of_in_the_outcome() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/back", listener.local_addr().unwrap());
    drop(listener);
    let world = world_with(app(|app| app.backchannel_logout_uri = Some(url))).await;
    let push = world.issuer.push_logout("app", Some("alice"), None).await;
    let reason = push.unwrap().outcome.unwrap_err();
    assert!(reason.starts_with("cannot connect to"), "{reason}");
    let exchanges = world.issuer.journal().exchanges();
    assert_eq!(exchanges[0].response.status, 0);
}

#[tokio::test]
async fn logout_tokens_lie_as_they_are_told_to() {
    let back_channel = receiver(200).await;
    let world = world_with(app(|app| app.backchannel_logout_uri = Some(back_channel))).await;
    let push = async |fault: Value| {
        let fault = json!({"logout-token": fault});
        let fault = serde_json::from_value(fault).unwrap();
        let armed = world.issuer.arm(fault).unwrap();
        let push = world.issuer.push_logout("app", Some("alice"), Some("s"));
        assert_eq!(push.await.unwrap().outcome, Ok(200));
        assert_eq!(armed.fired(), 1);
        armed.disarm();
        let token = sent(&world).pop().unwrap();
        (header(&token), claims(&token), token)
    };
    let (_, wrong_aud, _) = push(json!({"claims": {"aud": "another"}})).await;
    assert_eq!(wrong_aud["aud"], "another");
    let replayed = json!({"claims": {"jti": "the same"}});
    let (_, first, _) = push(replayed.clone()).await;
    let (_, second, _) = push(replayed).await;
    assert_eq!(first["jti"], second["jti"]);
    let (_, with_nonce, _) = push(json!({"claims": {"nonce": "n"}})).await;
    assert_eq!(with_nonce["nonce"], "n");
    let (_, nobody, _) = push(json!({"remove": ["sub", "sid"]})).await;
    assert_eq!((nobody.get("sub"), nobody.get("sid")), (None, None));
    let (_, no_event, _) = push(json!({"claims": {"events": {}}})).await;
    assert_eq!(no_event["events"], json!({}));
    let (typ, ..) = push(json!({"header": {"typ": "JWT"}})).await;
    assert_eq!(typ["typ"], "JWT");
    let (alg, _, unsigned) = push(json!({"sign": "none"})).await;
    assert_eq!(alg["alg"], "none");
    assert!(unsigned.ends_with('.'));
    let (_, expired, _) = push(json!({"shift": {"exp": "-1h"}})).await;
    assert_eq!(expired["exp"], NOW + 120 - 3_600);
}

#[tokio::test]
async fn a_logout_token_is_no_id_token_hint() {
    let back_channel = receiver(200).await;
    let world = world_with(app(|app| app.backchannel_logout_uri = Some(back_channel))).await;
    let push = world.issuer.push_logout("app", Some("alice"), Some("s"));
    push.await.unwrap();
    let token = sent(&world).pop().unwrap();
    let response = end_session(&world, "", &[("id_token_hint", &token)]).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn clients_are_signed_out_in_frames_before_the_browser_goes_on() {
    let world = world_with(app(|app| {
        app.frontchannel_logout_uri = Some("http://rp.test:8080/out?a=1".to_owned());
        app.frontchannel_logout_session_required = true;
    }))
    .await;
    let (cookie, id_token) = browser(&world).await;
    let query = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BACK),
        ("state", "s&1"),
    ];
    let response = end_session(&world, &cookie, &query).await;
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.ends_with("; frame-src http://rp.test:8080"),
        "{policy}"
    );
    let html = response.text().await.unwrap();
    let sid = claims(&id_token)["sid"].as_str().unwrap().to_owned();
    let pairs = [("iss", world.issuer.url()), ("sid", &sid)];
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(pairs).finish();
    let unescaped = html.replace("&amp;", "&").replace("&#x2f;", "/");
    let frame = format!("<iframe src=\"http://rp.test:8080/out?a=1&{query}\"");
    assert!(unescaped.contains(&frame), "{html}");
    let next = format!("1; url={BACK}&state=s%261");
    assert!(unescaped.contains(&next), "{html}");
    assert!(!html.contains("<script"));
    // Nobody is left who would have to be told.
    let again = end_session(&world, &cookie, &[("id_token_hint", &id_token)]).await;
    assert!(!again.text().await.unwrap().contains("<iframe"));
}

#[tokio::test]
async fn people_are_asked_unless_an_id_token_says_who_wants_to_sign_out() {
    let world = world_with(settings()).await;
    let (cookie, _) = browser(&world).await;
    let is_signed_in = async || {
        let request = world.authorize(&careful()).header("cookie", &cookie);
        request.send().await.unwrap().status() == 302
    };
    let query = [("client_id", "app"), ("post_logout_redirect_uri", BACK)];
    let page = end_session(&world, &cookie, &query).await;
    assert_eq!(page.status(), 200);
    let violations = &world
        .issuer
        .journal()
        .exchanges()
        .last()
        .unwrap()
        .notes
        .violations
        .clone();
    assert_eq!(violations[0].rule, Rule::HintedLogout);
    let html = page.text().await.unwrap();
    assert!(html.contains("Do you want to sign out?"));
    assert!(is_signed_in().await);
    let (_, rest) = html.split_once("name=\"confirmation\" value=\"").unwrap();
    let handle = rest.split('"').next().unwrap();
    let confirm = async || {
        let request = world.http.post(world.url("/end_session"));
        let request = request.header("cookie", &cookie);
        request
            .form(&[("confirmation", handle)])
            .send()
            .await
            .unwrap()
    };
    assert_eq!(location(&confirm().await), BACK);
    assert!(!is_signed_in().await);
    assert_eq!(confirm().await.status(), 400);
    // Nobody is signed in now, so there is nothing to ask.
    assert_eq!(location(&end_session(&world, &cookie, &query).await), BACK);

    // An ID token of somebody else is no reason either.
    let (cookie, _) = browser(&world).await;
    let code = world.callback_as("bob", &careful()).await["code"].clone();
    let tokens = world.tokens_for(&code).await;
    let of_bob = tokens["id_token"].as_str().unwrap();
    let page = end_session(&world, &cookie, &[("id_token_hint", of_bob)]).await;
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("Do you want to sign out?")
    );

    let lax = world_with(IssuerSettings {
        profile: Profile::Lax,
        ..settings()
    })
    .await;
    let (cookie, _) = browser(&lax).await;
    assert_eq!(location(&end_session(&lax, &cookie, &query).await), BACK);
}

#[tokio::test]
async fn a_hint_may_have_a_pairwise_subject_or_be_keyed_with_the_secret() {
    let world = world_with(app(|app| {
        app.subject_type = SubjectType::Pairwise;
        app.id_token_algorithm = Some(SigningAlgorithm::Hs256);
    }))
    .await;
    let (cookie, id_token) = browser(&world).await;
    assert_eq!(header(&id_token)["alg"], "HS256");
    assert_ne!(claims(&id_token)["sub"], "alice");
    let query = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BACK),
    ];
    assert_eq!(location(&end_session(&world, &cookie, &query).await), BACK);
    let exchange = world.issuer.journal().exchanges().last().unwrap().clone();
    assert_eq!(exchange.notes.user.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_pairwise_subject_is_one_for_all_clients_of_a_sector_and_differs_from_others() {
    let mut settings = app(|app| app.subject_type = SubjectType::Pairwise);
    let pairwise = |id: &str, sector: Option<&str>| Client {
        subject_type: SubjectType::Pairwise,
        sector_identifier: sector.map(str::to_owned),
        ..Client::confidential(id, "secret").redirect_uri(CALLBACK)
    };
    settings.clients.push(pairwise("same", None));
    settings
        .clients
        .push(pairwise("apart", Some("elsewhere.test")));
    let world = world_with(settings).await;
    let mut subjects = Vec::new();
    for client in ["app", "same", "apart"] {
        let mut request = careful();
        request.insert("client_id", client);
        let code = world.callback(&request).await["code"].clone();
        let form = crate::support::redemption(&code);
        let request = world.http.post(world.url("/token")).form(&form);
        let response = request.basic_auth(client, Some("secret")).send().await;
        let tokens: Value = response.unwrap().json().await.unwrap();
        let sub = claims(tokens["id_token"].as_str().unwrap())["sub"].clone();
        let token = tokens["access_token"].as_str().unwrap();
        let userinfo = world.userinfo(token).send().await.unwrap();
        let userinfo: Value = userinfo.json().await.unwrap();
        assert_eq!(userinfo["sub"], sub, "{client}");
        assert_eq!(userinfo["email"], "alice@example.com");
        subjects.push(sub);
    }
    assert_eq!(subjects[0], subjects[1]);
    assert_ne!(subjects[0], subjects[2]);
    assert_ne!(subjects[0], "alice");
}
