//! A client that reads the discovery document as it starts and never again, for the tests of how the
//! harness deals with that.
//!
//! `eager_target MODE PORT`, with what the demo client needs in its environment. MODE says what it
//! makes of the document.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::exit;
use std::time::Duration;

use serde_json::Value;

/// A document as a strict client wants it.
async fn document(http: &reqwest::Client, url: &str) -> Result<Value, String> {
    let response = http.get(url).send().await.map_err(|it| it.to_string())?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("{url} answered {}", response.status()));
    }
    let text = response.text().await.map_err(|it| it.to_string())?;
    serde_json::from_str(&text).map_err(|it| format!("{url} is no JSON: {it}"))
}

async fn strict(http: &reqwest::Client, issuer: &str, url: &str) -> Result<Value, String> {
    let metadata = document(http, url).await?;
    if metadata["issuer"] != issuer {
        return Err(format!("the document is of {}", metadata["issuer"]));
    }
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        match metadata[endpoint].as_str() {
            Some(url) if !url.contains('?') => {}
            _ => return Err(format!("{endpoint} is no endpoint")),
        }
    }
    Ok(metadata)
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let port: u16 = arguments
        .next()
        .and_then(|port| port.parse().ok())
        .expect("the port is the second argument");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let issuer = variable("OIDC_ISSUER");
    let url = format!("{issuer}/.well-known/openid-configuration");
    let client = |limit: u64| {
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let builder = builder.tls_danger_accept_invalid_certs(mode == "gullible");
        let client = builder.timeout(Duration::from_secs(limit)).build();
        client.expect("a client that loads no certificates")
    };
    let read = match mode.as_str() {
        "never" => Ok(Value::Null),
        "careless" => document(&client(1), &url).await.or(Ok(Value::Null)),
        "waits" => strict(&client(600), &issuer, &url).await,
        "strict" | "mute" | "keys" | "gullible" => strict(&client(1), &issuer, &url).await,
        other => panic!("there is no mode `{other}`"),
    };
    let read = match read {
        Ok(metadata) if mode == "keys" => {
            let url = metadata["jwks_uri"].as_str().unwrap_or_default();
            let keys = document(&client(1), url).await;
            keys.and_then(|keys| match keys["keys"].as_array() {
                Some(keys) if !keys.is_empty() => Ok(metadata),
                _ => Err("there are no keys".to_owned()),
            })
        }
        read => read,
    };
    match read {
        Ok(_) => {}
        Err(why) => {
            if mode != "mute" {
                drop(writeln!(std::io::stderr(), "cannot start: {why}"));
            }
            exit(1);
        }
    }
    let router = gauntlet::demo::app(gauntlet::demo::DemoConfig {
        issuer,
        client_id: variable("OIDC_CLIENT_ID"),
        client_secret: variable("OIDC_CLIENT_SECRET"),
        base_url: variable("BASE_URL"),
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.expect("the port is free");
    axum::serve(listener, router)
        .await
        .expect("serving goes on until the process ends");
}
