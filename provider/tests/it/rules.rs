//! Each rule, broken: refused where it is enforced, noted and let through where it is observed.

use std::collections::BTreeMap;

use oauth_gauntlet_provider::{Enforcement, IssuerSettings, Profile, Rule};
use serde_json::Value;

use crate::support::{
    CALLBACK, VERIFIER, World, callback, careful, error_of, redemption, settings, world, world_with,
};

async fn observing(rule: Rule) -> World {
    let mut settings = settings();
    settings.observed.insert(rule);
    world_with(settings).await
}

/// The rules that the last exchange broke.
fn broken(world: &World) -> Vec<Rule> {
    let exchanges = world.issuer.journal().exchanges();
    exchanges
        .last()
        .unwrap()
        .notes
        .violations
        .iter()
        .map(|it| it.rule)
        .collect()
}

/// A token request for a fresh code, with parameters changed (`None` removes one), as `client`.
async fn redeem_with(
    world: &World,
    changes: &[(&'static str, Option<&'static str>)],
    client: (&str, &str),
) -> reqwest::Response {
    let code = world.code().await;
    let mut form: BTreeMap<&str, &str> = redemption(&code).into();
    for (name, value) in changes {
        match value {
            Some(value) => form.insert(name, value),
            None => form.remove(name),
        };
    }
    let request = world.http.post(world.url("/token")).form(&form);
    request
        .basic_auth(client.0, Some(client.1))
        .send()
        .await
        .unwrap()
}

/// Parameters of the token request to set, or to leave out.
type Changes = &'static [(&'static str, Option<&'static str>)];

#[tokio::test]
async fn token_requests_that_break_a_rule() {
    let app = ("app", "secret");
    let other = "0123456789012345678901234567890123456789012";
    let cases: [(Rule, Changes, (&str, &str), &str); 6] = [
        (
            Rule::CodeOfThisClient,
            &[],
            ("other", "other-secret"),
            "invalid_grant",
        ),
        (
            Rule::SameRedirectUri,
            &[("redirect_uri", Some("http://x/"))],
            app,
            "invalid_grant",
        ),
        (
            Rule::SameRedirectUri,
            &[("redirect_uri", None)],
            app,
            "invalid_grant",
        ),
        (
            Rule::CodeVerifier,
            &[("code_verifier", None)],
            app,
            "invalid_grant",
        ),
        (
            Rule::SingleAuthMethod,
            &[("client_secret", Some("secret"))],
            app,
            "invalid_request",
        ),
        (
            Rule::ClientAuthentication,
            &[],
            ("app", "wrong"),
            "invalid_client",
        ),
    ];
    for (rule, changes, client, error) in cases {
        let world = world().await;
        let refused = redeem_with(&world, changes, client).await;
        assert_eq!(error_of(refused).await.1, error, "{rule:?}");
        assert_eq!(broken(&world), [rule]);
        let world = observing(rule).await;
        let served = redeem_with(&world, changes, client).await;
        assert_eq!(served.status(), 200, "{rule:?}");
        assert_eq!(broken(&world), [rule]);
    }
    let rule = Rule::MatchingCodeVerifier;
    for (wrong, expected) in [
        (other, rule),
        ("short", Rule::WellFormedVerifier),
        ("", Rule::CodeVerifier),
    ] {
        let changes = [("code_verifier", Some(wrong))];
        let world = world().await;
        assert_eq!(redeem_with(&world, &changes, app).await.status(), 400);
        assert_eq!(broken(&world), [expected]);
    }
    let world = observing(rule).await;
    let changes = [("code_verifier", Some(other))];
    assert_eq!(redeem_with(&world, &changes, app).await.status(), 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    for (world, expected) in [
        (world().await, 400),
        (observing(Rule::NoUncalledVerifier).await, 200),
    ] {
        let mut request = careful();
        request.retain(|name, _| !name.starts_with("code_challenge"));
        let code = world.callback(&request).await["code"].clone();
        let response = world.redeem(&code).send().await.unwrap();
        assert_eq!(response.status(), expected);
        assert_eq!(broken(&world), [Rule::NoUncalledVerifier]);
    }
}

#[tokio::test]
async fn a_code_expires_and_is_used_once() {
    for (world, expected) in [
        (world().await, 400),
        (observing(Rule::FreshCode).await, 200),
    ] {
        let code = world.code().await;
        world
            .issuer
            .clock()
            .advance(std::time::Duration::from_mins(1));
        assert_eq!(world.redeem(&code).send().await.unwrap().status(), expected);
        assert_eq!(broken(&world), [Rule::FreshCode]);
    }
    let world = observing(Rule::UnusedCode).await;
    let code = world.code().await;
    for _ in 0..2 {
        assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
    }
    assert_eq!(broken(&world), [Rule::UnusedCode]);
}

#[tokio::test]
async fn the_code_of_another_client_is_not_used_up_by_the_attempt() {
    let world = world().await;
    let code = world.code().await;
    let request = world
        .http
        .post(world.url("/token"))
        .form(&redemption(&code));
    let stolen = request
        .basic_auth("other", Some("other-secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(stolen.status(), 400);
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn refresh_tokens_are_bound_to_client_and_scope_and_used_once() {
    let world = world().await;
    let tokens = world.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = world.http.post(world.url("/token")).form(&form);
    let other = request
        .basic_auth("other", Some("other-secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(error_of(other).await.1, "invalid_grant");
    assert_eq!(broken(&world), [Rule::RefreshTokenOfThisClient]);
    let wider = [form[0], form[1], ("scope", "openid phone")];
    let wider = world.token(&wider).send().await.unwrap();
    assert_eq!(error_of(wider).await.1, "invalid_scope");
    assert_eq!(broken(&world), [Rule::ScopeNotWidened]);

    let world = observing(Rule::UnusedRefreshToken).await;
    let tokens = world.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(world.refresh(token).send().await.unwrap().status(), 200);
    }
    assert_eq!(broken(&world), [Rule::UnusedRefreshToken]);

    let world = observing(Rule::ScopeNotWidened).await;
    let tokens = world.tokens().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let wider = [form[0], ("refresh_token", token), ("scope", "openid phone")];
    let served: Value = world
        .token(&wider)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(served["scope"], "openid");
}

#[tokio::test]
async fn an_untrusted_client_or_redirect_uri_is_told_to_the_person_alone() {
    for (name, value, rule) in [
        ("client_id", "unknown", Rule::KnownClient),
        (
            "redirect_uri",
            "http://localhost:3000/callback/",
            Rule::RegisteredRedirectUri,
        ),
        (
            "redirect_uri",
            "http://evil.test/callback",
            Rule::RegisteredRedirectUri,
        ),
    ] {
        let mut request = careful();
        request.insert(name, value);
        let world = world().await;
        let send = world
            .authorize(&request)
            .header("gauntlet-user", "alice")
            .send();
        let response = send.await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(response.headers().get("location").is_none());
        assert_eq!(broken(&world), [rule]);
        let lax = world_with(IssuerSettings {
            profile: Profile::Lax,
            ..settings()
        })
        .await;
        assert!(lax.callback(&request).await.contains_key("code"));
        assert_eq!(broken(&lax), []);
    }
    let mut request = careful();
    request.insert("client_id", "unknown");
    let world = world_with(IssuerSettings {
        enforcement: Enforcement::Observe,
        ..settings()
    })
    .await;
    assert!(world.callback(&request).await.contains_key("code"));
    assert_eq!(
        broken(&world),
        [Rule::KnownClient, Rule::RegisteredRedirectUri]
    );
}

#[tokio::test]
async fn a_redirect_uri_that_no_browser_should_follow_is_refused_by_the_lax_as_well() {
    let world = world_with(IssuerSettings {
        profile: Profile::Lax,
        enforcement: Enforcement::Observe,
        ..settings()
    })
    .await;
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "/relative",
        "http://x/#fragment",
        "http://x/\r\nset-cookie: a=b",
        "http://ex\u{e4}mple/",
        "http://",
    ] {
        let mut request = careful();
        request.insert("redirect_uri", uri);
        let send = world
            .authorize(&request)
            .header("gauntlet-user", "alice")
            .send();
        assert_eq!(send.await.unwrap().status(), 400, "{uri}");
    }
    let mut request = careful();
    request.remove("redirect_uri");
    let send = world
        .authorize(&request)
        .header("gauntlet-user", "alice")
        .send();
    assert_eq!(send.await.unwrap().status(), 400);
}

#[tokio::test]
async fn challenges_are_checked_before_anybody_signs_in() {
    for (name, value, rule) in [
        ("code_challenge", "too-short", Rule::WellFormedChallenge),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
            Rule::WellFormedChallenge,
        ),
        (
            "code_challenge_method",
            "plain",
            Rule::SupportedChallengeMethod,
        ),
        (
            "code_challenge_method",
            "S512",
            Rule::SupportedChallengeMethod,
        ),
    ] {
        let mut request = careful();
        request.insert(name, value);
        let world = world().await;
        let told = world.callback(&request).await;
        assert_eq!(told["error"], "invalid_request", "{value}");
        assert_eq!(told["state"], "the-state");
        assert_eq!(broken(&world), [rule]);
    }
    let mut request = careful();
    request.extend([
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ]);
    let world = observing(Rule::SupportedChallengeMethod).await;
    let code = world.callback(&request).await["code"].clone();
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
    let mut request = careful();
    request.insert("code_challenge_method", "s256");
    let code = world.callback(&request).await["code"].clone();
    assert_eq!(world.redeem(&code).send().await.unwrap().status(), 200);
    request.insert("code_challenge_method", "S512");
    assert_eq!(world.callback(&request).await["error"], "invalid_request");
    let mut request = careful();
    request.remove("code_challenge");
    assert_eq!(world.callback(&request).await["error"], "invalid_request");
}

#[tokio::test]
async fn parameters_come_once() {
    let world = world().await;
    let twice = world
        .authorize(&careful())
        .query(&[("state", "two")])
        .send()
        .await
        .unwrap();
    assert_eq!(callback(&twice)["error"], "invalid_request");
    let twice = world
        .authorize(&careful())
        .query(&[("redirect_uri", CALLBACK)])
        .send()
        .await
        .unwrap();
    assert_eq!(twice.status(), 400);
    let code = world.code().await;
    let mut form = redemption(&code).to_vec();
    form.push(("code", &code));
    let twice = world.token(&form).send().await.unwrap();
    assert_eq!(error_of(twice).await.1, "invalid_request");
    assert_eq!(broken(&world), [Rule::SingleParameters]);
    let world = observing(Rule::SingleParameters).await;
    let twice = world.authorize(&careful()).query(&[("state", "two")]);
    let twice = twice.header("gauntlet-user", "alice").send().await.unwrap();
    assert_eq!(callback(&twice)["state"], "the-state");
}

#[tokio::test]
async fn an_access_token_travels_in_the_header_or_the_body_and_not_in_the_url() {
    let world = world().await;
    let tokens = world.tokens().await;
    let token = [("access_token", tokens["access_token"].as_str().unwrap())];
    let userinfo = || world.http.post(world.url("/userinfo"));
    let query = userinfo().query(&token).send().await.unwrap();
    assert_eq!(
        query.headers()["www-authenticate"],
        "Bearer realm=\"userinfo\", error=\"invalid_request\""
    );
    assert_eq!(error_of(query).await, (400, "invalid_request".to_owned()));
    assert_eq!(broken(&world), [Rule::AccessTokenNotInUrl]);
    let body = userinfo().form(&token).send().await.unwrap();
    assert_eq!(body.status(), 200);
    assert_eq!(broken(&world), []);
    let twice = userinfo().form(&token).bearer_auth(token[0].1);
    let twice = twice.send().await.unwrap();
    assert_eq!(error_of(twice).await, (400, "invalid_request".to_owned()));
    assert_eq!(broken(&world), [Rule::SingleTokenMethod]);

    let world = observing(Rule::AccessTokenNotInUrl).await;
    let tokens = world.tokens().await;
    let token = [("access_token", tokens["access_token"].as_str().unwrap())];
    let query = world.http.get(world.url("/userinfo")).query(&token);
    assert_eq!(query.send().await.unwrap().status(), 200);

    let none = world.http.get(world.url("/userinfo")).send().await.unwrap();
    assert_eq!(none.status(), 401);
    assert_eq!(
        none.headers()["www-authenticate"],
        "Bearer realm=\"userinfo\""
    );
    let unknown = world.userinfo("unknown").send().await.unwrap();
    assert_eq!(
        unknown.headers()["www-authenticate"],
        "Bearer realm=\"userinfo\", error=\"invalid_token\""
    );
}

#[tokio::test]
async fn rules_are_written_as_in_scenario_files() {
    let rule: Rule = serde_json::from_str("\"no-uncalled-verifier\"").unwrap();
    assert_eq!(rule, Rule::NoUncalledVerifier);
    assert_eq!(rule.clause(), "RFC 9700 §4.8.2");
}
