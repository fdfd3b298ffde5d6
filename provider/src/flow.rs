//! Flows: the exchanges that belong together, put together from a journal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fault::FiredFault;
use crate::journal::{Endpoint, Exchange, IssuedKind};
use crate::rules::Violation;
use crate::sent::{self, Sent};

/// What one authorization request, or one request without a user, led to.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The name that its exchanges carry, or `exchange-N` for a request that led to nothing.
    pub id: String,
    /// The client identifier, as far as it was known.
    pub client_id: Option<String>,
    /// The `sub` of who signed in.
    pub user: Option<String>,
    /// The key of the parallel test that it belongs to.
    pub test: Option<String>,
    /// How far it has come.
    pub state: FlowState,
    /// The error that the last failed exchange was answered with.
    pub error: Option<String>,
    /// Its exchanges, oldest first.
    pub exchanges: Vec<Arc<Exchange>>,
}

/// How far a flow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FlowState {
    /// Somebody is being asked.
    Started,
    /// Somebody signed in, and the client was told.
    SignedIn,
    /// The client has tokens.
    Redeemed,
    /// The client has refreshed them.
    Refreshed,
    /// The user signed out.
    SignedOut,
    /// The last request of the flow was refused.
    Failed,
}

impl Flow {
    /// The rules that its requests broke, with the numbers of the exchanges.
    pub fn violations(&self) -> impl Iterator<Item = (u64, &Violation)> {
        let of = |exchange: &'_ Arc<Exchange>| exchange.number;
        (self.exchanges.iter()).flat_map(move |it| {
            let number = of(it);
            it.notes
                .violations
                .iter()
                .map(move |broken| (number, broken))
        })
    }

    /// The faults that changed its responses, with the numbers of the exchanges.
    pub fn faults(&self) -> impl Iterator<Item = (u64, &FiredFault)> {
        (self.exchanges.iter()).flat_map(|it| {
            let number = it.number;
            it.notes.faults.iter().map(move |fault| (number, fault))
        })
    }
}

/// The flows of a journal, in the order in which they began. Exchanges that belong to none, such as
/// a fetch of the key set, are left out.
pub(crate) fn flows(exchanges: &[Arc<Exchange>]) -> Vec<Flow> {
    let mut order: Vec<String> = Vec::new();
    let mut members: BTreeMap<String, Vec<Arc<Exchange>>> = BTreeMap::new();
    let mut issued: HashMap<&str, &str> = HashMap::new();
    for exchange in exchanges {
        let notes = &exchange.notes;
        let known = notes.flow.clone().or_else(|| {
            (values_of(exchange).values())
                .find_map(|value| issued.get(value.as_str()).map(|it| (*it).to_owned()))
        });
        let alone = || begins_a_flow(exchange).then(|| format!("exchange-{}", exchange.number));
        let Some(id) = known.or_else(alone) else {
            continue;
        };
        if let Some(flow) = &notes.flow {
            for value in &notes.issued {
                issued.insert(&value.value, flow);
            }
        }
        let entry = members.entry(id.clone()).or_default();
        if entry.is_empty() {
            order.push(id);
        }
        entry.push(Arc::clone(exchange));
    }
    (order.into_iter())
        .map(|id| {
            let exchanges = members.remove(&id).unwrap_or_default();
            flow(id, exchanges)
        })
        .collect()
}

/// Where a value that was handed out comes back.
fn values_of(exchange: &Exchange) -> Sent {
    let names = [
        "code",
        "refresh_token",
        "token",
        "id_token_hint",
        "subject_token",
    ];
    let mut sent = sent::query(&exchange.request);
    sent.extend(sent::form(&exchange.request));
    sent.retain(|name, _| names.contains(&name.as_str()));
    sent
}

fn begins_a_flow(exchange: &Exchange) -> bool {
    matches!(
        exchange.endpoint,
        Endpoint::Authorize | Endpoint::Token | Endpoint::Device | Endpoint::Par
    ) && !matches!(exchange.request.method.as_str(), "HEAD" | "OPTIONS")
}

fn flow(id: String, exchanges: Vec<Arc<Exchange>>) -> Flow {
    let last = |look: fn(&Exchange) -> Option<&String>| {
        exchanges.iter().rev().find_map(|it| look(it)).cloned()
    };
    let mut state = FlowState::Started;
    let mut error = None;
    for exchange in &exchanges {
        error = error_of(exchange);
        if error.is_none() {
            state = next(state, exchange);
        }
    }
    if error.is_some() {
        state = FlowState::Failed;
    }
    Flow {
        client_id: last(|it| it.notes.client_id.as_ref()),
        user: last(|it| it.notes.user.as_ref()),
        test: last(|it| it.notes.test.as_ref()),
        id,
        state,
        error,
        exchanges,
    }
}

fn next(state: FlowState, exchange: &Exchange) -> FlowState {
    let handed_out = |kind| exchange.notes.issued.iter().any(|it| it.kind == kind);
    match exchange.endpoint {
        Endpoint::Authorize if handed_out(IssuedKind::AccessToken) => FlowState::Redeemed,
        Endpoint::Authorize if handed_out(IssuedKind::Code) => FlowState::SignedIn,
        Endpoint::Token if handed_out(IssuedKind::AccessToken) => {
            match exchange.notes.grant.as_deref() {
                Some("refresh_token") => FlowState::Refreshed,
                Some(_) | None => FlowState::Redeemed,
            }
        }
        Endpoint::EndSession => FlowState::SignedOut,
        _ => state,
    }
}

/// The error that a request was answered with, on the wire or in a redirect.
fn error_of(exchange: &Exchange) -> Option<String> {
    let response = &exchange.response;
    let header = |name: &str| {
        let found = response.headers.iter().find(|(known, _)| known == name)?;
        Some(found.1.as_str())
    };
    if let Some(location) = header("location") {
        let (_, parameters) = location.split_once(['?', '#'])?;
        let mut pairs = form_urlencoded::parse(parameters.as_bytes());
        return pairs
            .find(|(name, _)| name == "error")
            .map(|(_, error)| error.into_owned());
    }
    if response.status < 400 {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    let named = body.get("error").and_then(serde_json::Value::as_str);
    if named.is_some_and(|error| matches!(error, "authorization_pending" | "slow_down")) {
        // A device that waits has not failed (RFC 8628 §3.5).
        return None;
    }
    Some(named.map_or_else(|| format!("status {}", response.status), str::to_owned))
}
