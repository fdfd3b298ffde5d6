//! The users and clients of an issuer.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Ask, Outcome, Refusal, answer, as_configured, done};
use super::describe::Secrets;
use super::exchanges::asked;
use crate::config::ClientConfig;
use crate::parties::{Client, User};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutUser {
    /// If it is given, it is the one of the path.
    sub: Option<String>,
    /// Without claims, the user has those that most applications ask for.
    claims: Option<Map<String, Value>>,
}

pub(super) fn list_users(ask: &Ask) -> Outcome {
    let users: Vec<Value> = ask.issuer()?.users().iter().map(tell_user).collect();
    Ok(answer(200, &json!({"users": users})))
}

pub(super) fn read_user(ask: &Ask) -> Outcome {
    let (issuer, sub) = (ask.issuer()?, ask.name(1));
    let user = issuer.users().into_iter().find(|user| user.sub == sub);
    user.map(|user| answer(200, &tell_user(&user)))
        .ok_or_else(|| no_user(sub))
}

pub(super) fn put_user(ask: &Ask) -> Outcome {
    let (issuer, name) = (ask.issuer()?, ask.name(1));
    let PutUser { sub, claims } = ask.body()?;
    if let Some(sub) = sub.filter(|sub| sub != name) {
        return Err(Refusal::invalid(format!(
            "the path names `{name}`, the body `{sub}`"
        )));
    }
    if name.len() > 255 || !name.is_ascii() {
        let reason =
            "a subject identifier has at most 255 letters, all of them ASCII (OIDC Core section 2)";
        return Err(Refusal::invalid(reason));
    }
    let is_new = !issuer.users().iter().any(|user| user.sub == name);
    let user = match claims {
        Some(claims) => User {
            claims,
            ..User::new(name)
        },
        None => User::from_sub(name),
    };
    let document = tell_user(&user);
    issuer.add_user(user);
    Ok(answer(if is_new { 201 } else { 200 }, &document))
}

pub(super) fn delete_user(ask: &Ask) -> Outcome {
    let (issuer, sub) = (ask.issuer()?, ask.name(1));
    if issuer.remove_user(sub) {
        Ok(done())
    } else {
        Err(no_user(sub))
    }
}

pub(super) fn list_clients(ask: &Ask) -> Outcome {
    let issuer = ask.issuer()?;
    let (_, view) = asked(ask)?;
    let clients: Vec<Value> = (issuer.clients().iter())
        .map(|it| tell_client(it, view.secrets))
        .collect();
    Ok(answer(200, &json!({"clients": clients})))
}

pub(super) fn read_client(ask: &Ask) -> Outcome {
    let (issuer, id) = (ask.issuer()?, ask.name(1));
    let (_, view) = asked(ask)?;
    let client = issuer.clients().into_iter().find(|client| client.id == id);
    client
        .map(|client| answer(200, &tell_client(&client, view.secrets)))
        .ok_or_else(|| no_client(id))
}

pub(super) fn put_client(ask: &Ask) -> Outcome {
    let (issuer, name) = (ask.issuer()?, ask.name(1));
    let mut members: Map<String, Value> = ask.body()?;
    let id = members.entry("id").or_insert_with(|| json!(name));
    if id != name {
        let reason = format!("the path names `{name}`, the body `{id}`");
        return Err(Refusal::invalid(reason));
    }
    let config: ClientConfig = as_configured(Value::Object(members))?;
    let is_new = issuer.state().client(name).is_none();
    let client = Client::from(config);
    let document = tell_client(&client, Secrets::Hidden);
    issuer.add_client(client);
    Ok(answer(if is_new { 201 } else { 200 }, &document))
}

pub(super) fn delete_client(ask: &Ask) -> Outcome {
    let (issuer, id) = (ask.issuer()?, ask.name(1));
    if issuer.remove_client(id) {
        Ok(done())
    } else {
        Err(no_client(id))
    }
}

pub(super) fn no_user(sub: &str) -> Refusal {
    Refusal::missing(format!("there is no user `{sub}`; GET …/users lists them"))
}

pub(super) fn no_client(id: &str) -> Refusal {
    Refusal::missing(format!(
        "there is no client `{id}`; GET …/clients lists them"
    ))
}

fn tell_user(user: &User) -> Value {
    json!({"sub": user.sub, "claims": user.claims})
}

fn tell_client(client: &Client, secrets: Secrets) -> Value {
    let config = serde_json::to_value(ClientConfig::from(client)).unwrap_or_default();
    let members = config.as_object().cloned().unwrap_or_default();
    let told = members.into_iter().map(|(name, value)| {
        let value = match value {
            Value::String(secret) if name == "secret" => json!(secrets.tell(&secret)),
            value => value,
        };
        (name.replace('-', "_"), value)
    });
    Value::Object(told.collect())
}
