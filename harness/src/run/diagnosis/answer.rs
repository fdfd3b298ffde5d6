//! From the authorization endpoint back to the client.

use oauth_gauntlet_provider::Endpoint;
use url::Url;

use super::{Case, Change};
use crate::run::{Arrived, SetupError};
use crate::scenario::Capability;
use crate::target::{Reach, SourceText};
use crate::transcript::{Entry, Party, Redactor};

impl Case<'_> {
    /// The issuer did not take the authorization request.
    pub(super) fn request_refused(&self) -> Option<SetupError> {
        let asked = self.authorization_request()?;
        asked.answer.status().filter(|status| *status >= 400)?;
        let seen = asked.query("client_id").unwrap_or_default();
        if seen != self.record.client_id {
            return Some(self.other_client(&seen));
        }
        let callback = &self.target.app.callback;
        let redirect_uri = asked.query("redirect_uri").unwrap_or_default();
        let declared = format!("{}{callback}", self.record.places.app);
        if redirect_uri == declared {
            let change = self.handed("client_id", "see which of its parameters the issuer minds");
            return Some(self.error(
                "the issuer refused the client's authorization request",
                asked.violations.clone(),
                change,
            ));
        }
        let more = vec![
            format!("seen      redirect_uri={redirect_uri}"),
            format!("declared  {declared}"),
        ];
        Some(self.error(
            "the client asked to be sent back to an address that is not declared",
            more,
            self.other_redirect_uri(&redirect_uri),
        ))
    }

    /// The client took itself for another one.
    fn other_client(&self, seen: &str) -> SetupError {
        let expected = &self.record.client_id;
        let more = vec![
            format!("seen      client_id={seen}"),
            format!("expected  client_id={expected}"),
        ];
        let title = match seen {
            "" | "None" | "undefined" | "null" => {
                "the client asked without its client identifier".to_owned()
            }
            seen => format!("the client calls itself `{seen}`, which is not what it was given"),
        };
        let change = if self.attached() {
            let advice = format!("write client-id = \"{seen}\", or change the app");
            self.at(&["attach", "client-id"], "", advice)
        } else {
            self.handed(
                "client_id",
                "write {client_id} under the name that the client reads, such as OIDC_CLIENT_ID \
                 = \"{client_id}\" in [start.env]",
            )
        };
        self.error(title, more, change)
    }

    fn other_redirect_uri(&self, redirect_uri: &str) -> Change {
        let app = &self.record.places.app;
        let (Ok(seen), Ok(ours)) = (Url::parse(redirect_uri), Url::parse(app)) else {
            return self.handed("app", "the redirect URI has to be a URL: {app} and a path");
        };
        if seen.origin() == ours.origin() {
            let path = &seen[url::Position::BeforePath..];
            return self.at(
                &["app", "callback"],
                "not the path that the client uses",
                format!("write callback = \"{path}\""),
            );
        }
        let origin = seen.origin().ascii_serialization();
        match &self.target.reach {
            Reach::Attached(_) => self.at(
                &["attach", "app"],
                "not the address that the client uses",
                format!("write app = \"{origin}\""),
            ),
            _ if let Some(change) = self.handed_as_address(&seen) => change,
            _ if seen.port_or_known_default() == ours.port_or_known_default() => self.handed(
                "app",
                format!(
                    "the client takes its address for {origin}, and it is reached at {app}: hand \
                     it over under the name that it reads, such as BASE_URL = \"{{app}}\""
                ),
            ),
            _ => self.handed(
                "app",
                format!(
                    "the client ignores the address that it is given: hand over {{app}} under the \
                     name that it reads, such as BASE_URL = \"{{app}}\" or REDIRECT_URI = \
                     \"{{app}}{}\"",
                    seen.path()
                ),
            ),
        }
    }

    /// The client did not take the authorization response.
    pub(super) fn callback_failed(&self) -> Option<SetupError> {
        let mut pages = self.act.iter().filter(|entry| entry.is_page_of_the_app());
        let last = pages.next_back()?;
        let response = self.act.iter().find(|entry| {
            entry.is_page_of_the_app()
                && (entry.query("code").is_some() || entry.query("error").is_some())
        });
        if let Some(error) = response.and_then(|entry| entry.query("error")) {
            return Some(self.error_response(&error));
        }
        if let Some(refused) = self.token_refused() {
            return Some(self.no_tokens(refused));
        }
        if self.step.arrival == Arrived::TimedOut {
            let limit = humantime::format_duration(self.target.time_limit);
            let title = format!("the clean login took longer than {limit}");
            let advice = "raise `time-limit` if the client is that slow";
            return Some(self.error(title, Vec::new(), self.at(&["time-limit"], "", advice)));
        }
        if let Some((why, change)) = self.given_away() {
            return Some(self.error(why, Vec::new(), change));
        }
        let redeemed = self.has_redeemed();
        if let Some(response) = response
            && !redeemed
        {
            if response.answer.status() == Some(404) {
                return Some(self.no_callback_page(response));
            }
            if let Some(error) = self.lost_cookie(response) {
                return Some(error);
            }
        }
        if self.step.arrival == Arrived::Loop {
            let title = "the clean login leads in a circle of redirects";
            let advice = "does the client keep its session? See where its pages send the browser";
            return Some(self.error(title, Vec::new(), self.at(&["app", "login"], "", advice)));
        }
        let status = last.answer.status().filter(|status| *status >= 400)?;
        if let Some(error) = self.no_id_token(status) {
            return Some(error);
        }
        if let Some(error) = self.astray() {
            return Some(error);
        }
        let title = format!("the client does not finish a clean login: it answers {status}");
        let advice = if redeemed {
            "see its output; it was given tokens"
        } else {
            "see its output; it never asked for tokens"
        };
        Some(self.error(title, Vec::new(), Change::of_the_client(advice)))
    }

    fn has_redeemed(&self) -> bool {
        let mut asked = self.record.transcript.iter();
        asked.any(|it| it.endpoint == Some(Endpoint::Token))
    }

    /// The client called its issuer where that has no endpoint.
    pub(super) fn astray(&self) -> Option<SetupError> {
        let redeemed = self.has_redeemed();
        let nowhere = |it: &&Entry| {
            it.from == Party::App
                && matches!(it.to, Party::Provider(_))
                && it.endpoint == Some(Endpoint::Other)
        };
        let call = self.record.transcript.iter().rev().find(nowhere)?;
        // A script asks with OPTIONS first whether it may (Fetch, CORS protocol).
        let endpoint = match call.method.as_str() {
            "POST" | "OPTIONS" if !redeemed => Endpoint::Token,
            _ if redeemed => Endpoint::Userinfo,
            _ => Endpoint::Metadata,
        };
        let path = call.url.path();
        let title = format!("the client calls {path}, where its issuer has no endpoint");
        Some(self.error(title, Vec::new(), self.path_of_a_vendor(call, endpoint)?))
    }

    fn error_response(&self, error: &str) -> SetupError {
        let asked = self.authorization_request();
        let more = asked.map(|it| it.violations.clone()).unwrap_or_default();
        let title = format!("the issuer answered the authorization request with `{error}`");
        let advice = "the client asks for something that this issuer does not do; see above";
        self.error(title, more, self.handed("issuer", advice))
    }

    fn token_refused(&self) -> Option<&Entry> {
        // Some clients try their credentials in two ways; the last word counts.
        let mut entries = self.record.transcript.iter();
        let last = entries.rfind(|entry| entry.endpoint == Some(Endpoint::Token))?;
        let refused = last.answer.status().is_some_and(|status| status >= 400);
        refused.then_some(last)
    }

    fn no_tokens(&self, refused: &Entry) -> SetupError {
        let redactor = Redactor::of(self.record);
        let mut more = vec![format!(
            "the token endpoint answered {}",
            redactor.text(refused.answer.body())
        )];
        more.extend(refused.violations.iter().map(|it| redactor.text(it)));
        let wrong_client = refused.answer.body().contains("invalid_client");
        let (title, change) = if wrong_client && self.attached() {
            let advice = "write the secret that the app uses, or leave it out for a public client";
            (
                "the token endpoint refused the client: it used another secret",
                self.at(&["attach", "client-secret"], "", advice),
            )
        } else if wrong_client {
            let advice = "write {client_secret} under the name that the client reads, such as \
                          OIDC_CLIENT_SECRET = \"{client_secret}\" in [start.env]";
            (
                "the token endpoint refused the client: it does not have its secret",
                self.handed("client_secret", advice),
            )
        } else {
            (
                "the token endpoint refused the client",
                Change::of_the_client(
                    "the client's own request is at fault: see what the issuer minds, above",
                ),
            )
        };
        self.error(title, more, change)
    }

    /// The client did not ask for the ID token that it cannot do without.
    fn no_id_token(&self, status: u16) -> Option<SetupError> {
        let scope = self.authorization_request()?.query("scope")?;
        let asked = scope.split(' ').any(|it| it == "openid");
        let answered = |it: &Entry| it.answer.status() == Some(200);
        let mut calls = self.record.transcript.iter();
        let given = calls.any(|it| it.endpoint == Some(Endpoint::Token) && answered(it));
        if asked || !given || !self.target.can(Capability::Oidc) {
            return None;
        }
        let title = format!(
            "the client asked for the scope `{scope}`, so it got no ID token, and answers {status}"
        );
        let source = self.target.source.as_ref();
        let handed = source.map(SourceText::handed).unwrap_or_default();
        let change = match handed.iter().find(|it| it.value == scope) {
            Some(handed) => self.over(
                &handed.span,
                "without openid",
                format!("write {} = \"openid {scope}\"", handed.key),
            ),
            None => self.at(
                &["can"],
                "it does not ask for openid",
                "let the client ask for the scope openid as well, or leave \"oidc\" out",
            ),
        };
        Some(self.error(title, Vec::new(), change))
    }

    fn no_callback_page(&self, response: &Entry) -> SetupError {
        let path = response.url.path();
        let title = format!("the client has no page at its own redirect URI: {path} answers 404");
        let advice = "the app asks to be sent back there and does not answer there: does it put a \
                      prefix before its paths?";
        self.error(title, Vec::new(), self.at(&["app", "callback"], "", advice))
    }

    /// The cookies that the client set at the login did not come back with the response.
    fn lost_cookie(&self, response: &Entry) -> Option<SetupError> {
        let before = self.act.iter().take_while(|it| it.number < response.number);
        let set: Vec<(&Url, &str)> = before
            .filter(|entry| entry.is_page_of_the_app())
            .flat_map(|entry| {
                let cookies = entry.answer.headers("set-cookie");
                cookies.map(|cookie| (&entry.url, cookie))
            })
            .collect();
        let returned = |name: &str| response.cookies.iter().any(|(it, _)| it == name);
        let (url, header) = set.iter().find(|(_, cookie)| {
            let name = cookie.split('=').next().unwrap_or_default();
            !returned(name)
        })?;
        let name = header.split('=').next().unwrap_or_default();
        let title = format!(
            "the cookie `{name}` that the client set at the login did not come back with the \
             authorization response"
        );
        let strict = header.to_lowercase().contains("samesite=strict");
        let change = if url.host_str() != response.url.host_str() {
            let advice = format!(
                "it was set by {} and the response goes to {}: the client has to be reached by the \
                 host that its redirect URI has",
                url.host_str().unwrap_or_default(),
                response.url.host_str().unwrap_or_default()
            );
            self.handed("app", advice)
        } else if strict {
            let advice = "it is SameSite=Strict, and the issuer is another site: a login needs Lax";
            self.at(&["app", "callback"], "", advice)
        } else {
            let advice = format!(
                "a browser would not keep or send it: Set-Cookie: {name}=…{}",
                { header.find(';').map_or("", |at| &header[at..]) }
            );
            self.at(&["app", "callback"], "", advice)
        };
        Some(self.error(title, Vec::new(), change))
    }
}
