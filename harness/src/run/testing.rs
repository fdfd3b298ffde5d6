//! Records for the tests of those who judge them.

use std::time::{Duration, Instant};

use oauth_gauntlet_provider::Endpoint;
use url::Url;

use super::{Accounts, Arrived, Record, Standing, StepRecord, Window};
use crate::scenario::{Act, Browser, Role};
use crate::target::Account;
use crate::transcript::{Entry, Party, Places};
use crate::user_agent::Answer;

const APP: &str = "http://localhost:5000";
const ISSUER: &str = "https://127.0.0.1:9400";

fn account(name: &str) -> Account {
    Account {
        sub: name.to_owned(),
        name: name.to_owned(),
        preferred_username: name.to_owned(),
        email: format!("{name}@example.com"),
    }
}

/// A sign-in of the victim that left the browser like this.
pub(crate) fn sign_in(standing: Standing) -> StepRecord {
    let from = Instant::now();
    let window = Window {
        from,
        to: from + Duration::from_secs(1),
    };
    StepRecord {
        act: Act::SignIn,
        browser: Browser::Victim,
        window,
        arrival: Arrived::Page,
        probe: Window {
            from: window.to,
            to: window.to,
        },
        standing,
        page: String::new(),
        explained: None,
        delivered: None,
        landed: None,
        pushed: None,
        planted: None,
    }
}

/// A run of these steps.
pub(crate) fn record(steps: Vec<StepRecord>) -> Record {
    Record {
        transcript: Vec::new(),
        steps,
        faults: Vec::new(),
        start: None,
        mute_connections: None,
        signatures: None,
        secrets: Vec::new(),
        minted: Vec::new(),
        log: String::new(),
        stored: Vec::new(),
        said: Vec::new(),
        screenshot: None,
        ended: None,
        unclear: None,
        accounts: Accounts {
            victim: account("alice"),
            attacker: account("mallory"),
            namesake: account("norbert"),
            twin: account("tessa"),
        },
        places: Places {
            app: APP.to_owned(),
            honest: ISSUER.to_owned(),
            attacker: format!("{ISSUER}/attacker"),
        },
        client_id: "rp".to_owned(),
        second_client_id: "rp2".to_owned(),
        mark: "mark".to_owned(),
        now: 0,
    }
}

impl Record {
    /// The browser asks for authorization with this query, during the last step.
    pub(crate) fn authorize(&mut self, query: &str) {
        let browser = Party::Browser(Browser::Victim);
        let url = format!("{ISSUER}/authorize?response_type=code&{query}");
        self.enter(browser, Endpoint::Authorize, &url, None, 302);
    }

    /// The client sends this form to the token endpoint, during the last step, and is answered so.
    pub(crate) fn token(&mut self, form: &str, status: u16) {
        let url = format!("{ISSUER}/token");
        self.enter(Party::App, Endpoint::Token, &url, Some(form), status);
    }

    fn enter(&mut self, from: Party, to: Endpoint, url: &str, form: Option<&str>, status: u16) {
        let started = (self.steps.last()).map_or_else(Instant::now, |step| step.window.from);
        let answer = Answer::Page {
            status,
            headers: Vec::new(),
            body: String::new(),
        };
        let parties = (from, Party::Provider(Role::Honest));
        let method = if form.is_some() { "POST" } else { "GET" };
        let url = Url::parse(url).expect("a URL of this test");
        self.transcript.push(Entry {
            number: self.transcript.len() + 1,
            endpoint: Some(to),
            form: form.map(str::to_owned),
            ..Entry::plain(parties, (started, started), method, url, answer)
        });
    }
}
