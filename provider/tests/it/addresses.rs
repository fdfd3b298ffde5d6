//! Under which URLs the provider is reached: two sides, a base path, a proxy in front.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Addresses, Endpoint, IssuerSettings, MockProvider, Paths, Side};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::{
    CALLBACK, Parameters, World, callback, careful, http, redemption, settings, verified,
};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A provider that is reached under other addresses than the one that it listens on.
async fn world(addresses: Addresses) -> World {
    let settings = IssuerSettings {
        user_header: false,
        ..settings()
    };
    let builder = MockProvider::builder().settings(settings);
    let builder = builder.addresses(addresses).issuers_on_demand(Some(5));
    let provider = builder.start().await.unwrap();
    World {
        issuer: provider.issuer().clone(),
        provider,
        http: http(),
    }
}

impl World {
    /// A path as it is reached from here.
    fn here(&self, path: &str) -> String {
        format!("{}{path}", self.provider.base_url())
    }

    async fn document(&self, path: &str) -> Value {
        let response = self.http.get(self.here(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}

fn split() -> Addresses {
    Addresses {
        public: Some("http://localhost:9400".to_owned()),
        internal: Some("http://provider:8080".to_owned()),
        ..Addresses::default()
    }
}

fn below_auth() -> Addresses {
    Addresses {
        base_path: "/auth".to_owned(),
        ..Addresses::default()
    }
}

fn trusting() -> Addresses {
    Addresses {
        forwarded: true,
        ..Addresses::default()
    }
}

/// The value of an attribute of the first tag that has it.
fn attribute(html: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let (_, rest) = html.split_once(&start).unwrap();
    rest.split('"').next().unwrap().replace("&#x2f;", "/")
}

#[tokio::test]
async fn one_document_has_browser_urls_for_browsers_and_container_urls_for_clients() {
    let world = world(split()).await;
    let document = world.document(DISCOVERY).await;
    assert_eq!(document["issuer"], "http://provider:8080");
    for (member, url) in document.as_object().unwrap() {
        let Some(url) = url.as_str().filter(|url| url.starts_with("http")) else {
            continue;
        };
        let for_browsers = ["authorization_endpoint", "end_session_endpoint"];
        let side = if for_browsers.contains(&member.as_str()) {
            "http://localhost:9400"
        } else {
            "http://provider:8080"
        };
        assert!(url.starts_with(side), "{member}: {url}");
    }
    let tenant = world.document(&format!("/shop{DISCOVERY}")).await;
    assert_eq!(tenant["issuer"], "http://provider:8080/shop");
    let authorize = "http://localhost:9400/shop/authorize";
    assert_eq!(tenant["authorization_endpoint"], authorize);
}

#[tokio::test]
async fn a_login_across_both_sides_names_one_issuer() {
    for (side, issuer) in [
        (Side::Internal, "http://provider:8080"),
        (Side::Public, "http://localhost:9400"),
    ] {
        let world = world(Addresses {
            issuer: side,
            ..split()
        })
        .await;
        assert_eq!(world.document(DISCOVERY).await["issuer"], issuer);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(careful())
            .finish();
        let url = format!("http://localhost:9400/authorize?{query}");
        let back = world.issuer.login(&url, "alice").unwrap();
        let (uri, query) = back.split_once('?').unwrap();
        assert_eq!(uri, CALLBACK);
        let parameters: Parameters = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(parameters["iss"], issuer);
        let request = world.http.post(world.here("/token"));
        let request = request.basic_auth("app", Some("secret"));
        let response = request.form(&redemption(&parameters["code"])).send().await;
        let tokens: Value = response.unwrap().json().await.unwrap();
        let id_token = tokens["id_token"].as_str().unwrap();
        let claims = id_token.split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], issuer);
    }
}

#[tokio::test]
async fn everything_is_below_the_base_path() {
    let world = world(below_auth()).await;
    let base = world.here("/auth");
    assert_eq!(world.issuer.url(), base);
    let document = world.document(&format!("/auth{DISCOVERY}")).await;
    assert_eq!(document["token_endpoint"], format!("{base}/token"));
    let inserted = "/.well-known/oauth-authorization-server/auth";
    assert_eq!(world.document(inserted).await, document);
    let shop = world.document(&format!("{inserted}/shop")).await;
    assert_eq!(shop["issuer"], format!("{base}/shop"));
    for outside in [DISCOVERY, "/token", "/", "/authentication"] {
        let response = world.http.get(world.here(outside)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{outside}");
    }
    for inside in ["/auth", "/auth/", "/auth/shop", "/auth/shop/"] {
        let response = world.http.get(world.here(inside)).send().await.unwrap();
        let html = response.text().await.unwrap();
        let link = attribute(&html, "href");
        assert!(link.starts_with("/auth"), "{inside}: {link}");
        let linked = world.http.get(world.here(&link)).send().await.unwrap();
        assert_eq!(linked.status(), 200, "{link}");
    }
}

#[tokio::test]
async fn endpoints_answer_at_further_paths_of_every_issuer() {
    let keycloak = "/realms/test/protocol/openid-connect";
    let paths = [
        ("auth", Endpoint::Authorize),
        ("token", Endpoint::Token),
        ("userinfo", Endpoint::Userinfo),
        ("certs", Endpoint::Jwks),
    ];
    let paths = paths
        .iter()
        .fold(Paths::default(), |known, (path, endpoint)| {
            known
                .with(&format!("{keycloak}/{path}"), *endpoint)
                .unwrap()
        });
    let world = world(Addresses {
        paths,
        ..Addresses::default()
    })
    .await;
    // The documents say what they always say.
    let document = world.document(DISCOVERY).await;
    assert_eq!(document["token_endpoint"], world.here("/token"));
    world.document(&format!("/shop{DISCOVERY}")).await;
    for name in ["", "/shop"] {
        let keys = world.document(&format!("{name}{keycloak}/certs")).await;
        assert!(keys["keys"][0]["kid"].is_string(), "{keys}");
        let token = world.here(&format!("{name}{keycloak}/token"));
        let answer = world.http.post(token).form(&[("a", "b")]).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert!(answer["error"].is_string(), "{answer}");
    }
    let asked: Vec<_> = world.issuer.journal().exchanges();
    let asked: Vec<Endpoint> = asked.iter().map(|it| it.endpoint).collect();
    assert_eq!(asked, [Endpoint::Metadata, Endpoint::Jwks, Endpoint::Token]);
    let urls = world.issuer.authorization_endpoints();
    let further = world.here(&format!("{keycloak}/auth"));
    assert_eq!(urls, [world.here("/authorize"), further.clone()]);
    let page = world.http.get(further).query(&careful()).send().await;
    assert_eq!(page.unwrap().status(), 200);
}

#[tokio::test]
async fn forms_and_cookies_stay_below_the_base_path() {
    let world = world(below_auth()).await;
    let page = world.authorize(&careful()).send().await.unwrap();
    let html = page.text().await.unwrap();
    assert_eq!(attribute(&html, "action"), "/auth/login");
    let handle = attribute(html.split_once("interaction").unwrap().1, "value");
    let form = [("interaction", handle.as_str()), ("sub", "alice")];
    let request = world.http.post(world.here("/auth/login"));
    let answer = request.form(&form).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; Path=/auth;"), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
    let parameters = callback(&answer);
    let request = world.http.post(world.here("/auth/token"));
    let request = request.basic_auth("app", Some("secret"));
    let response = request.form(&redemption(&parameters["code"])).send().await;
    let tokens: Value = response.unwrap().json().await.unwrap();
    let claims = verified(&world, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["sub"], "alice");
    // The browser comes back, and is known.
    let cookie = cookie.split(';').next().unwrap();
    let again = world.authorize(&careful()).header("cookie", cookie);
    callback(&again.send().await.unwrap());
}

/// The request as a proxy passes it on that serves the provider at `https://id.test/sso`.
fn proxied(request: RequestBuilder) -> RequestBuilder {
    request
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "id.test")
        .header("x-forwarded-prefix", "/sso")
}

#[tokio::test]
async fn a_trusted_proxy_says_what_browsers_see() {
    let world = world(trusting()).await;
    let discovery = proxied(world.http.get(world.here(DISCOVERY)));
    let document: Value = discovery.send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], "https://id.test/sso");
    let authorize = "https://id.test/sso/authorize";
    assert_eq!(document["authorization_endpoint"], authorize);
    let page = proxied(world.authorize(&careful())).send().await.unwrap();
    let html = page.text().await.unwrap();
    assert_eq!(attribute(&html, "action"), "/sso/login");
    let handle = attribute(html.split_once("interaction").unwrap().1, "value");
    let form = [("interaction", handle.as_str()), ("sub", "alice")];
    let request = proxied(world.http.post(world.here("/login")));
    let answer = request.form(&form).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Path=/sso;"), "{cookie}");
    assert!(cookie.contains("; Secure;"), "{cookie}");
    assert_eq!(callback(&answer)["iss"], "https://id.test/sso");
    // Without a proxy, all is as it was.
    let direct = world.document(DISCOVERY).await;
    assert_eq!(direct["issuer"], world.provider.base_url());
}

#[tokio::test]
async fn nobody_is_believed_who_was_not_to_be_trusted() {
    let world = world(Addresses::default()).await;
    let discovery = proxied(world.http.get(world.here(DISCOVERY)));
    let document: Value = discovery.send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], world.provider.base_url());
    let page = proxied(world.authorize(&careful())).send().await.unwrap();
    let html = page.text().await.unwrap();
    assert_eq!(attribute(&html, "action"), "/login");
}

#[tokio::test]
async fn device_and_logout_pages_lead_where_the_browser_is() {
    let mut settings = settings();
    settings.clients[0].frontchannel_logout_uri = Some("http://localhost:3000/out".to_owned());
    let builder = MockProvider::builder().settings(settings);
    let provider = builder.addresses(trusting()).start().await.unwrap();
    let world = World {
        issuer: provider.issuer().clone(),
        provider,
        http: http(),
    };
    let text = async |request: RequestBuilder| {
        let response = proxied(request).send().await.unwrap();
        response.text().await.unwrap()
    };
    let html = text(world.http.get(world.here("/device"))).await;
    assert_eq!(attribute(&html, "action"), "/sso/device");
    let request = world.http.post(world.here("/device/authorize"));
    let request = request.basic_auth("app", Some("secret"));
    let request = proxied(request.form(&[("scope", "openid")]));
    let device: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(device["verification_uri"], "https://id.test/sso/device");
    let code = device["user_code"].as_str().unwrap();
    let html = text(
        world
            .http
            .get(world.here(&format!("/device?user_code={code}"))),
    )
    .await;
    assert_eq!(attribute(&html, "action"), "/sso/device");
    let handle = attribute(html.split_once("interaction").unwrap().1, "value");
    let form = [("interaction", handle.as_str()), ("sub", "alice")];
    let html = text(world.http.post(world.here("/device")).form(&form)).await;
    assert!(
        html.contains("https:&#x2f;&#x2f;id.test&#x2f;sso"),
        "{html}"
    );

    // Alice signs in on the page, and signs out again.
    let html = text(world.authorize(&careful())).await;
    let handle = attribute(html.split_once("interaction").unwrap().1, "value");
    let form = [("interaction", handle.as_str()), ("sub", "alice")];
    let request = proxied(world.http.post(world.here("/login")).form(&form));
    let answer = request.send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let code = callback(&answer)["code"].clone();
    let request = world.http.post(world.here("/token"));
    let request = request.basic_auth("app", Some("secret"));
    let response = proxied(request.form(&redemption(&code))).send().await;
    assert_eq!(response.unwrap().status(), 200);
    let request = world.http.get(world.here("/end_session"));
    let html = text(request.header("cookie", &cookie)).await;
    assert_eq!(attribute(&html, "action"), "/sso/end_session");
    let handle = attribute(html.split_once("confirmation").unwrap().1, "value");
    let form = [("confirmation", handle.as_str())];
    let request = world.http.post(world.here("/end_session")).form(&form);
    let html = text(request.header("cookie", &cookie)).await;
    assert!(html.contains("localhost:3000"), "{html}");
    assert!(
        html.contains("https:&#x2f;&#x2f;id.test&#x2f;sso"),
        "{html}"
    );
}
