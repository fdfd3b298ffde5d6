//! The document that describes the control API: what it shows works, and answers are as it says.

use serde_json::{Value, json};

use crate::control::{ask, good};
use crate::support::{World, world};

/// A schema of the document that can be used by itself.
fn whole(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    schema
}

#[track_caller]
fn fits(document: &Value, schema: &Value, value: &Value, what: &str) {
    let validator = jsonschema::validator_for(&whole(document, schema)).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|it| it.to_string())
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:?}\n{value}");
}

/// The path with what stands for its names in a world in which alice has signed in.
fn filled(world: &World, path: &str) -> String {
    let flow = world.issuer.flows()[0].id.clone();
    path.replace("/_", "")
        .replace("{issuer}", "default")
        .replace("{sub}", "alice")
        .replace("{client_id}", "app")
        .replace("{number}", "1")
        .replace("{flow}", &flow)
        .replace("{id}", "1")
        .replace("{key}", "a-test")
}

#[tokio::test]
async fn every_example_is_accepted_and_every_answer_is_as_the_document_says() {
    let world = world().await;
    let document = good(ask(&world, "GET", "/openapi.json", Value::Null).await);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if path.ends_with("/stream") {
                continue;
            }
            // Each with an issuer of its own, so that none undoes what another needs.
            let world = self::world().await;
            world.tokens().await;
            world
                .issuer
                .arm(serde_json::from_value(json!({"jwks": {"empty": true}})).unwrap())
                .unwrap();
            world.provider.begin_test("a-test").unwrap();
            good(ask(&world, "POST", "/issuers/default/snapshots", Value::Null).await);
            let what = format!("{method} {path}");
            let content = &operation["requestBody"]["content"]["application/json"];
            let mut body = content["example"].clone();
            if !body.is_null() {
                fits(&document, &content["schema"], &body, &what);
            }
            if let Some(url) = body.get_mut("authorization_url") {
                let own = world.issuer.url();
                *url = json!(url.as_str().unwrap().replace("http://localhost:9400", own));
            }
            let mut path = filled(&world, path);
            if path.contains("{user_code}") {
                let form = [("client_id", "native"), ("scope", "openid")];
                let request = world.http.post(world.url("/device/authorize")).form(&form);
                let device: Value = request.send().await.unwrap().json().await.unwrap();
                path = path.replace("{user_code}", device["user_code"].as_str().unwrap());
            }
            if path.ends_with("/logout") {
                // Nobody is there to be told; that is an answer as well.
                let mut app = (*world.issuer.clients()[0]).clone();
                app.backchannel_logout_uri = Some("http://127.0.0.1:1/back".to_owned());
                world.issuer.add_client(app);
            }
            if method == "delete" && path == "/issuers/default" {
                world
                    .provider
                    .create_issuer("shop", crate::support::settings())
                    .unwrap();
                path = "/issuers/shop".to_owned();
            }
            let (status, answer) = ask(&world, &method.to_uppercase(), &path, body).await;
            let responses = operation["responses"].as_object().unwrap();
            let response = responses
                .get(&status.to_string())
                .unwrap_or_else(|| panic!("{what}: {status} {answer}"));
            for content in response["content"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.values())
            {
                fits(&document, &content["schema"], &answer, &what);
            }
        }
    }
}

#[tokio::test]
async fn every_member_of_a_filter_can_be_asked_for() {
    let world = world().await;
    let document = good(ask(&world, "GET", "/openapi.json", Value::Null).await);
    let filter = &document["components"]["schemas"]["Filter"]["properties"];
    for name in filter.as_object().unwrap().keys() {
        let value = match name.as_str() {
            "endpoint" => "token",
            "status" | "since" => "1",
            "violation" => "unused-code",
            _ => "x",
        };
        let path = format!("/issuers/default/exchanges?{name}={value}");
        good(ask(&world, "GET", &path, Value::Null).await);
    }
}
