//! Signing people out, and telling clients of it (Back-Channel Logout 1.0).

use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Ask, Outcome, Refusal, answer};
use super::at_once;
use super::people::{no_client, no_user};
use crate::issuer::Issuer;
use crate::logout::{self, About, LogoutPush, Push};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    sub: Option<String>,
    sid: Option<String>,
    test: Option<String>,
}

/// Ends every session of a user, and tells the clients that took part in one.
pub(super) async fn log_out(ask: Ask) -> Outcome {
    tell(
        at_once(move || {
            let (issuer, sub) = (ask.issuer()?, ask.name(1));
            let _: Nothing = ask.body()?;
            if issuer.state().user(sub).is_none() {
                return Err(no_user(sub));
            }
            let pushes = logout::end_sessions(&issuer, sub).map_err(|down| {
                Refusal::new(503, "temporarily_unavailable", down.to_string())
                    .header("retry-after", "1")
            })?;
            Ok((issuer, pushes))
        })
        .await?,
    )
    .await
}

/// Posts a logout token to one client, as the request and the armed faults say.
pub(super) async fn push(ask: Ask) -> Outcome {
    tell(
        at_once(move || {
            let (issuer, id) = (ask.issuer()?, ask.name(1));
            let Tell { sub, sid, test } = ask.body()?;
            let test = ask.known_test(test)?;
            let state = issuer.state();
            let client = state.client(id).ok_or_else(|| no_client(id))?;
            let about = About {
                sub: sub.as_deref(),
                sid: sid.as_deref(),
            };
            let push = logout::prepare(state, &state.urls, &client, about, test.as_deref());
            let push = push.ok_or_else(|| {
            Refusal::invalid(format!(
                "the client `{id}` has no `backchannel_logout_uri`; PUT …/clients/{id} gives it one"
            ))
        })?;
            Ok((issuer, vec![push]))
        })
        .await?,
    )
    .await
}

/// A body without members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Sends logout tokens, and tells what was sent and what came back.
async fn tell((issuer, pushes): (Issuer, Vec<Push>)) -> Outcome {
    let told = logout::send_and_wait(&issuer, pushes).await;
    let told: Vec<Value> = told.into_iter().map(describe).collect();
    Ok(answer(200, &json!({"pushes": told})))
}

/// The token itself is in the journal, for those who may see secrets there.
fn describe(push: LogoutPush) -> Value {
    let mut document = json!({
        "client_id": push.client_id,
        "uri": push.uri,
        "header": push.header,
        "claims": push.claims,
    });
    match push.outcome {
        Ok(status) => {
            document["status"] = json!(status);
            document["answer"] = json!(push.answer);
        }
        Err(reason) => document["problem"] = json!(reason),
    }
    document
}
