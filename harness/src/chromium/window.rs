//! A window: one browser of its own to whoever sits before it, with its tabs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::bidi::BiDi;
use url::Url;

use super::cookies::{jar, told};
use super::driver::Running;
use super::tab::{Rest, Tab};
use super::{Manners, Said, Stored};
use crate::user_agent::{
    Answer, Arrival, Clickable, Halts, Jar, PAGE_LIMIT, Purpose, Request, Seen,
};

/// A tab of a browser of its own.
#[derive(Debug, Clone)]
pub struct Window {
    profile: Arc<Profile>,
    tab: Arc<Tab>,
}

/// What tabs share: cookies and storage. In `BiDi`, a user context.
#[derive(Debug)]
struct Profile {
    running: Arc<Running>,
    id: String,
}

impl Drop for Profile {
    fn drop(&mut self) {
        let (running, id) = (Arc::clone(&self.running), std::mem::take(&mut self.id));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let gone = json!({ "userContext": id });
                // Where the browser is gone, so is this.
                drop(
                    running
                        .bidi
                        .send_raw("browser.removeUserContext", gone)
                        .await,
                );
            });
        }
    }
}

impl Window {
    pub(super) async fn new(running: Arc<Running>) -> Result<Self, String> {
        let made = send(&running.bidi, "browser.createUserContext", json!({})).await?;
        let id = made["userContext"].as_str().unwrap_or_default().to_owned();
        let profile = Arc::new(Profile { running, id });
        Self::tab_of(profile).await
    }

    async fn tab_of(profile: Arc<Profile>) -> Result<Self, String> {
        let wanted = json!({ "type": "tab", "userContext": profile.id });
        let made = send(&profile.running.bidi, "browsingContext.create", wanted).await?;
        let context = made["context"].as_str().unwrap_or_default();
        let tab = profile.running.tabs.add(context);
        Ok(Self { profile, tab })
    }

    /// Another tab of the same browser.
    ///
    /// # Errors
    /// Where the browser fails.
    pub async fn another_tab(&self) -> Result<Self, String> {
        Self::tab_of(Arc::clone(&self.profile)).await
    }

    /// Opens a page, and waits until it has come to rest, scripts and all.
    ///
    /// # Errors
    /// Where the browser fails.
    pub async fn open(
        &self,
        manners: Manners,
        request: &Request,
        halts: &Halts,
        time_limit: Duration,
    ) -> Result<(Vec<Seen>, Arrival), String> {
        let deadline = Instant::now() + time_limit;
        let stays = self.stays(request).await;
        let typed = !stays && !request.cross_site && request.method != Method::POST;
        // To type a URL ends what went on, unless it differs from the last in its fragment alone.
        if !stays && (!typed || request.url.fragment().is_some()) {
            self.blank().await?;
        }
        if manners.no_cookies {
            self.set_cookies(&Jar::default()).await?;
        }
        let no_cookies = manners.no_cookies;
        let loading = request.click.is_none();
        let mut seen = self.tab.begin(manners, halts.clone(), loading);
        let before = seen.len();
        if typed {
            self.type_in(&request.url);
        } else {
            self.run(&script(request)).await?;
            self.tab.touch(|_| ());
        }
        let rest = self.come_to_rest(deadline).await;
        seen.extend(self.tab.take());
        lead_on(&mut seen[before..]);
        let failed = self.tab.state().failed.clone();
        let arrival = arrival(&seen[before..], rest, failed);
        if matches!(arrival, Arrival::Page | Arrival::TimedOut) {
            self.read(&mut seen[before..]).await;
        }
        if no_cookies {
            self.set_cookies(&Jar::default()).await?;
        }
        Ok((seen, arrival))
    }

    /// Whether an act happens on the page that is open: a click, or a form of its own site.
    async fn stays(&self, request: &Request) -> bool {
        if request.click.is_some() {
            return true;
        }
        if request.method != Method::POST || request.cross_site {
            return false;
        }
        let here = self.run("location.origin").await.unwrap_or_default();
        here == request.url.origin().ascii_serialization().as_str()
    }

    /// An empty page, so that nothing of the last one goes on, and whatever comes next comes from
    /// another site.
    async fn blank(&self) -> Result<(), String> {
        let wanted = json!({
            "context": self.tab.context, "url": "about:blank", "wait": "complete",
        });
        navigate(self.bidi(), wanted).await
    }

    /// As if somebody typed a URL. Events tell what comes of it; what they do not tell is why
    /// nothing does.
    fn type_in(&self, url: &Url) {
        let wanted = json!({
            "context": self.tab.context, "url": url.as_str(), "wait": "none",
        });
        let (bidi, tab) = (self.bidi().clone(), Arc::clone(&self.tab));
        tokio::spawn(async move {
            if let Err(reason) = navigate(&bidi, wanted).await {
                tab.touch(|state| {
                    if state.flights.is_empty() {
                        state.loading = false;
                    }
                    state.failed.get_or_insert(reason);
                });
            }
        });
    }

    async fn come_to_rest(&self, deadline: Instant) -> Rest {
        let settle = self.profile.running.settle;
        loop {
            let rest = self.tab.rest(settle, deadline).await;
            if rest != Rest::Quiet {
                return rest;
            }
            // Nothing is on its way; what the page still computes may send something off.
            let before = self.tab.state().touched;
            let idle = "new Promise(done => requestIdleCallback(() => setTimeout(done, 0), \
                        { timeout: 2000 }))";
            let left = deadline.saturating_duration_since(Instant::now());
            drop(tokio::time::timeout(left, self.run(idle)).await);
            if self.tab.state().touched == before {
                return Rest::Quiet;
            }
        }
    }

    /// Reads what scripts made of the page, and the address that it stands under by now.
    async fn read(&self, seen: &mut [Seen]) {
        let shown = "[location.href, document.documentElement ? \
                     document.documentElement.outerHTML : ''].join('\\n')";
        let Ok(shown) = self.run(shown).await else {
            return;
        };
        let shown = shown.as_str().unwrap_or_default();
        let Some((address, html)) = shown.split_once('\n') else {
            return;
        };
        let pages = seen.iter_mut().filter(|it| it.purpose == Purpose::Page);
        let Some(last) = pages.last() else { return };
        let kind = last.answer.header("content-type");
        if kind.is_some_and(|kind| kind.contains("html")) {
            last.made = Some(html.chars().take(PAGE_LIMIT).collect());
        }
        let address = Url::parse(address).ok();
        last.left_for = address.filter(|it| *it != last.url && it.scheme().starts_with("http"));
    }

    /// The cookies that the browser has.
    ///
    /// # Errors
    /// Where the browser fails.
    pub async fn cookies(&self) -> Result<Jar, String> {
        let wanted = json!({ "partition": self.partition() });
        let told = send(self.bidi(), "storage.getCookies", wanted).await?;
        Ok(jar(&told["cookies"]))
    }

    /// Puts other cookies in their place.
    ///
    /// # Errors
    /// Where the browser fails.
    pub async fn set_cookies(&self, jar: &Jar) -> Result<(), String> {
        let all = json!({ "partition": self.partition() });
        send(self.bidi(), "storage.deleteCookies", all).await?;
        for cookie in jar.iter() {
            let one = json!({ "cookie": told(cookie), "partition": self.partition() });
            send(self.bidi(), "storage.setCookie", one).await?;
        }
        Ok(())
    }

    /// What the page keeps in the browser.
    pub async fn stored(&self) -> Vec<Stored> {
        let all = "JSON.stringify([localStorage, sessionStorage].map(store => \
                   Object.entries(store)))";
        // A page without an origin has no storage, and says so by an exception.
        let told = self.run(all).await.unwrap_or_default();
        let told = told.as_str().unwrap_or("[[], []]");
        let [local, session]: [Vec<(String, String)>; 2] =
            serde_json::from_str(told).unwrap_or_default();
        let of = |place, pairs: Vec<(String, String)>| {
            let pairs = pairs.into_iter();
            pairs.map(move |(key, value)| Stored { place, key, value })
        };
        of("localStorage", local)
            .chain(of("sessionStorage", session))
            .collect()
    }

    /// What pages said on the console since the last time.
    pub fn said(&self) -> Vec<Said> {
        std::mem::take(&mut self.tab.state().said)
    }

    /// What the window shows, as a PNG.
    pub async fn screenshot(&self) -> Option<Vec<u8>> {
        let wanted = json!({ "context": self.tab.context });
        let taken = send(self.bidi(), "browsingContext.captureScreenshot", wanted).await;
        STANDARD.decode(taken.ok()?["data"].as_str()?).ok()
    }

    /// Runs a script beside those of the page, which see nothing of it; what it comes to, where
    /// that is a text.
    async fn run(&self, expression: &str) -> Result<Value, String> {
        let wanted = json!({
            "expression": expression,
            "target": { "context": self.tab.context, "sandbox": "gauntlet" },
            "awaitPromise": true,
            "userActivation": true,
        });
        let done = send(self.bidi(), "script.evaluate", wanted).await?;
        if done["type"] == "exception" {
            let text = done["exceptionDetails"]["text"].as_str();
            return Err(text.unwrap_or("an exception").to_owned());
        }
        Ok(done["result"]["value"].clone())
    }

    fn partition(&self) -> Value {
        json!({ "type": "storageKey", "userContext": self.profile.id })
    }

    fn bidi(&self) -> &BiDi {
        &self.profile.running.bidi
    }
}

/// Navigates, also where the page goes somewhere by itself at the same moment.
async fn navigate(bidi: &BiDi, wanted: Value) -> Result<(), String> {
    let mut tries = 0;
    loop {
        let done = send(bidi, "browsingContext.navigate", wanted.clone()).await;
        let crossed = |reason: &String| {
            reason.contains("concurrent navigation") || reason.contains("ERR_ABORTED")
        };
        match done {
            Err(reason) if crossed(&reason) && tries < 5 => tries += 1,
            done => return done.map(drop),
        }
    }
}

async fn send(bidi: &BiDi, method: &str, command: Value) -> Result<Value, String> {
    let sent = tokio::time::timeout(Duration::from_secs(20), bidi.send_raw(method, command)).await;
    let answered = sent.map_err(|_| format!("{method} got no answer"))?;
    answered.map_err(|error| format!("{method}: {}", error.message))
}

/// What a page does to bring a request about: a link, a form, a click.
fn script(request: &Request) -> String {
    if let Some(click) = &request.click {
        return clicks(click);
    }
    let url = json!(request.url.as_str());
    if request.method != Method::POST {
        return format!("void (location.href = {url})");
    }
    let form = request.form.as_deref().unwrap_or_default();
    let fields: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    format!(
        "(() => {{ const form = document.createElement('form'); form.method = 'post'; \
         form.action = {url}; for (const [name, value] of {fields}) {{ \
         const field = document.createElement('input'); field.type = 'hidden'; \
         field.name = name; field.value = value; form.append(field); }} \
         (document.body || document.documentElement).append(form); \
         HTMLFormElement.prototype.submit.call(form); }})()",
        fields = json!(fields)
    )
}

fn clicks(on: &Clickable) -> String {
    let (find, what) = match on {
        Clickable::Css(css) => (format!("document.querySelector({})", json!(css)), css),
        Clickable::Text(text) => {
            let wanted = json!(text.to_lowercase());
            let all = "[...document.querySelectorAll('a[href], button, [role=button], \
                       input[type=submit], input[type=button], input[type=image]')]";
            let words = "(it.innerText || it.value || it.ariaLabel || it.title || '')\
                         .trim().toLowerCase()";
            let find = format!(
                "({all}.find(it => {words} === {wanted}) || \
                 {all}.find(it => {words}.includes({wanted})))"
            );
            (find, text)
        }
    };
    let missing = json!(format!("nothing on the page fits `{what}`"));
    format!(
        "(() => {{ const it = {find}; if (!it) throw new Error({missing}); \
         it.scrollIntoView(); it.click(); }})()"
    )
}

/// Says of each page that the browser went through by itself where it went from there.
fn lead_on(seen: &mut [Seen]) {
    let mut next: Option<Url> = None;
    for page in seen.iter_mut().rev() {
        if page.purpose != Purpose::Page {
            continue;
        }
        let redirects = page.answer.status().is_some_and(|status| status / 100 == 3);
        if !redirects {
            page.left_for.clone_from(&next);
        }
        next = Some(page.url.clone());
    }
}

/// How a navigation ended, by what was seen of it.
fn arrival(seen: &[Seen], rest: Rest, failed: Option<String>) -> Arrival {
    let last = seen.iter().rfind(|it| it.purpose == Purpose::Page);
    let failed = failed.unwrap_or_default();
    match (rest, last.map(|it| &it.answer)) {
        (Rest::Stopped(url), _) => Arrival::Stopped(url),
        (Rest::Loop, _) => Arrival::Loop,
        _ if failed.contains("ERR_TOO_MANY_REDIRECTS") => Arrival::Loop,
        (
            _,
            Some(Answer::Page {
                status, headers, ..
            }),
        ) if status / 100 == 3 => {
            let location = headers.iter().find(|(name, _)| name == "location");
            match location {
                Some((_, location)) => Arrival::Astray(location.clone()),
                None => Arrival::Page,
            }
        }
        (Rest::Late, _) | (_, Some(Answer::TimedOut)) => Arrival::TimedOut,
        (_, Some(Answer::Page { .. })) => Arrival::Page,
        // A click that changed the page and asked for nothing.
        (_, None) if failed.is_empty() => Arrival::Page,
        (_, Some(Answer::Broken(_)) | None) => Arrival::Broken,
    }
}
