//! The transcript: what the browsers saw and what the issuers' journals hold, merged in the order
//! of time and numbered. The only evidence that verdicts rest on.

mod own;
mod redact;
mod render;

use std::time::Instant;

use oauth_gauntlet_provider::{Endpoint, Exchange};
use url::Url;

pub use own::{Own, own};
pub use redact::Redactor;
pub use render::{render, render_entry};

use crate::scenario::{Browser, Role};
use crate::user_agent::{Answer, Purpose, Seen};

/// Who sends or receives a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The victim's or the attacker's browser.
    Browser(Browser),
    /// The client under test.
    App,
    /// An issuer.
    Provider(Role),
    /// Some other host.
    Elsewhere,
}

impl Party {
    /// The party as transcripts name it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Browser(Browser::Victim) => "browser",
            Self::Browser(Browser::Attacker) => "attacker",
            Self::Browser(Browser::Namesake) => "namesake",
            Self::Browser(Browser::Twin) => "twin",
            Self::Browser(Browser::OtherDevice) => "device",
            Self::App => "app",
            Self::Provider(Role::Honest) => "provider",
            Self::Provider(Role::Attacker) => "evil provider",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// One exchange of a transcript.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Position, from 1.
    pub number: usize,
    /// Who asked.
    pub from: Party,
    /// Who was asked.
    pub to: Party,
    /// The issuer's endpoint, where an issuer was asked.
    pub endpoint: Option<Endpoint>,
    /// The attacker made this request himself, without the client.
    pub crafted: bool,
    /// When the request was made.
    pub started: Instant,
    /// When the response was there.
    pub ended: Instant,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: Url,
    /// The form or body of the request.
    pub form: Option<String>,
    /// The `Authorization` header of a request to an issuer.
    pub authorization: Option<String>,
    /// Cookies that the browser sent.
    pub cookies: Vec<(String, String)>,
    /// What came back.
    pub answer: Answer,
    /// What a browser wanted it for.
    pub purpose: Purpose,
    /// Where a script took the browser from this page, or which other address it shows by now.
    pub left_for: Option<Url>,
    /// What scripts made of the page, as HTML.
    pub made: Option<String>,
    /// The page that the browser said it came from.
    pub referer: Option<String>,
    /// Faults that changed the response.
    pub faults: Vec<String>,
    /// Rules that the issuer saw broken.
    pub violations: Vec<String>,
    /// What came below HTTP in the place of a whole response, if anything.
    pub transport: Option<String>,
}

impl Entry {
    /// A request and its response, of which nothing more is known.
    pub(crate) fn plain(
        (from, to): (Party, Party),
        (started, ended): (Instant, Instant),
        method: &str,
        url: Url,
        answer: Answer,
    ) -> Self {
        Self {
            number: 0,
            from,
            to,
            endpoint: None,
            crafted: false,
            started,
            ended,
            method: method.to_owned(),
            url,
            form: None,
            authorization: None,
            cookies: Vec::new(),
            answer,
            purpose: Purpose::Page,
            left_for: None,
            made: None,
            referer: None,
            faults: Vec::new(),
            violations: Vec::new(),
            transport: None,
        }
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        self.url
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// A parameter of the form.
    pub fn form(&self, name: &str) -> Option<String> {
        let form = self.form.as_deref()?;
        form_urlencoded::parse(form.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// A parameter, wherever it is.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query(name).or_else(|| self.form(name))
    }

    /// Whether this is a request of the client's (through the browser) to an authorization
    /// endpoint, as the first redirect of a login.
    pub fn is_authorization_request(&self) -> bool {
        self.endpoint == Some(Endpoint::Authorize)
            && !self.crafted
            && self.query("response_type").is_some()
    }

    /// Whether the client sent its page to a browser here.
    pub fn is_page_of_the_app(&self) -> bool {
        self.is_seen_from_the_app() && self.purpose == Purpose::Page
    }

    /// The page as its user sees it.
    pub fn shown(&self) -> &str {
        self.made.as_deref().unwrap_or(self.answer.body())
    }

    /// Whether the client sent something to a browser here: a page, or what a page asked for.
    pub fn is_seen_from_the_app(&self) -> bool {
        self.to == Party::App && matches!(self.from, Party::Browser(_))
    }
}

/// What one browser saw, and during which acts it acted for the attacker himself.
#[derive(Debug)]
pub struct Sighting {
    /// Whose browser.
    pub browser: Browser,
    /// Whether the attacker made the request himself, without the client.
    pub crafted: bool,
    /// The exchange.
    pub seen: Seen,
}

/// What somebody who is no issuer posted to where the client takes logout tokens.
#[derive(Debug)]
pub struct Posted {
    /// When the request was sent.
    pub started: Instant,
    /// When the response was read, or missed.
    pub ended: Instant,
    /// The URL.
    pub url: Url,
    /// The body of the request, or the beginning of it.
    pub body: String,
    /// What came back.
    pub answer: Answer,
}

/// The addresses of a run.
#[derive(Debug, Clone)]
pub struct Places {
    /// The client's origin.
    pub app: String,
    /// The honest issuer's identifier.
    pub honest: String,
    /// The attacker's issuer's identifier.
    pub attacker: String,
}

/// Host and port of an origin, as they stand in `Host` headers.
pub fn authority(origin: &str) -> &str {
    origin
        .split_once("://")
        .map_or("", |(_, authority)| authority)
}

impl Places {
    /// Who is at a URL.
    pub fn party(&self, url: &Url) -> Party {
        let below = |base: &str| {
            url.as_str().strip_prefix(base).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')
            })
        };
        if below(&self.attacker) {
            Party::Provider(Role::Attacker)
        } else if below(&self.honest) {
            Party::Provider(Role::Honest)
        } else if below(&self.app) {
            Party::App
        } else {
            Party::Elsewhere
        }
    }
}

/// Merges sightings and journals.
pub fn merge(
    places: &Places,
    sightings: Vec<Sighting>,
    posted: Vec<Posted>,
    journals: &[(Role, Vec<std::sync::Arc<Exchange>>)],
) -> Vec<Entry> {
    let mut seen_by_browsers = Vec::new();
    let mut entries: Vec<Entry> = sightings
        .into_iter()
        .map(|sighting| {
            let journaled = journals
                .iter()
                .flat_map(|(_, exchanges)| exchanges)
                .find(|exchange| {
                    exchange.started >= sighting.seen.started
                        && exchange.ended <= sighting.seen.ended
                        && is_front_channel(exchange.endpoint)
                        && sighting
                            .seen
                            .url
                            .as_str()
                            .ends_with(&exchange.request.target)
                });
            seen_by_browsers.extend(journaled.map(std::sync::Arc::as_ptr));
            front(places, sighting, journaled.map(AsRef::as_ref))
        })
        .collect();
    for (role, exchanges) in journals {
        let back = exchanges.iter().filter(|exchange| {
            let unseen = || !seen_by_browsers.contains(&std::sync::Arc::as_ptr(exchange));
            !is_front_channel(exchange.endpoint) || leads_nowhere(exchange) && unseen()
        });
        entries.extend(back.filter_map(|exchange| back_channel(places, *role, exchange)));
    }
    entries.extend(posted.into_iter().map(by_somebody));
    entries.sort_by_key(|entry| entry.started);
    for (index, entry) in entries.iter_mut().enumerate() {
        entry.number = index + 1;
    }
    entries
}

/// Whether the client called its issuer where that has nothing, as if it were another vendor's.
fn leads_nowhere(exchange: &Exchange) -> bool {
    // A real browser asks for icons without being seen.
    let mut headers = exchange.request.headers.iter();
    let for_a_page = headers.any(|(name, value)| name == "sec-fetch-dest" && value == "image");
    exchange.endpoint == Endpoint::Other && exchange.response.status == 404 && !for_a_page
}

/// The endpoint that the client asked. A browser that asks whether a script may ask (Fetch, CORS
/// protocol) asks for nothing yet.
fn asked(exchange: &Exchange) -> Option<Endpoint> {
    let is_preflight = exchange.request.method == "OPTIONS";
    (!is_preflight || exchange.endpoint == Endpoint::Other).then_some(exchange.endpoint)
}

fn is_front_channel(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Authorize | Endpoint::EndSession | Endpoint::Other => true,
        Endpoint::Metadata
        | Endpoint::Jwks
        | Endpoint::Token
        | Endpoint::Userinfo
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::Device
        | Endpoint::Par
        | Endpoint::Registration
        | Endpoint::BackchannelLogout => false,
    }
}

fn front(places: &Places, sighting: Sighting, journaled: Option<&Exchange>) -> Entry {
    let Sighting {
        browser,
        crafted,
        seen,
    } = sighting;
    Entry {
        number: 0,
        from: Party::Browser(browser),
        to: places.party(&seen.url),
        endpoint: journaled.map(|exchange| exchange.endpoint),
        crafted,
        started: seen.started,
        ended: seen.ended,
        method: seen.method.to_string(),
        url: seen.url,
        form: seen.form,
        authorization: None,
        cookies: seen.cookies,
        answer: seen.answer,
        purpose: seen.purpose,
        left_for: seen.left_for,
        made: seen.made,
        referer: seen.referer,
        faults: journaled.map(fault_summaries).unwrap_or_default(),
        violations: journaled.map(violations).unwrap_or_default(),
        transport: None,
    }
}

fn back_channel(places: &Places, role: Role, exchange: &Exchange) -> Option<Entry> {
    let base = match role {
        Role::Honest => &places.honest,
        Role::Attacker => &places.attacker,
    };
    let url = Url::parse(base).ok()?.join(&exchange.request.target).ok()?;
    // A logout token goes the other way.
    let (from, to) = match exchange.endpoint {
        Endpoint::BackchannelLogout => (Party::Provider(role), Party::App),
        _ => (Party::App, Party::Provider(role)),
    };
    let header = |name: &str| {
        let mut headers = exchange.request.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let answer = Answer::Page {
        status: exchange.response.status,
        headers: exchange.response.headers.clone(),
        body: exchange.response.body.clone(),
    };
    let times = (exchange.started, exchange.ended);
    Some(Entry {
        endpoint: asked(exchange),
        form: (!exchange.request.body.is_empty()).then(|| exchange.request.body.clone()),
        authorization: header("authorization"),
        faults: fault_summaries(exchange),
        violations: violations(exchange),
        transport: exchange
            .response
            .transport
            .filter(|act| !act.leaves_the_response_whole())
            .map(|act| act.as_str().to_owned()),
        ..Entry::plain((from, to), times, &exchange.request.method, url, answer)
    })
}

fn by_somebody(posted: Posted) -> Entry {
    let times = (posted.started, posted.ended);
    let parties = (Party::Elsewhere, Party::App);
    Entry {
        endpoint: Some(Endpoint::BackchannelLogout),
        crafted: true,
        form: (!posted.body.is_empty()).then_some(posted.body),
        purpose: Purpose::Part,
        ..Entry::plain(parties, times, "POST", posted.url, posted.answer)
    }
}

fn fault_summaries(exchange: &Exchange) -> Vec<String> {
    exchange
        .notes
        .faults
        .iter()
        .map(|fault| fault.summary.clone())
        .collect()
}

fn violations(exchange: &Exchange) -> Vec<String> {
    exchange
        .notes
        .violations
        .iter()
        .map(|violation| violation.detail.clone())
        .collect()
}
