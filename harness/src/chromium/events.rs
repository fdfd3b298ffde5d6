//! What the browser tells of itself, and what it is told on each request: go on, with which
//! headers, or stop.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::bidi::BiDi;
use url::Url;

use super::Said;
use super::tab::{Flight, State, Tab};
use super::tabs::Tabs;
use crate::user_agent::{Answer, Purpose, is_loopback};

/// The events that are listened to.
pub(super) const EVENTS: [&str; 10] = [
    "browsingContext.contextCreated",
    "browsingContext.contextDestroyed",
    "browsingContext.load",
    "browsingContext.navigationAborted",
    "browsingContext.navigationFailed",
    "log.entryAdded",
    "network.beforeRequestSent",
    "network.fetchError",
    "network.responseCompleted",
    "network.responseStarted",
];

/// Listens until the browser is gone.
pub(super) async fn listen(bidi: BiDi, tabs: Arc<Tabs>) {
    let mut events = bidi.subscribe_raw();
    while let Some(event) = events.next().await {
        heard(&bidi, &tabs, &event.method, &event.params);
    }
}

fn heard(bidi: &BiDi, tabs: &Tabs, method: &str, event: &Value) {
    let source = event["source"]["context"].as_str();
    let context = event["context"].as_str().or(source).unwrap_or_default();
    let tab = tabs.of(context);
    match method {
        "browsingContext.contextCreated" => {
            let by = event["parent"]
                .as_str()
                .or(event["originalOpener"].as_str());
            if let Some(by) = by {
                tabs.belongs(context, by);
            }
        }
        "browsingContext.contextDestroyed" => tabs.remove(context),
        "browsingContext.load" => {
            let blank = event["url"]
                .as_str()
                .is_some_and(|url| url == "about:blank");
            if let Some(tab) = tab.filter(|tab| tab.context == context && !blank) {
                tab.touch(|state| state.loading = false);
            }
        }
        "browsingContext.navigationAborted" | "browsingContext.navigationFailed" => {
            if let Some(tab) = tab.filter(|tab| tab.context == context) {
                let reason = event["message"].as_str().unwrap_or("aborted").to_owned();
                tab.touch(|state| {
                    let mut pages = state.flights.iter().rev();
                    let last = pages.find(|it| it.purpose == Some(Purpose::Page));
                    // The next page may be on its way already.
                    if last.is_none_or(|page| page.answer.is_some()) {
                        state.loading = false;
                    }
                    state.failed = Some(reason);
                });
            }
        }
        "log.entryAdded" => {
            if let (Some(tab), Some(said)) = (tab, said(event)) {
                tab.touch(|state| state.said.push(said));
            }
        }
        "network.beforeRequestSent" => wants_to_ask(bidi, tab.as_deref(), context, event),
        "network.responseCompleted" => {
            if let Some(tab) = tab {
                answered(bidi, &tab, event);
            }
        }
        "network.responseStarted" => {
            if let Some(tab) = tab {
                tab.touch(|state| {
                    if let Some(flight) = flight(state, event) {
                        flight.begun = Some(Instant::now());
                    }
                });
            }
        }
        "network.fetchError" => {
            if let Some(tab) = tab {
                failed(&tab, context, event);
            }
        }
        _ => {}
    }
}

fn said(event: &Value) -> Option<Said> {
    let is_error = event["level"] == "error";
    is_error.then(|| Said {
        at: Instant::now(),
        uncaught: event["type"] == "javascript",
        text: event["text"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Which request an event is about.
fn flight<'a>(state: &'a mut State, event: &Value) -> Option<&'a mut Flight> {
    let id = event["request"]["request"].as_str()?;
    let hop = event["redirectCount"].as_u64().unwrap_or_default();
    let mut flights = state.flights.iter_mut().rev();
    flights.find(|flight| flight.id == id && flight.hop == hop)
}

fn wants_to_ask(bidi: &BiDi, tab: Option<&Tab>, context: &str, event: &Value) {
    let request = &event["request"];
    let id = request["request"].as_str().unwrap_or_default();
    let blocked = event["isBlocked"] == true;
    let url = request["url"].as_str().and_then(|url| Url::parse(url).ok());
    let (Some(tab), Some(url)) = (tab, url) else {
        if blocked {
            answer(bidi, "network.continueRequest", json!({ "request": id }));
        }
        return;
    };
    let navigates = event["navigation"].is_string();
    let page = navigates && tab.context == context;
    let command = tab.touch(|state| {
        let elsewhere = elsewhere(state, &url);
        if page && state.halts.at(&url) {
            state.stopped = Some(url);
            state.loading = false;
            return json!(null);
        }
        let issuers = url.origin().ascii_serialization() == state.manners.issuer_origin;
        let purpose = match (page, navigates) {
            (true, _) => Some(Purpose::Page),
            (_, true) => Some(Purpose::Frame),
            // What a script asks the issuers for is in their journals.
            _ if issuers => None,
            _ if elsewhere || is_by_script(request) => Some(Purpose::Part),
            _ => None,
        };
        let hop = event["redirectCount"].as_u64().unwrap_or_default();
        if page {
            state.loading = true;
            state.pages += usize::from(hop == 0);
        }
        let to = match (issuers, page) {
            // Who only looks at a page does not sign in by looking: nobody comes in its frames.
            (true, false) if state.halts.wanted(&url) => To::IssuersAsStranger,
            (true, _) => To::Issuers,
            (false, _) if navigates => To::Others,
            (false, _) => To::OthersByScript,
        };
        let command = headers(state, request, to);
        let method = request["method"].as_str().unwrap_or("GET");
        state.flights.push(Flight {
            id: id.to_owned(),
            hop,
            started: Instant::now(),
            ended: None,
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            url,
            purpose,
            endless: request["destination"] == "eventsource" || is_stream(request),
            begun: None,
            may_stay_unread: !(page || issuers && state.manners.issuers_trickle),
            body_is_due: false,
            form: None,
            cookies: cookies(request),
            referer: header(&request["headers"], "referer"),
            answer: (elsewhere && !page).then(|| Answer::Broken("not asked".to_owned())),
        });
        if elsewhere && !page {
            json!(null)
        } else {
            command
        }
    });
    if !blocked {
        return;
    }
    match command {
        Value::Null => answer(bidi, "network.failRequest", json!({ "request": id })),
        command => answer(bidi, "network.continueRequest", command),
    }
}

/// Whether a host is neither of the run nor of this machine.
fn elsewhere(state: &State, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let home = state.halts.home.iter().flatten();
    matches!(url.scheme(), "http" | "https")
        && !is_loopback(host)
        && !{ home }.any(|it| it == host)
        && Url::parse(&state.manners.issuer_origin).is_ok_and(|it| it.host_str() != Some(host))
}

fn is_by_script(request: &Value) -> bool {
    let initiator = request["initiatorType"].as_str().unwrap_or_default();
    matches!(initiator, "fetch" | "xmlhttprequest" | "beacon")
        || (request["destination"] == "" && initiator.is_empty())
}

fn is_stream(request: &Value) -> bool {
    header(&request["headers"], "accept").is_some_and(|it| it.contains("text/event-stream"))
}

/// Whom a request is for, and how it comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Issuers,
    IssuersAsStranger,
    Others,
    OthersByScript,
}

/// How a request goes on.
fn headers(state: &State, request: &Value, to: To) -> Value {
    let id = &request["request"];
    let manners = &state.manners;
    let for_issuers = |header: &&(String, String)| {
        to == To::Issuers || to == To::IssuersAsStranger && header.0 != "gauntlet-user"
    };
    let issuers = manners.issuer_headers.iter().filter(for_issuers);
    let others = manners.headers.iter().filter(|_| to == To::Others);
    let more: Vec<&(String, String)> = issuers.chain(others).collect();
    let mut command = json!({ "request": id });
    if !more.is_empty() {
        let replaced = |name: &str| more.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let own = request["headers"].as_array().into_iter().flatten();
        let own = own.filter(|header| !replaced(header["name"].as_str().unwrap_or_default()));
        let more = more.iter().map(
            |(name, value)| json!({ "name": name, "value": { "type": "string", "value": value } }),
        );
        command["headers"] = own.cloned().chain(more).collect();
    }
    if manners.no_cookies || to == To::IssuersAsStranger {
        command["cookies"] = json!([]);
    }
    command
}

fn answered(bidi: &BiDi, tab: &Arc<Tab>, event: &Value) {
    let response = &event["response"];
    let status = response["status"]
        .as_u64()
        .and_then(|it| it.try_into().ok());
    let wanted = tab.touch(|state| {
        let flight = flight(state, event)?;
        flight.ended = Some(Instant::now());
        flight.answer = Some(Answer::Page {
            status: status.unwrap_or_default(),
            headers: response_headers(&response["headers"]),
            body: String::new(),
        });
        let sent = cookies(&event["request"]);
        if !sent.is_empty() {
            flight.cookies = sent;
        }
        let redirects = status.is_some_and(|status| status / 100 == 3);
        let posts = flight.method == Method::POST;
        flight.body_is_due = flight.purpose.is_some() && (!redirects || posts);
        flight.body_is_due.then_some((flight.hop, posts, redirects))
    });
    let Some((hop, posts, redirects)) = wanted else {
        return;
    };
    let (bidi, tab) = (bidi.clone(), Arc::clone(tab));
    let id = event["request"]["request"].clone();
    tokio::spawn(async move {
        let page = if redirects {
            None
        } else {
            data(&bidi, &id, "response").await
        };
        let form = if posts {
            data(&bidi, &id, "request").await
        } else {
            None
        };
        let about = json!({ "request": { "request": id }, "redirectCount": hop });
        tab.touch(|state| {
            let Some(flight) = flight(state, &about) else {
                return;
            };
            flight.body_is_due = false;
            flight.form = form;
            if let (Some(Answer::Page { body, .. }), Some(page)) = (&mut flight.answer, page) {
                *body = page;
            }
        });
    });
}

/// The body of a request or its response, if the browser still has it.
async fn data(bidi: &BiDi, id: &Value, kind: &str) -> Option<String> {
    let asked = json!({ "request": id, "dataType": kind });
    let data = bidi.send_raw("network.getData", asked).await.ok()?;
    text(&data["bytes"])
}

fn failed(tab: &Tab, context: &str, event: &Value) {
    let reason = event["errorText"].as_str().unwrap_or_default().to_owned();
    tab.touch(|state| {
        let Some(flight) = flight(state, event) else {
            return;
        };
        flight.ended = Some(Instant::now());
        let page = flight.purpose == Some(Purpose::Page);
        flight.answer.get_or_insert(Answer::Broken(reason.clone()));
        if page && tab.context == context {
            state.loading = false;
            state.failed = Some(reason);
        }
    });
}

fn cookies(request: &Value) -> Vec<(String, String)> {
    pairs(&request["cookies"])
}

/// Headers with their names in lower case. Several cookies may come in one, a line each.
fn response_headers(list: &Value) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in pairs(list) {
        let name = name.to_lowercase();
        let each = |line: &str| (name.clone(), line.to_owned());
        headers.extend(value.split('\n').map(each));
    }
    headers
}

/// Names and values.
fn pairs(list: &Value) -> Vec<(String, String)> {
    let list = list.as_array().into_iter().flatten();
    let pair = |it: &Value| Some((it["name"].as_str()?.to_owned(), text(&it["value"])?));
    list.filter_map(pair).collect()
}

fn header(list: &Value, name: &str) -> Option<String> {
    let mut headers = pairs(list).into_iter();
    let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// Bytes as `BiDi` writes them; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &Value) -> Option<String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let value = bytes["value"].as_str()?;
    if bytes["type"] == "base64" {
        let bytes = STANDARD.decode(value).ok()?;
        return Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    Some(value.to_owned())
}

/// Tells the browser something without waiting for what it says to that.
fn answer(bidi: &BiDi, method: &'static str, command: Value) {
    let bidi = bidi.clone();
    tokio::spawn(async move {
        // A request that is gone by now needs no answer.
        drop(bidi.send_raw(method, command).await);
    });
}
