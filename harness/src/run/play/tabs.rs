//! Several tabs of one browser, or two browsers, that do the same at the same time.

use super::{Acted, RunError, Stage};
use crate::run::Arrived;
use crate::scenario::{Browser, Step};
use crate::user_agent::{Arrival, Halts, Request, Seen};

impl Stage<'_> {
    /// Opens the protected page in four tabs at once. Cookies are those of the browser, which takes
    /// what each response sets in the order in which they came.
    pub(super) async fn visit_together(&mut self, browser: Browser) -> Result<Arrived, RunError> {
        let page = self.page(&self.target.app.protected)?;
        let agent = &mut self.actor(browser).agent;
        let leaves = agent.leaves();
        let request = || Request::get(page.clone());
        let mut tabs = Vec::new();
        for _ in 0..4 {
            tabs.push((agent.another_tab().await, Vec::<Seen>::new()));
        }
        let Ok([one, two, three, four]) = tabs.get_disjoint_mut([0, 1, 2, 3]) else {
            return Ok(Arrived::Nowhere);
        };
        let arrivals = tokio::join!(
            one.0.open(request(), &mut one.1, &leaves),
            two.0.open(request(), &mut two.1, &leaves),
            three.0.open(request(), &mut three.1, &leaves),
            four.0.open(request(), &mut four.1, &leaves),
        );
        let mut seen: Vec<Seen> = tabs.into_iter().flat_map(|tab| tab.1).collect();
        seen.sort_by_key(|seen| seen.ended);
        self.actor(browser).agent.take_cookies(&seen);
        self.saw(browser, seen, false);
        let arrivals = [arrivals.0, arrivals.1, arrivals.2, arrivals.3];
        Ok(
            if (arrivals.iter()).any(|it| matches!(it, Arrival::TimedOut | Arrival::Broken)) {
                Arrived::Broken
            } else if arrivals.iter().any(|it| matches!(it, Arrival::Loop)) {
                Arrived::Loop
            } else {
                Arrived::Page
            },
        )
    }
    /// Victim and attacker sign in at the same moment, each in a browser of their own.
    pub(super) async fn sign_in_together(&mut self, step: &Step) -> Result<Acted, RunError> {
        let mut requests = Vec::new();
        for browser in [Browser::Victim, Browser::Attacker] {
            let step = Step {
                browser,
                ..step.clone()
            };
            self.sign_in_as(&step);
            let login = self.login(step.issuer)?;
            requests.push(self.request(browser, &login, false).await?);
        }
        let Ok([own, other]) = <[Request; 2]>::try_from(requests) else {
            return Ok(Acted::at(Arrived::Nowhere));
        };
        let halts = Halts {
            home: Some(self.home()?),
            ..Halts::default()
        };
        let (mut seen, mut others) = (Vec::new(), Vec::new());
        let (arrival, _) = tokio::join!(
            self.victim.agent.open(own, &mut seen, &halts),
            self.attacker.agent.open(other, &mut others, &halts),
        );
        let arrived = self.remember(step, arrival, &seen, false);
        self.saw(Browser::Victim, seen, false);
        self.saw(Browser::Attacker, others, false);
        Ok(Acted::at(arrived))
    }
}
