//! The browser as a window of a real one, and what tabs of one browser share, real or played.

use super::{Arrival, Halts, Jar, Request, Seen, UserAgent};
use crate::chromium::{Manners, Window};

impl UserAgent {
    pub(super) async fn open_in_window(
        &mut self,
        request: &Request,
        halts: &Halts,
    ) -> Result<(Vec<Seen>, Arrival), String> {
        let manners = Manners {
            issuer_origin: self.issuer_origin.clone(),
            issuer_headers: self.for_issuers().collect(),
            headers: self.headers.clone(),
            no_cookies: self.jar.is_blocked(),
            issuers_trickle: self.issuers_trickle,
        };
        let time_limit = self.time_limit;
        let window = self.own_window().await?;
        let window = window.ok_or("there is no browser")?;
        window.open(manners, request, halts, time_limit).await
    }

    async fn own_window(&mut self) -> Result<Option<&Window>, String> {
        if let (Some(chromium), None) = (&self.chromium, &self.window) {
            self.window = Some(chromium.window().await?);
        }
        Ok(self.window.as_ref())
    }

    /// Another tab of the same browser.
    pub async fn another_tab(&mut self) -> Self {
        let tab = self.try_another_tab().await;
        Self {
            window: self.noted(tab),
            ..self.clone()
        }
    }

    async fn try_another_tab(&mut self) -> Result<Option<Window>, String> {
        match self.own_window().await? {
            Some(window) => window.another_tab().await.map(Some),
            None => Ok(None),
        }
    }

    /// The cookies that the browser has.
    pub async fn cookies(&mut self) -> Jar {
        let Some(window) = &self.window else {
            return self.jar.clone();
        };
        let jar = window.cookies().await;
        self.noted(jar)
    }

    /// Puts other cookies in the place of those that the browser has.
    pub async fn set_cookies(&mut self, jar: Jar) {
        let done = self.try_set_cookies(&jar).await;
        self.noted(done);
        self.jar = jar;
    }

    /// What the browser did; nothing, where it failed, which is noted.
    fn noted<T: Default>(&mut self, done: Result<T, String>) -> T {
        done.unwrap_or_else(|trouble| {
            self.trouble = Some(trouble);
            T::default()
        })
    }

    async fn try_set_cookies(&mut self, jar: &Jar) -> Result<(), String> {
        match self.own_window().await? {
            Some(window) => window.set_cookies(jar).await,
            None => Ok(()),
        }
    }

    /// Takes in what responses set, in the order in which they came, where several tabs of one
    /// browser had them. A real browser has done so by itself.
    pub fn take_cookies(&mut self, seen: &[Seen]) {
        for seen in seen {
            self.jar.take(&seen.url, &seen.answer);
        }
    }
}
