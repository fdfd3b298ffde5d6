//! Opening pages: where a browser stops, what it keeps of what it saw, and the requests that are
//! more than a link.

use oauth_gauntlet_provider::{Endpoint, Exchange};
use tokio::sync::Notify;
use url::{Url, form_urlencoded};

use super::{Acted, RunError, Stage};
use crate::run::Arrived;
use crate::scenario::{Browser, Role, Step};
use crate::target::Values;
use crate::transcript::Sighting;
use crate::user_agent::{Arrival, Halts, Request, Seen, is_authorization_response, last_page};

impl Stage<'_> {
    /// Opens a page to the end, or to the first URL that it is to stop at. Pages of other sites are
    /// not opened.
    pub(super) async fn navigate(
        &mut self,
        step: &Step,
        request: Request,
        until: Halts,
    ) -> Result<Acted, RunError> {
        let halts = Halts {
            home: Some(self.home()?),
            ..until
        };
        let mut seen = Vec::new();
        let actor = self.actor(step.browser);
        let arrival = actor.agent.open(request, &mut seen, &halts).await;
        let stopped = matches!(&arrival, Arrival::Stopped(next) if halts.wanted(next));
        let arrived = self.remember(step, arrival, &seen, stopped);
        let landed = match arrived {
            Arrived::Page => last_page(&seen).map(|seen| seen.shown_at().clone()),
            _ => None,
        };
        self.saw(step.browser, seen, false);
        Ok(Acted {
            landed,
            ..Acted::at(arrived)
        })
    }

    /// The same request twice, as of a double click. The second comes as soon as the client has sent
    /// the code for the first, or has answered it: what it does then does not hang on who is faster.
    pub(super) async fn open_twice(
        &mut self,
        step: &Step,
        request: Request,
        code: Option<&str>,
    ) -> Result<Acted, RunError> {
        let journal = self.instance.issuer(step.issuer).journal().clone();
        let sent = journal.wait_for(|exchange| redeems(exchange, code), self.target.time_limit);
        let answered = Notify::new();
        let actor = self.actor(step.browser);
        let mut other = actor.agent.another_tab().await;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let before = actor.agent.jar.clone();
        let end = Halts::default();
        let one = async {
            let arrival = actor.agent.open(request.clone(), &mut first, &end).await;
            answered.notify_one();
            arrival
        };
        let another = async {
            tokio::select! {
                _ = sent => {}
                () = answered.notified() => {}
            }
            other.open(request.clone(), &mut second, &end).await
        };
        let (arrival, _) = tokio::join!(one, another);
        let mut seen: Vec<Seen> = first.into_iter().chain(second).collect();
        seen.sort_by_key(|exchange| exchange.ended);
        actor.agent.jar = before;
        actor.agent.take_cookies(&seen);
        let arrived = self.remember(step, arrival, &seen, false);
        self.saw(step.browser, seen, false);
        Ok(Acted::at(arrived))
    }

    /// Keeps what a browser came across, and says how its navigation ended.
    pub(super) fn remember(
        &mut self,
        step: &Step,
        arrival: Arrival,
        seen: &[Seen],
        stopped: bool,
    ) -> Arrived {
        let app = self.instance.app.clone();
        let actor = self.actor(step.browser);
        for exchange in seen {
            if is_authorization_response(&exchange.url, &app) {
                actor.opened = Some(exchange.url.clone());
            }
            let named = |wanted: &str| {
                let mut pairs = exchange.url.query_pairs();
                let found = pairs.find(|(name, _)| name == wanted);
                found.map(|(_, value)| value.into_owned())
            };
            // What the issuer turns away leads nobody anywhere.
            let refused = (exchange.answer.status()).is_some_and(|status| status >= 400);
            if let (Some(redirect_uri), false) = (named("redirect_uri"), refused) {
                actor.redirect_uri = Some(redirect_uri);
                actor.nonce = named("nonce");
            }
        }
        match arrival {
            Arrival::Page => Arrived::Page,
            Arrival::Stopped(url) if !stopped => Arrived::Elsewhere(url.to_string()),
            Arrival::Stopped(url) => {
                if is_authorization_response(&url, &app) {
                    actor.held.push((step.issuer, url));
                }
                Arrived::Held
            }
            Arrival::Loop => Arrived::Loop,
            Arrival::Astray(location) => Arrived::Astray(location),
            Arrival::TimedOut => Arrived::TimedOut,
            Arrival::Broken => Arrived::Broken,
        }
    }

    /// Stops before a new login: a client whose start page asks to sign in would be signed in again
    /// at once, by an issuer that asks nobody.
    pub(super) fn before_logins(&self, step: &Step) -> Halts {
        Halts {
            logins: self.instance.issuer(step.issuer).authorization_endpoints(),
            ..Halts::default()
        }
    }

    /// The hosts of the client and of the issuers.
    pub(super) fn home(&self) -> Result<Vec<String>, RunError> {
        let mut hosts = Vec::new();
        let issuers = [Role::Honest, Role::Attacker].map(|role| self.instance.issuer(role).url());
        for base in issuers.into_iter().chain([self.instance.app.as_str()]) {
            let url = Url::parse(base).map_err(|_| RunError::Unsaid("where the client is"))?;
            hosts.extend(url.host_str().map(str::to_owned));
        }
        Ok(hosts)
    }

    /// The page that starts a login which ends at `target`.
    pub(super) fn login_with_return(&self, target: &str) -> Result<Url, RunError> {
        let place = self
            .target
            .app
            .return_to
            .as_ref()
            .ok_or(RunError::Unsaid("`return-to` in [app]"))?;
        let target = self.values().fill(target);
        let mut values = Values::default();
        if self.target.app.returns_to_paths_alone() {
            values.set("target", target);
        } else {
            let encoded: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
            values.set("target", encoded);
        }
        self.page(&values.fill(place))
    }

    /// A page with parameters added to its query.
    pub(super) fn with_parameters(&self, mut page: Url, with: &[(String, String)]) -> Url {
        if !with.is_empty() {
            let values = self.values();
            let pairs = with.iter().map(|(name, value)| (name, values.fill(value)));
            page.query_pairs_mut().extend_pairs(pairs);
        }
        page
    }

    pub(super) fn saw(&mut self, browser: Browser, seen: Vec<Seen>, crafted: bool) {
        let sightings = seen.into_iter().map(|seen| Sighting {
            browser,
            crafted,
            seen,
        });
        self.sightings.extend(sightings);
    }

    /// The request that signs out.
    pub(super) async fn sign_out(
        &mut self,
        step: &Step,
        by_url: bool,
    ) -> Result<Request, RunError> {
        let logout = self.target.app.logout.clone();
        let request = self.request(step.browser, &logout, by_url).await?;
        Ok(Request {
            url: self.with_parameters(request.url, &step.with),
            ..request
        })
    }
}

/// Whether somebody redeems the code here.
fn redeems(exchange: &Exchange, code: Option<&str>) -> bool {
    let form = form_urlencoded::parse(exchange.request.body.as_bytes());
    exchange.endpoint == Endpoint::Token
        && form
            .into_iter()
            .any(|(name, value)| name == "code" && Some(&*value) == code)
}
