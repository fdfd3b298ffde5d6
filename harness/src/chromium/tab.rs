//! One tab: what it asked for, what it got, and when it has come to rest.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::sync::Notify;
use url::Url;

use super::{Manners, Said};
use crate::user_agent::{Answer, Halts, Purpose, REDIRECT_LIMIT, Seen};

/// How long a script may take to read an answer that has begun. Where it does not want to read it,
/// the browser never says that it has come to its end.
const UNREAD: Duration = Duration::from_secs(1);

/// A tab, as its events tell of it.
#[derive(Debug)]
pub(super) struct Tab {
    /// Its top-level browsing context.
    pub(super) context: String,
    state: Mutex<State>,
    changed: Notify,
}

/// What is known of a tab.
#[derive(Debug)]
pub(super) struct State {
    pub(super) manners: Manners,
    pub(super) halts: Halts,
    /// Since the last time that they were taken.
    pub(super) flights: Vec<Flight>,
    /// The page that it stopped before.
    pub(super) stopped: Option<Url>,
    /// Since the last act: how many pages it went to.
    pub(super) pages: usize,
    /// A page is on its way, or is not all there.
    pub(super) loading: bool,
    /// Why a navigation came to nothing.
    pub(super) failed: Option<String>,
    /// When something happened last.
    pub(super) touched: Instant,
    pub(super) said: Vec<Said>,
}

/// A request, and what became of it.
#[derive(Debug)]
pub(super) struct Flight {
    /// The browser's name for it; redirects keep it.
    pub(super) id: String,
    /// How many redirects came before.
    pub(super) hop: u64,
    pub(super) started: Instant,
    pub(super) ended: Option<Instant>,
    pub(super) method: Method,
    pub(super) url: Url,
    /// What it is for; none, where it belongs in no transcript.
    pub(super) purpose: Option<Purpose>,
    /// It goes on for as long as the page lives, as a stream of events does.
    pub(super) endless: bool,
    /// When its answer began.
    pub(super) begun: Option<Instant>,
    /// Its answer may stay unread once it has begun.
    pub(super) may_stay_unread: bool,
    /// Its body is still being fetched.
    pub(super) body_is_due: bool,
    pub(super) form: Option<String>,
    pub(super) cookies: Vec<(String, String)>,
    pub(super) referer: Option<String>,
    pub(super) answer: Option<Answer>,
}

impl Flight {
    /// Until when the page may be waiting for it; none, where it does not.
    fn is_in_the_air(&self, deadline: Instant) -> Option<Instant> {
        if self.endless || (self.answer.is_some() && !self.body_is_due) {
            return None;
        }
        let begun = self.begun.filter(|_| self.may_stay_unread);
        Some(begun.map_or(deadline, |begun| begun + UNREAD))
    }

    fn seen(self, now: Instant) -> Option<Seen> {
        Some(Seen {
            started: self.started,
            ended: self.ended.unwrap_or(now),
            method: self.method,
            url: self.url,
            form: self.form,
            cookies: self.cookies,
            answer: self.answer.unwrap_or(Answer::TimedOut),
            purpose: self.purpose?,
            left_for: None,
            made: None,
            referer: self.referer,
        })
    }
}

/// How a tab came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing happens any more.
    Quiet,
    /// Before a page that it was told not to open.
    Stopped(Url),
    /// It goes from page to page and does not end.
    Loop,
    /// The time is over, and something is still on its way.
    Late,
}

impl Tab {
    pub(super) fn new(context: String) -> Self {
        Self {
            context,
            state: Mutex::new(State {
                manners: Manners::default(),
                halts: Halts::default(),
                flights: Vec::new(),
                stopped: None,
                pages: 0,
                loading: false,
                failed: None,
                touched: Instant::now(),
                said: Vec::new(),
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, and wakes who waits for that.
    pub(super) fn touch<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        state.touched = Instant::now();
        let changed = change(&mut state);
        drop(state);
        self.changed.notify_one();
        changed
    }

    /// Begins an act. What went on until now is taken and told apart.
    pub(super) fn begin(&self, manners: Manners, halts: Halts, loading: bool) -> Vec<Seen> {
        let before = self.take();
        self.touch(|state| {
            state.manners = manners;
            state.halts = halts;
            state.stopped = None;
            state.pages = 0;
            state.loading = loading;
            state.failed = None;
        });
        before
    }

    /// What was asked for since the last time.
    pub(super) fn take(&self) -> Vec<Seen> {
        let flights = std::mem::take(&mut self.state().flights);
        let now = Instant::now();
        let seen = flights.into_iter().filter_map(|flight| flight.seen(now));
        seen.collect()
    }

    /// Waits until nothing has happened for a while.
    pub(super) async fn rest(&self, settle: Duration, deadline: Instant) -> Rest {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let wait = {
                let state = self.state();
                if let Some(url) = &state.stopped {
                    return Rest::Stopped(url.clone());
                }
                if state.pages > REDIRECT_LIMIT {
                    return Rest::Loop;
                }
                let flights = state.flights.iter();
                let waits = flights.filter_map(|flight| flight.is_in_the_air(deadline));
                let loads = state.loading.then_some(deadline);
                let until = waits.chain(loads).chain([state.touched + settle]).max();
                let until = until.unwrap_or(deadline);
                if now >= deadline && until >= deadline {
                    return Rest::Late;
                }
                if now >= until {
                    return Rest::Quiet;
                }
                until.min(deadline)
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wait.into()) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(url: &str) -> Flight {
        Flight {
            id: "1".to_owned(),
            hop: 0,
            started: Instant::now(),
            ended: None,
            method: Method::GET,
            url: Url::parse(url).expect("a URL of this test"),
            purpose: Some(Purpose::Page),
            endless: false,
            begun: None,
            may_stay_unread: false,
            body_is_due: false,
            form: None,
            cookies: Vec::new(),
            referer: None,
            answer: None,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(30)
    }

    #[tokio::test]
    async fn a_tab_rests_when_nothing_is_on_its_way() {
        let tab = Tab::new("1".to_owned());
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Quiet);
        tab.touch(|state| state.flights.push(flight("http://a.test/")));
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Late);
        // A page is read; what a script asks for need not be.
        tab.touch(|state| state.flights[0].begun = Instant::now().checked_sub(UNREAD));
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Late);
        tab.touch(|state| state.flights[0].may_stay_unread = true);
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Quiet);
        tab.touch(|state| state.flights[0].begun = None);
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Late);
        tab.touch(|state| state.flights[0].endless = true);
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Quiet);
    }

    #[tokio::test]
    async fn a_page_that_never_ends_to_lead_on_is_a_loop() {
        let tab = Tab::new("1".to_owned());
        tab.touch(|state| state.pages = REDIRECT_LIMIT + 1);
        assert_eq!(tab.rest(Duration::ZERO, soon()).await, Rest::Loop);
    }

    #[test]
    fn what_was_never_answered_is_told_as_that() {
        let tab = Tab::new("1".to_owned());
        tab.touch(|state| state.flights.push(flight("http://a.test/")));
        let seen = tab.take();
        assert!(matches!(seen[0].answer, Answer::TimedOut));
        assert!(tab.take().is_empty());
    }
}
