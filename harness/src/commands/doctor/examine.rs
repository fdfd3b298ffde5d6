//! What the facts mean: which side is wrong, and what to change there.

use std::net::IpAddr;

use serde_json::Value;
use url::{Host, Url};

use super::gather::{Answer, BACK, Endpoint, FRONT, Facts};

/// From how many seconds on clocks that differ are worth a word, and when they are wrong: clients
/// commonly allow a minute or so.
const SKEW_NOTED: i64 = 5;
const SKEW_WRONG: i64 = 60;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Note,
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) about: &'static str,
    pub(super) what: String,
    /// On which side something has to change, and what.
    pub(super) fix: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, about, what.into(), None)
    }

    fn note(about: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Note, about, what.into(), Some(fix.into()))
    }

    fn wrong(about: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Wrong, about, what.into(), Some(fix.into()))
    }

    fn new(verdict: Verdict, about: &'static str, what: String, fix: Option<String>) -> Self {
        Self {
            verdict,
            about,
            what,
            fix,
        }
    }
}

/// Judges what was seen, in the order in which a login meets it.
pub(super) fn examine(facts: &Facts) -> Vec<Finding> {
    let discovery = &facts.discovery;
    let mut findings = vec![found(discovery)];
    let Some(document) = usable(discovery) else {
        return findings;
    };
    findings.push(issuer(facts, document));
    findings.push(browsers(facts));
    findings.push(clients(facts));
    findings.extend(keys(facts));
    findings.extend(authorization(facts));
    findings.push(encryption(facts));
    findings.push(scripts(facts));
    findings.extend(clock(discovery));
    findings
}

fn usable(discovery: &Answer) -> Option<&Value> {
    let document = discovery.document.as_ref()?;
    (discovery.status == 200 && document.is_object()).then_some(document)
}

fn found(discovery: &Answer) -> Finding {
    let url = &discovery.url;
    if let Some(failure) = &discovery.failure {
        let what = format!("{url} cannot be reached from here: {failure}");
        return Finding::wrong("discovery", what, unreachable(url, failure));
    }
    if usable(discovery).is_some() {
        return Finding::ok("discovery", url.clone());
    }
    let what = match discovery.status {
        200 => format!("{url} is no JSON document"),
        status => format!("{url} answered with status {status}"),
    };
    let fix = "client: the issuer is the URL before /.well-known/…, with the path of the tenant or realm and without anything more; provider: a base path (`--base-path`) is part of it";
    Finding::wrong("discovery", what, fix)
}

/// Why a name or a port leads nowhere, as far as that can be told.
fn unreachable(url: &str, failure: &str) -> String {
    let lower = failure.to_ascii_lowercase();
    if lower.contains("certificate") {
        return "client: trust the CA of the provider (`--ca-file` of `serve` writes it, and prints how programs come to trust it); then `doctor --ca-file` as well".to_owned();
    }
    match host_of(url) {
        Some(host) if is_loopback(&host) => "network: in a container, localhost is the container itself; use the service's name there, and start the provider with `--internal-url http://SERVICE:PORT` and `--host 0.0.0.0`. Otherwise: is it running, on this port?".to_owned(),
        Some(host) if lower.contains("dns") || lower.contains("lookup") => format!(
            "network: nobody here knows the name `{}`; run doctor where the client runs, or put both into one network",
            shown(&host)
        ),
        _ => "network: is it running, on this port, and listening beyond its own loopback (`--host 0.0.0.0` in a container)?".to_owned(),
    }
}

fn issuer(facts: &Facts, document: &Value) -> Finding {
    let given = &facts.issuer;
    let Some(said) = document.get("issuer").and_then(Value::as_str) else {
        let fix = "provider: it has to (OIDC Discovery 1.0 §4.2, RFC 8414 §2)";
        return Finding::wrong("issuer", "the document names no issuer", fix);
    };
    if said == given {
        return Finding::ok("issuer", format!("`{said}`, to the letter"));
    }
    let what = format!("the document says `{said}`, and the client would be told `{given}`");
    let client = format!("client: set the issuer to `{said}`");
    let fix = if said.trim_end_matches('/') == given.trim_end_matches('/') {
        format!("{client}; a slash at the end counts")
    } else if same_but_scheme(said, given) {
        format!(
            "{client}, or provider: behind a proxy that ends TLS it needs `--trust-forwarded`, or its URL in `--public-url`"
        )
    } else if facts
        .browser_url
        .as_deref()
        .is_some_and(|url| said.starts_with(url))
    {
        format!(
            "{client}, if clients reach it there; or provider: `--internal-url {given}`, so that it is named as clients call it"
        )
    } else {
        format!(
            "{client}, or provider: `--internal-url {given}` (the mock), KC_HOSTNAME and its like (others)"
        )
    };
    Finding::wrong("issuer", what, fix)
}

fn same_but_scheme(a: &str, b: &str) -> bool {
    let bare = |url: &str| url.split_once("://").map(|(_, rest)| rest.to_owned());
    bare(a) == bare(b)
}

/// What browsers are sent to.
fn browsers(facts: &Facts) -> Finding {
    let front = |endpoint: &&Endpoint| FRONT.contains(&endpoint.name);
    let Some(endpoint) = facts.endpoints.iter().find(front) else {
        let fix = "provider: without an `authorization_endpoint` nobody signs in there";
        return Finding::note("browser side", "the document has no page for browsers", fix);
    };
    let url = &endpoint.answer.url;
    let name = endpoint.name;
    if let Some(browser) = &facts.browser_url {
        let base = browser.trim_end_matches('/');
        let is_below = url
            .strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if !is_below {
            let what = format!("{name} is {url}, and browsers reach the provider at {base}");
            return Finding::wrong(
                "browser side",
                what,
                format!("provider: `--public-url {base}`"),
            );
        }
    } else if let Some(Host::Domain(host)) = host_of(url)
        && !host.contains('.')
        && host != "localhost"
    {
        let what = format!(
            "{name} is {url}: `{host}` is a name that browsers outside the container network do not know"
        );
        let fix = "provider: `--public-url http://localhost:PORT`, with the port that is published";
        return Finding::wrong("browser side", what, fix);
    }
    match &endpoint.answer.failure {
        None if endpoint.answer.status == 404 => Finding::wrong(
            "browser side",
            format!("{name} is {url}, where nothing is (404)"),
            "provider: its public URL or base path is not what it is reached under",
        ),
        None => Finding::ok("browser side", format!("{name} is {url}")),
        Some(_) => Finding::note(
            "browser side",
            format!("{name} is {url}, which cannot be reached from here"),
            "none, if only browsers have to reach it; open it in one to see",
        ),
    }
}

/// What clients call.
fn clients(facts: &Facts) -> Finding {
    let back = |endpoint: &&Endpoint| BACK.contains(&endpoint.name);
    let back: Vec<&Endpoint> = facts.endpoints.iter().filter(back).collect();
    for endpoint in &back {
        let Answer {
            url,
            failure,
            status,
            ..
        } = &endpoint.answer;
        let name = endpoint.name;
        if let Some(failure) = failure {
            let what = format!("{name} is {url}, which cannot be reached from here: {failure}");
            let issuer = facts.issuer.trim_end_matches('/');
            let fix = if host_of(url) == host_of(issuer) {
                unreachable(url, failure)
            } else {
                format!(
                    "provider: `--internal-url {issuer}`, so that clients are told where they reach it"
                )
            };
            return Finding::wrong("client side", what, fix);
        }
        if *status == 404 || *status >= 500 {
            let what = format!("{name} is {url}, which answered with status {status}");
            return Finding::wrong(
                "client side",
                what,
                "provider: it advertises what it does not serve",
            );
        }
    }
    match back.as_slice() {
        [] => Finding::wrong(
            "client side",
            "the document has no endpoint for clients",
            "provider: `token_endpoint` and `jwks_uri` are missing",
        ),
        [first, ..] => Finding::ok(
            "client side",
            format!(
                "{} endpoints answer, such as {}",
                back.len(),
                first.answer.url
            ),
        ),
    }
}

fn answer<'a>(facts: &'a Facts, name: &str) -> Option<&'a Answer> {
    let endpoint = facts.endpoints.iter().find(|it| it.name == name)?;
    Some(&endpoint.answer)
}

fn keys(facts: &Facts) -> Option<Finding> {
    let answer = answer(facts, "jwks_uri").filter(|answer| answer.failure.is_none())?;
    let keys = answer
        .document
        .as_ref()?
        .get("keys")
        .and_then(Value::as_array);
    let Some(keys) = keys else {
        let what = format!("{} is no JWK Set", answer.url);
        return Some(Finding::wrong(
            "keys",
            what,
            "provider: it is JSON with a list `keys` (RFC 7517 §5)",
        ));
    };
    let private = ["d", "p", "q", "k"];
    if keys
        .iter()
        .any(|key| private.iter().any(|member| key.get(member).is_some()))
    {
        let fix = "provider: publish public keys alone, and replace these";
        return Some(Finding::wrong(
            "keys",
            "the key set has private keys in it",
            fix,
        ));
    }
    if keys.is_empty() {
        let fix =
            "provider: no ID token can be verified, unless it is keyed with the client secret";
        return Some(Finding::wrong("keys", "the key set is empty", fix));
    }
    if keys.iter().any(|key| key.get("kty").is_none()) {
        let fix = "provider: every key has a `kty` (RFC 7517 §4.1)";
        return Some(Finding::wrong(
            "keys",
            "a key of the set says not what it is",
            fix,
        ));
    }
    if keys.len() > 1 && keys.iter().any(|key| key.get("kid").is_none()) {
        let fix = "provider: name them, for clients to choose (OIDC Core §10.1)";
        return Some(Finding::note(
            "keys",
            "of several keys some have no `kid`",
            fix,
        ));
    }
    Some(Finding::ok("keys", format!("{} published", keys.len())))
}

fn authorization(facts: &Facts) -> Option<Finding> {
    let answer = facts.authorization.as_ref()?;
    let id = facts.client_id.as_deref().unwrap_or_default();
    if answer.failure.is_some() {
        return None;
    }
    Some(match answer.status {
        200..=399 => Finding::ok(
            "client",
            format!("an authorization request of `{id}` is taken"),
        ),
        status => Finding::wrong(
            "client",
            format!("an authorization request of `{id}` is refused with status {status}"),
            "provider: register this client with the redirect URI to the letter; client: give both to doctor as they are configured (`--client-id`, `--redirect-uri`)",
        ),
    })
}

fn encryption(facts: &Facts) -> Finding {
    let urls = facts.endpoints.iter().map(|it| &it.answer.url);
    let mut plain = urls.filter(|url| url.starts_with("http://"));
    match plain.find(|url| !host_of(url).is_some_and(|host| is_loopback(&host))) {
        None => Finding::ok("encryption", "HTTPS, or loopback"),
        Some(url) => Finding::note(
            "encryption",
            format!("{url} is plain HTTP beyond this machine"),
            "many libraries refuse that unless told otherwise, and secure cookies do not come along; provider: `--tls`",
        ),
    }
}

fn scripts(facts: &Facts) -> Finding {
    let mut closed = Vec::new();
    if !facts.discovery.readable {
        closed.push("discovery");
    }
    for name in ["jwks_uri", "token_endpoint"] {
        if answer(facts, name).is_some_and(|it| it.failure.is_none() && !it.readable) {
            closed.push(name);
        }
    }
    if closed.is_empty() {
        return Finding::ok(
            "scripts",
            "other origins can read discovery, keys and token errors (CORS)",
        );
    }
    Finding::note(
        "scripts",
        format!("other origins cannot read {} (CORS)", closed.join(", ")),
        "provider, if your client runs in the browser: allow its origin, on errors as well",
    )
}

fn clock(discovery: &Answer) -> Option<Finding> {
    let ahead = discovery.ahead?;
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let what = format!(
        "the provider's clock is {} s {way} this machine's",
        ahead.abs()
    );
    let fix =
        "network: set both clocks by one time server; tokens expire early or are not valid yet";
    Some(match ahead.abs() {
        0..SKEW_NOTED => Finding::ok("clock", "within seconds of this machine's"),
        SKEW_NOTED..SKEW_WRONG => Finding::note("clock", what, fix),
        _ => Finding::wrong("clock", what, fix),
    })
}

fn host_of(url: &str) -> Option<Host> {
    Some(Url::parse(url).ok()?.host()?.to_owned())
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

fn shown(host: &Host) -> String {
    host.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn well(url: &str) -> Answer {
        Answer {
            url: url.to_owned(),
            status: 200,
            document: Some(json!({"keys": [{"kty": "RSA", "kid": "1"}]})),
            readable: true,
            ahead: Some(0),
            failure: None,
        }
    }

    /// A provider at `http://provider:9400` that browsers reach at `http://localhost:9400`.
    fn facts() -> Facts {
        let endpoint = |name, url: &str| Endpoint {
            name,
            answer: well(url),
        };
        let document = json!({"issuer": "http://provider:9400"});
        Facts {
            issuer: "http://provider:9400".to_owned(),
            browser_url: Some("http://localhost:9400".to_owned()),
            discovery: Answer {
                document: Some(document),
                ..well("http://provider:9400/.well-known/openid-configuration")
            },
            endpoints: vec![
                endpoint("authorization_endpoint", "http://localhost:9400/authorize"),
                endpoint("token_endpoint", "http://provider:9400/token"),
                endpoint("jwks_uri", "http://provider:9400/jwks"),
            ],
            authorization: None,
            client_id: None,
        }
    }

    /// What is wrong, with the way out.
    fn wrong(facts: &Facts) -> Vec<(&'static str, String)> {
        let findings = examine(facts).into_iter();
        let wrong = findings.filter(|it| it.verdict == Verdict::Wrong);
        wrong
            .map(|it| (it.about, it.fix.unwrap_or_default()))
            .collect()
    }

    #[track_caller]
    fn only(facts: &Facts, about: &str, fix: &str) {
        let wrong = wrong(facts);
        let [(found, said)] = wrong.as_slice() else {
            panic!("{wrong:?}");
        };
        assert_eq!(*found, about);
        assert!(said.contains(fix), "{said}");
    }

    #[test]
    fn both_sides_right_is_nothing_wrong() {
        assert_eq!(wrong(&facts()), []);
    }

    #[test]
    fn an_issuer_is_compared_to_the_letter() {
        let with = |said: &str| {
            let mut facts = facts();
            facts.discovery.document = Some(json!({"issuer": said}));
            facts
        };
        only(
            &with("http://provider:9400/"),
            "issuer",
            "a slash at the end counts",
        );
        only(
            &with("https://provider:9400"),
            "issuer",
            "--trust-forwarded",
        );
        only(
            &with("http://localhost:9400"),
            "issuer",
            "--internal-url http://provider:9400",
        );
    }

    #[test]
    fn browsers_are_sent_to_where_browsers_can_go() {
        let mut facts = facts();
        facts.endpoints[0].answer.url = "http://provider:9400/authorize".to_owned();
        only(&facts, "browser side", "--public-url http://localhost:9400");
        facts.browser_url = None;
        only(&facts, "browser side", "--public-url");
    }

    #[test]
    fn clients_are_told_of_endpoints_that_they_reach() {
        let mut facts = facts();
        facts.endpoints[1].answer = Answer {
            url: "http://localhost:9400/token".to_owned(),
            failure: Some("connection refused".to_owned()),
            ..Answer::default()
        };
        only(&facts, "client side", "--internal-url http://provider:9400");
        facts.endpoints[1].answer = Answer {
            status: 404,
            ..well("http://provider:9400/token")
        };
        only(&facts, "client side", "advertises what it does not serve");
    }

    #[test]
    fn what_cannot_be_reached_is_told_by_its_host() {
        for (url, failure, fix) in [
            (
                "http://localhost:1/x",
                "connection refused",
                "localhost is the container itself",
            ),
            (
                "http://provider:1/x",
                "dns error: failed to lookup address",
                "knows the name `provider`",
            ),
            (
                "https://provider:1/x",
                "invalid peer certificate: UnknownIssuer",
                "trust the CA",
            ),
        ] {
            let mut facts = facts();
            facts.discovery = Answer {
                url: url.to_owned(),
                failure: Some(failure.to_owned()),
                ..Answer::default()
            };
            only(&facts, "discovery", fix);
        }
    }

    #[test]
    fn keys_and_clocks_are_looked_at() {
        let with_keys = |keys: Value| {
            let mut facts = facts();
            facts.endpoints[2].answer.document = Some(keys);
            facts
        };
        only(
            &with_keys(json!({"keys": []})),
            "keys",
            "no ID token can be verified",
        );
        only(&with_keys(json!({})), "keys", "RFC 7517");
        only(
            &with_keys(json!({"keys": [{"kty": "RSA", "d": "x"}]})),
            "keys",
            "public keys alone",
        );
        let mut late = facts();
        late.discovery.ahead = Some(-3_600);
        only(&late, "clock", "time server");
    }
}
