//! What can be seen of a provider from here. Nothing is judged.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, DATE, ORIGIN};
use reqwest::{Certificate, Client, Method};
use serde_json::Value;
use url::Url;

use crate::cli::DoctorArgs;

/// How long one answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Where a script would come from that is not the provider's own.
const OTHER_ORIGIN: &str = "https://app.example.test";
/// The most that is read of a document, in bytes.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// Endpoints that browsers are sent to.
pub(super) const FRONT: [&str; 2] = ["authorization_endpoint", "end_session_endpoint"];
/// Endpoints that clients call.
pub(super) const BACK: [&str; 8] = [
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "registration_endpoint",
];

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    #[error(
        "`{url}` is no http or https URL: write the issuer as the client is configured with it"
    )]
    Issuer { url: String },
    #[error("cannot use the CA in `{}`: {problem}", path.display())]
    Ca { path: PathBuf, problem: String },
    #[error("no HTTP client can be made: {0}")]
    Client(reqwest::Error),
}

/// What came of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) url: String,
    /// Why there was no answer.
    pub(super) failure: Option<String>,
    pub(super) status: u16,
    pub(super) document: Option<Value>,
    /// Whether scripts of other origins can read it.
    pub(super) readable: bool,
    /// How far the peer's clock is ahead of ours, in seconds.
    pub(super) ahead: Option<i64>,
}

/// An endpoint of the document.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) name: &'static str,
    pub(super) answer: Answer,
}

/// All that was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// As it was given, to the letter.
    pub(super) issuer: String,
    pub(super) browser_url: Option<String>,
    pub(super) discovery: Answer,
    pub(super) endpoints: Vec<Endpoint>,
    /// What the provider says to an authorization request of the client.
    pub(super) authorization: Option<Answer>,
    pub(super) client_id: Option<String>,
}

/// Asks the provider.
pub(super) async fn gather(issuer: &str, args: &DoctorArgs) -> Result<Facts, GatherError> {
    let is_url = |text: &str| {
        Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    for url in std::iter::once(issuer).chain(args.browser_url.as_deref()) {
        if !is_url(url) {
            return Err(GatherError::Issuer {
                url: url.to_owned(),
            });
        }
    }
    let client = client(args)?;
    let base = issuer.trim_end_matches('/');
    let mut discovery = ask(
        &client,
        Method::GET,
        &format!("{base}/.well-known/openid-configuration"),
    )
    .await;
    if discovery.status == 404 {
        let inserted = inserted(base);
        let oauth = ask(&client, Method::GET, &inserted).await;
        if oauth.status == 200 {
            discovery = oauth;
        }
    }
    let mut endpoints = Vec::new();
    for name in FRONT.into_iter().chain(BACK) {
        let url = discovery.document.as_ref().and_then(|it| it.get(name));
        if let Some(url) = url.and_then(Value::as_str) {
            let method = match name {
                "jwks_uri"
                | "userinfo_endpoint"
                | "authorization_endpoint"
                | "end_session_endpoint" => Method::GET,
                _ => Method::POST,
            };
            let answer = ask(&client, method, url).await;
            endpoints.push(Endpoint { name, answer });
        }
    }
    let authorize = endpoints.iter().find(|it| it.name == FRONT[0]);
    let authorization = match (&args.client_id, authorize) {
        (Some(id), Some(endpoint)) => {
            let url = authorization_request(&endpoint.answer.url, id, args.redirect_uri.as_deref());
            Some(ask(&client, Method::GET, &url).await)
        }
        _ => None,
    };
    Ok(Facts {
        issuer: issuer.to_owned(),
        browser_url: args.browser_url.clone(),
        discovery,
        endpoints,
        authorization,
        client_id: args.client_id.clone(),
    })
}

fn client(args: &DoctorArgs) -> Result<Client, GatherError> {
    let builder = || {
        Client::builder()
            .no_proxy()
            .timeout(TIME_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
    };
    if let Some(path) = &args.ca_file {
        let unusable = |problem: String| GatherError::Ca {
            path: path.clone(),
            problem,
        };
        let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let cas = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(causes(&error)))?;
        let client = builder().tls_certs_only(cas).build();
        return client.map_err(GatherError::Client);
    }
    // Where the system has no CA at all, plain HTTP still works.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only([]).build())
        .map_err(GatherError::Client)
}

/// Where RFC 8414 §3.1 has the document: before the path.
fn inserted(base: &str) -> String {
    let authority = base.find("://").map_or(0, |at| at + 3);
    let path = base[authority..]
        .find('/')
        .map_or(base.len(), |at| authority + at);
    format!(
        "{}/.well-known/oauth-authorization-server{}",
        &base[..path],
        &base[path..]
    )
}

fn authorization_request(endpoint: &str, client_id: &str, redirect_uri: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("scope", "openid")
        .append_pair("state", "gauntlet-doctor")
        .append_pair(
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        )
        .append_pair("code_challenge_method", "S256");
    if let Some(uri) = redirect_uri {
        query.append_pair("redirect_uri", uri);
    }
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{separator}{}", query.finish())
}

async fn ask(client: &Client, method: Method, url: &str) -> Answer {
    let mut answer = Answer {
        url: url.to_owned(),
        ..Answer::default()
    };
    let mut request = client
        .request(method.clone(), url)
        .header(ORIGIN, OTHER_ORIGIN);
    if method == Method::POST {
        request = request.form(&[("grant_type", "")]);
    }
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            answer.failure = Some(causes(&error.without_url()));
            return answer;
        }
    };
    answer.status = response.status().as_u16();
    let origin = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN);
    answer.readable = origin.is_some_and(|it| it == "*" || it == OTHER_ORIGIN);
    let date = response.headers().get(DATE);
    answer.ahead = date.and_then(|date| ahead(date.to_str().ok()?, now()));
    let mut body = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        body.extend_from_slice(&part);
        if body.len() > MAX_DOCUMENT {
            break;
        }
    }
    answer.document = serde_json::from_slice(&body).ok();
    answer
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// How far a `Date` (RFC 9110 §5.6.7) is ahead of `now`, in seconds.
fn ahead(date: &str, now: i64) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, date) = date.split_once(", ")?;
    let words: Vec<&str> = date.split(' ').collect();
    let [day, month, year, time, "GMT"] = words.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|it| it == month)? + 1;
    let (day, year): (i64, i64) = (day.parse().ok()?, year.parse().ok()?);
    let time: Vec<i64> = time.split(':').filter_map(|it| it.parse().ok()).collect();
    let [hours, minutes, seconds] = time.as_slice() else {
        return None;
    };
    // Days of the proleptic Gregorian calendar, with years that begin in March.
    let month = i64::try_from(month).ok()?;
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds - now)
}

fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(ahead(date, 784_111_777), Some(0));
        assert_eq!(
            ahead("Thu, 29 Feb 2024 00:00:10 GMT", 1_709_164_800),
            Some(10)
        );
        for wrong in ["", "yesterday", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(ahead(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn the_metadata_of_an_oauth_server_is_before_its_path() {
        for (base, expected) in [
            (
                "http://a",
                "http://a/.well-known/oauth-authorization-server",
            ),
            (
                "http://a/b",
                "http://a/.well-known/oauth-authorization-server/b",
            ),
        ] {
            assert_eq!(inserted(base), expected);
        }
    }
}
