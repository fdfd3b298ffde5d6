//! Many issuers in one process, and the life of that process.

use std::net::TcpListener;

use oauth_gauntlet_provider::{
    AccessTokenFormat, Client, CreateIssuerError, IssuerSettings, MockProvider, SigningAlgorithm,
    StartError,
};
use serde_json::{Value, json};

use crate::support::{CALLBACK, careful, http, settings, world, world_with};

#[tokio::test]
async fn issuers_share_nothing() {
    let world = world().await;
    let shop = IssuerSettings {
        algorithm: SigningAlgorithm::Es256,
        ..settings()
    };
    let shop = world.provider.create_issuer("shop", shop).unwrap();
    assert_eq!(shop.url(), format!("{}/shop", world.provider.base_url()));
    assert_eq!(shop.name(), "shop");

    let code = world.code().await;
    let form = crate::support::redemption(&code);
    let elsewhere = world.http.post(format!("{}/token", shop.url())).form(&form);
    let elsewhere = elsewhere
        .basic_auth("app", Some("secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 400);
    assert_eq!(shop.journal().len(), 1);
    assert_eq!(world.issuer.journal().len(), 1);

    for path in [
        "/shop/.well-known/openid-configuration",
        "/shop/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/shop",
    ] {
        let metadata = world
            .http
            .get(format!("{}{path}", world.provider.base_url()));
        let metadata: Value = metadata.send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["issuer"], shop.url(), "{path}");
    }
    assert!(world.provider.remove_issuer("shop"));
    assert!(!world.provider.remove_issuer("shop"));
    let gone = world
        .http
        .get(format!("{}/jwks", shop.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 404);
}

#[tokio::test]
async fn a_name_is_refused_if_it_is_taken_reserved_or_none() {
    let world = world().await;
    let create = |name: &str| world.provider.create_issuer(name, settings()).map(|_| ());
    create("shop").unwrap();
    assert_eq!(
        create("shop"),
        Err(CreateIssuerError::Taken("shop".to_owned()))
    );
    assert_eq!(
        create("token"),
        Err(CreateIssuerError::Reserved("token".to_owned()))
    );
    assert_eq!(
        create("Shop"),
        Err(CreateIssuerError::Invalid("Shop".to_owned()))
    );
}

#[tokio::test]
async fn issuers_on_demand_are_made_by_discovery_and_authorize_alone_up_to_the_limit() {
    let provider = MockProvider::builder()
        .client(Client::public("app").redirect_uri(CALLBACK))
        .issuers_on_demand(Some(2))
        .start()
        .await
        .unwrap();
    let http = http();
    let status = async |path: &str| {
        let url = format!("{}{path}", provider.base_url());
        http.get(url)
            .query(&careful())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status("/one/jwks").await, 404);
    assert_eq!(status("/one/.well-known/openid-configuration").await, 200);
    assert_eq!(status("/one/jwks").await, 200);
    assert_eq!(status("/two/authorize").await, 200);
    assert_eq!(status("/three/authorize").await, 404);
    assert_eq!(status("/BAD/authorize").await, 404);
}

#[tokio::test]
async fn a_provider_that_is_dropped_or_shut_down_frees_its_port() {
    let refused = async |url: String| http().get(url).send().await.unwrap_err().is_connect();
    let provider = MockProvider::builder().start().await.unwrap();
    let url = provider.issuer().url().to_owned();
    assert_eq!(http().get(&url).send().await.unwrap().status(), 200);
    provider.shut_down().await;
    assert!(refused(url).await);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = MockProvider::builder()
        .listener(listener)
        .start()
        .await
        .unwrap();
    assert_eq!(provider.base_url(), format!("http://{address}"));
    let taken = MockProvider::builder().port(address.port()).start().await;
    assert!(matches!(taken, Err(StartError::Listen { .. })));
    drop(provider);
}

#[test]
fn a_provider_answers_while_the_thread_that_started_it_is_blocked() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let provider = runtime.block_on(MockProvider::builder().start()).unwrap();
    let address = provider.base_url().trim_start_matches("http://");
    // Blocking reads on the only thread of the test.
    let head = crate::transport::raw(
        address,
        "GET /jwks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(String::from_utf8_lossy(&head).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_stops_the_start() {
    let fault = serde_json::from_str(r#"{"token": {"json": "[1]"}}"#).unwrap();
    let error = MockProvider::builder()
        .fault(fault)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Fault { .. }), "{error}");
}

#[tokio::test]
async fn after_a_snapshot_comes_back_tokens_are_those_that_were_there_then() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let world = world_with(IssuerSettings {
            access_token_format: format,
            ..settings()
        })
        .await;
        let issuer = &world.issuer;
        let token = async || world.tokens().await["access_token"].clone();
        let works = async |token: &Value| {
            let response = world.userinfo(token.as_str().unwrap()).send().await;
            response.unwrap().status() == 200
        };
        let before = token().await;
        let first = issuer.snapshot().unwrap();
        let between = token().await;
        assert!(works(&before).await && works(&between).await);
        let second = issuer.snapshot().unwrap();
        let after = token().await;
        issuer.restore(&second).unwrap();
        assert!(works(&before).await && works(&between).await);
        assert!(!works(&after).await);
        let again = token().await;
        assert!(works(&again).await);
        // What was handed out after a restore is of no earlier snapshot.
        issuer.restore(&first).unwrap();
        assert!(works(&before).await);
        for late in [&between, &after, &again] {
            assert!(!works(late).await);
        }
        assert_eq!(
            world.introspect(between.as_str().unwrap()).await["active"],
            false
        );
        issuer.restore(&second).unwrap();
        assert!(works(&between).await);
        assert!(!works(&after).await && !works(&again).await);
        issuer.expire_access_tokens();
        assert!(!works(&before).await && !works(&between).await);
        issuer.restore(&first).unwrap();
        assert!(works(&before).await && !works(&between).await);
        issuer.reset().unwrap();
        assert!(!works(&before).await);
        issuer.restore(&second).unwrap();
        assert!(works(&before).await && works(&between).await);
    }
}

#[tokio::test]
async fn an_algorithm_that_is_keyed_with_the_secret_of_one_client_is_none_for_an_issuer() {
    let builder = MockProvider::builder().algorithm(SigningAlgorithm::Hs256);
    let error = builder.start().await.unwrap_err().to_string();
    assert!(error.contains("`HS256`"), "{error}");
    assert!(error.contains("`Client::id_token_algorithm`"), "{error}");
    let world = world().await;
    let keyed = IssuerSettings {
        algorithm: SigningAlgorithm::Hs512,
        ..settings()
    };
    let error = world.provider.create_issuer("keyed", keyed).unwrap_err();
    assert_eq!(
        error,
        CreateIssuerError::KeyedAlgorithm(SigningAlgorithm::Hs512)
    );
    let request = world
        .http
        .post(format!("{}/_/issuers", world.provider.base_url()));
    let request = request.json(&json!({"name": "keyed", "settings": {"algorithm": "HS256"}}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("id-token-algorithm")
    );
}
