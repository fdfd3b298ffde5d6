//! Tests of an application that signs people in, as its author would write them.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use oauth_gauntlet_provider::{
    Calls, Client, Endpoint, Expectation, Fault, Filter, Login, MockProvider, User,
};
use reqwest::{Response, Url};
use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The application under test. Yours is a program, and makes state and verifier anew each time.
struct App {
    issuer: String,
    http: reqwest::Client,
    tokens: Value,
}

const REDIRECT_URI: &str = "http://localhost:3000/callback";
const STATE: &str = "af0ifjsldkj";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl App {
    fn new(issuer: &str) -> Outcome<Self> {
        Ok(Self {
            issuer: issuer.to_owned(),
            http: reqwest::Client::builder().no_proxy().build()?,
            tokens: Value::Null,
        })
    }

    /// Where the app sends the browser.
    fn login_url(&self) -> Outcome<String> {
        let parameters = [
            ("response_type", "code"),
            ("client_id", "shop"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile offline_access"),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let endpoint = format!("{}/authorize", self.issuer);
        Ok(Url::parse_with_params(&endpoint, parameters)?.into())
    }

    /// What the app does when the browser comes back.
    async fn callback(&mut self, url: &str) -> Outcome {
        let url = Url::parse(url)?;
        let parameters: HashMap<_, _> = url.query_pairs().into_owned().collect();
        if parameters.get("state").is_none_or(|it| it != STATE) {
            return Err("somebody else began this".into());
        }
        let code = parameters.get("code").ok_or("there is no code")?;
        self.ask_for_tokens(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    async fn ask_for_tokens(&mut self, form: &[(&str, &str)]) -> Outcome {
        let request = self.http.post(format!("{}/token", self.issuer));
        let request = request.basic_auth("shop", Some("secret")).form(form);
        self.tokens = request.send().await?.error_for_status()?.json().await?;
        Ok(())
    }

    async fn userinfo(&self) -> Outcome<Response> {
        let token = self.tokens["access_token"].as_str().ok_or("signed out")?;
        let request = self.http.get(format!("{}/userinfo", self.issuer));
        Ok(request.bearer_auth(token).send().await?)
    }

    /// Who is signed in. An access token that has expired is renewed.
    async fn name(&mut self) -> Outcome<String> {
        let mut userinfo = self.userinfo().await?;
        if userinfo.status() == 401 {
            let token = self.tokens["refresh_token"].as_str().ok_or("signed out")?;
            let token = token.to_owned();
            self.ask_for_tokens(&[("grant_type", "refresh_token"), ("refresh_token", &token)])
                .await?;
            userinfo = self.userinfo().await?;
        }
        let claims: Value = userinfo.error_for_status()?.json().await?;
        Ok(claims["name"].as_str().unwrap_or("nobody").to_owned())
    }
}

/// A provider for one test. It costs less than a millisecond, and stops when it is dropped.
async fn provider() -> Outcome<MockProvider> {
    let shop = Client::confidential("shop", "secret").redirect_uri(REDIRECT_URI);
    let provider = MockProvider::builder()
        .client(shop)
        .user(User::new("dora").claim("name", "Dora Dean"))
        .start()
        .await?;
    Ok(provider)
}

#[tokio::test]
async fn dora_signs_in_and_the_app_knows_her_name() -> Outcome {
    let provider = provider().await?;
    let issuer = provider.issuer();
    let mut app = App::new(issuer.url())?;

    // In place of a browser: from the URL that it would be sent to, to the one it comes back to.
    let callback = issuer.login(&app.login_url()?, "dora")?;
    app.callback(&callback).await?;
    assert_eq!(app.name().await?, "Dora Dean");

    // What the app sent, as the provider saw it.
    for expected in [
        Expectation::Pkce,
        Expectation::State,
        Expectation::CodeUsedOnce,
        Expectation::NoViolation,
    ] {
        let seen = issuer.verify(&expected, &Filter::default());
        assert_eq!(seen.holds, Some(true), "{}", seen.explanation);
    }
    Ok(())
}

#[tokio::test]
async fn a_callback_that_somebody_else_began_is_refused() -> Outcome {
    let provider = provider().await?;
    let issuer = provider.issuer();
    let mut app = App::new(issuer.url())?;

    let fault: Fault = serde_json::from_str(r#"{"redirect": {"set": {"state": "forged"}}}"#)?;
    let armed = issuer.arm(fault)?;
    let callback = issuer.login(&app.login_url()?, "dora")?;
    assert_eq!(armed.fired(), 1);
    assert!(app.callback(&callback).await.is_err());

    // It asked for no tokens either.
    let none = Expectation::Calls(Calls {
        endpoint: Endpoint::Token,
        exactly: Some(0),
        at_least: None,
        at_most: None,
    });
    let seen = issuer.verify(&none, &Filter::default());
    assert_eq!(seen.holds, Some(true), "{}", seen.explanation);
    Ok(())
}

#[tokio::test]
async fn an_access_token_is_renewed_when_it_has_expired() -> Outcome {
    let provider = provider().await?;
    let issuer = provider.issuer();
    let mut app = App::new(issuer.url())?;
    let callback = issuer.login(&app.login_url()?, "dora")?;
    app.callback(&callback).await?;

    // Nobody has to wait for two hours.
    issuer.clock().advance(Duration::from_hours(2));
    assert_eq!(app.name().await?, "Dora Dean");

    let is_refresh =
        |it: &oauth_gauntlet_provider::Exchange| it.notes.grant.as_deref() == Some("refresh_token");
    let limit = Duration::from_secs(5);
    let refresh = issuer.journal().wait_for(is_refresh, limit).await;
    assert_eq!(refresh.ok_or("no refresh")?.response.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_user_who_withholds_her_profile_has_no_name() -> Outcome {
    let provider = provider().await?;
    let issuer = provider.issuer();
    let mut app = App::new(issuer.url())?;
    let dora = Login::new("dora").scope("openid");
    let callback = issuer.login(&app.login_url()?, dora)?;
    app.callback(&callback).await?;
    assert_eq!(app.name().await?, "nobody");
    Ok(())
}

#[tokio::test]
async fn a_token_endpoint_that_fails_once_is_no_end() -> Outcome {
    let provider = provider().await?;
    let issuer = provider.issuer();
    let mut app = App::new(issuer.url())?;
    let fault = r#"{"token": {"reply": {"status": 503}}, "when": {"times": 1}}"#;
    issuer.arm(serde_json::from_str(fault)?)?;

    let callback = issuer.login(&app.login_url()?, "dora")?;
    assert!(app.callback(&callback).await.is_err());
    let callback = issuer.login(&app.login_url()?, "dora")?;
    app.callback(&callback).await?;
    assert_eq!(app.name().await?, "Dora Dean");
    Ok(())
}
