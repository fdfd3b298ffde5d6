//! What a clean login showed of the client: a pure reading of its record.

use cookie::Cookie;
use oauth_gauntlet_provider::Endpoint;
use url::Url;

use super::{Record, SecretKind, Standing, StepRecord};
use crate::scenario::{Act, Browser, Capability};
use crate::target::Target;
use crate::transcript::{Entry, Party};

/// What the client was seen to do.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that was seen or not"
)]
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The `redirect_uri` that it asked for.
    pub redirect_uri: String,
    /// The `response_type`.
    pub response_type: String,
    /// The `response_mode`, where it asked for one.
    pub response_mode: Option<String>,
    /// The `scope`.
    pub scope: String,
    /// It sent a `state`.
    pub state: bool,
    /// It sent a `nonce`.
    pub nonce: bool,
    /// The `code_challenge_method`, if it uses PKCE.
    pub pkce: Option<String>,
    /// The issuer named itself (`iss`) in the authorization response.
    pub iss: bool,
    /// How it authenticated at the token endpoint.
    pub client_authentication: Option<&'static str>,
    /// How often it called the userinfo endpoint.
    pub userinfo: usize,
    /// How often it fetched the discovery document.
    pub discovery: usize,
    /// How often it fetched the key set.
    pub keys: usize,
    /// It was given a refresh token.
    pub refresh_token: bool,
    /// It used one once the access token had expired; nothing where that was not tried.
    pub refreshed: Option<bool>,
    /// The cookies that it set.
    pub cookies: Vec<CookieSeen>,
    /// The protected page of the user.
    pub page: Option<Page>,
    /// The same page for a stranger.
    pub stranger: Option<Page>,
    /// How signing out went, where it was tried.
    pub sign_out: Option<SignOut>,
    /// The host of the issuer, where cookies of the client go there as well.
    pub shared_host: Option<String>,
}

/// A cookie of the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSeen {
    /// The name.
    pub name: String,
    /// Its attributes, as far as they matter.
    pub attributes: String,
}

/// A page, and what it shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// Method, path and status.
    pub line: String,
    /// How the browser stands, by it.
    pub standing: Standing,
    /// Which of the account's needles it shows.
    pub shows: Vec<&'static str>,
}

/// How signing out went.
#[derive(Debug, Clone)]
pub struct SignOut {
    /// Method, path and status of the client's page.
    pub line: String,
    /// The protected page shows nobody any more.
    pub signed_out: bool,
    /// The user was sent to the end-session endpoint.
    pub at_the_provider: bool,
}

impl Observed {
    /// Reads a record.
    pub fn of(target: &Target, record: &Record) -> Self {
        let entries = &record.transcript;
        let mut seen = Self::default();
        if let Some(asked) = entries
            .iter()
            .find(|entry| entry.endpoint == Some(Endpoint::Authorize) && !entry.crafted)
        {
            let parameter = |name: &str| asked.query(name).unwrap_or_default();
            seen.redirect_uri = parameter("redirect_uri");
            seen.response_type = parameter("response_type");
            seen.response_mode = asked.query("response_mode");
            seen.scope = parameter("scope");
            seen.state = asked.query("state").is_some();
            seen.nonce = asked.query("nonce").is_some_and(|nonce| !nonce.is_empty());
            seen.pkce = asked.query("code_challenge").map(|_| {
                let method = asked.query("code_challenge_method");
                method.unwrap_or_else(|| "plain".to_owned())
            });
        }
        seen.iss = entries.iter().any(|entry| {
            entry.is_page_of_the_app()
                && entry.query("code").is_some()
                && entry.query("iss").is_some()
        });
        let exchange = token_requests(entries, "authorization_code").next();
        seen.client_authentication = exchange.map(authentication);
        let calls = |endpoint| {
            entries
                .iter()
                .filter(|it| it.endpoint == Some(endpoint))
                .count()
        };
        seen.userinfo = calls(Endpoint::Userinfo);
        seen.discovery = calls(Endpoint::Metadata);
        seen.keys = calls(Endpoint::Jwks);
        seen.refresh_token = record
            .secrets
            .iter()
            .any(|it| it.kind == SecretKind::RefreshToken);
        let expired = record.steps.iter().any(|step| step.act == Act::Expire);
        seen.refreshed = expired.then(|| token_requests(entries, "refresh_token").next().is_some());
        seen.cookies = cookies(entries);
        let victim = record.steps.iter().find(|step| step.act == Act::SignIn);
        seen.page = victim.and_then(|step| page(record, step));
        let stranger = record
            .steps
            .iter()
            .find(|step| step.browser == Browser::Attacker);
        seen.stranger = stranger.and_then(|step| page(record, step));
        let out = record.steps.iter().find(|step| step.act == Act::SignOut);
        seen.sign_out = out.map(|step| sign_out(target, record, step));
        seen.shared_host = shared_host(record);
        seen
    }

    /// What the client was seen to use, in a few words.
    pub fn words(&self) -> Vec<&'static str> {
        let mut words = vec!["code"];
        for (seen, word) in [
            (self.state, "state"),
            (self.pkce.is_some(), "PKCE"),
            (self.nonce, "nonce"),
            (self.userinfo > 0, "userinfo"),
        ] {
            if seen {
                words.push(word);
            }
        }
        words
    }

    /// Whether a capability was observed; nothing, where this login could not show it.
    pub fn shows(&self, capability: Capability) -> Option<bool> {
        let openid = self.scope.split(' ').any(|scope| scope == "openid");
        match capability {
            // A client may ask for an ID token and never look at it.
            Capability::Oidc if openid && self.keys == 0 && !self.nonce => None,
            Capability::Oidc => Some(openid),
            Capability::Userinfo => Some(self.userinfo > 0),
            Capability::Pkce => Some(self.pkce.is_some()),
            Capability::Nonce => Some(self.nonce),
            Capability::Discovery => Some(self.discovery > 0),
            Capability::Refresh => self.refreshed,
            Capability::Logout => self.sign_out.as_ref().map(|out| out.signed_out),
            Capability::RpLogout => (self.sign_out.as_ref()).map(|out| out.at_the_provider),
            _ => None,
        }
    }

    /// What the target claims and this login did not show, although it could have.
    pub fn unseen(&self, target: &Target) -> Vec<Capability> {
        let claimed = target.can.iter().copied();
        claimed
            .filter(|it| self.shows(*it) == Some(false))
            .collect()
    }

    /// What this login showed and the target does not claim.
    pub fn unclaimed(&self, target: &Target) -> Vec<Capability> {
        let all = [
            Capability::Oidc,
            Capability::Userinfo,
            Capability::Discovery,
            Capability::Pkce,
            Capability::Nonce,
            Capability::Refresh,
            Capability::Logout,
            Capability::RpLogout,
        ];
        let unclaimed = all.into_iter().filter(|it| !target.can(*it));
        unclaimed
            .filter(|it| self.shows(*it) == Some(true))
            .collect()
    }
}

fn token_requests<'a>(entries: &'a [Entry], grant: &'a str) -> impl Iterator<Item = &'a Entry> {
    entries.iter().filter(move |entry| {
        entry.endpoint == Some(Endpoint::Token)
            && entry.form("grant_type").is_some_and(|it| it == grant)
    })
}

/// The method's name (OpenID Connect Core 1.0 §9).
fn authentication(entry: &Entry) -> &'static str {
    let basic = entry.authorization.as_deref().unwrap_or_default();
    if basic.len() > 5 && basic[..5].eq_ignore_ascii_case("basic") {
        "client_secret_basic"
    } else if entry.form("client_secret").is_some() {
        "client_secret_post"
    } else if entry.form("client_assertion").is_some() {
        "private_key_jwt or client_secret_jwt"
    } else {
        "none (a public client)"
    }
}

fn cookies(entries: &[Entry]) -> Vec<CookieSeen> {
    let mut found: Vec<CookieSeen> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_page_of_the_app()) {
        for header in entry.answer.headers("set-cookie") {
            let Ok(cookie) = Cookie::parse(header) else {
                continue;
            };
            if cookie.value().is_empty() || found.iter().any(|it| it.name == cookie.name()) {
                continue;
            }
            let is = |yes: Option<bool>, word: &str| match yes {
                Some(true) => word.to_owned(),
                _ => format!("not {word}"),
            };
            let same_site = cookie.same_site();
            let same_site =
                same_site.map_or("no SameSite".to_owned(), |it| format!("SameSite={it}"));
            found.push(CookieSeen {
                name: cookie.name().to_owned(),
                attributes: [
                    is(cookie.http_only(), "HttpOnly"),
                    same_site,
                    is(cookie.secure(), "Secure"),
                ]
                .join(", "),
            });
        }
    }
    found
}

fn page(record: &Record, step: &StepRecord) -> Option<Page> {
    let entry = record.probed(step)?;
    let account = record.accounts.of(Browser::Victim);
    let words = ["e-mail", "name", "user name", "sub"];
    let shows = account.needles().into_iter().zip(words);
    Some(Page {
        line: line(entry),
        standing: step.standing,
        shows: shows
            .filter(|(needle, _)| step.page.contains(needle))
            .map(|(_, word)| word)
            .collect(),
    })
}

fn sign_out(target: &Target, record: &Record, step: &StepRecord) -> SignOut {
    SignOut {
        line: sign_out_page(target, record, step)
            .map(line)
            .unwrap_or_default(),
        signed_out: !matches!(step.standing, Standing::SignedIn(_) | Standing::NoAnswer),
        at_the_provider: record
            .during(step.window)
            .any(|entry| entry.endpoint == Some(Endpoint::EndSession)),
    }
}

/// The exchange with the client's sign-out page: not the look at its form.
pub(super) fn sign_out_page<'a>(
    target: &Target,
    record: &'a Record,
    step: &StepRecord,
) -> Option<&'a Entry> {
    let path = target
        .app
        .logout
        .path()
        .split('?')
        .next()
        .unwrap_or_default();
    let pages = record
        .during(step.window)
        .filter(|it| it.is_page_of_the_app());
    pages.filter(|entry| entry.url.path() == path).last()
}

/// Cookies are kept by host, whatever the port.
fn shared_host(record: &Record) -> Option<String> {
    let host = |url: &str| Url::parse(url).ok()?.host_str().map(str::to_owned);
    let issuer = host(&record.places.honest)?;
    (host(&record.places.app)? == issuer).then_some(issuer)
}

/// An exchange without the values that nobody else should see.
pub(super) fn line(entry: &Entry) -> String {
    let status = entry.answer.status();
    let status = status.map_or("no answer".to_owned(), |status| status.to_string());
    let mut url = entry.url.clone();
    url.set_query(None);
    let url = match entry.to {
        Party::App => url.path().to_owned(),
        _ => url.to_string(),
    };
    format!("{} {url} → {status}", entry.method)
}
