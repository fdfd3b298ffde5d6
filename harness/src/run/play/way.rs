//! Ways to start a login and to end a session: a link, a form with its token, a click.

use url::Url;

use super::{RunError, Stage};
use crate::scenario::Browser;
use crate::target::Way;
use crate::user_agent::{self, Request, last_page};

impl Stage<'_> {
    /// The request that a way of the target file comes to. For a form and for a click, the pages
    /// that they are on are opened first. A real browser clicks, unless the URL has to be known
    /// (`by_url`).
    pub(super) async fn request(
        &mut self,
        browser: Browser,
        way: &Way,
        by_url: bool,
    ) -> Result<Request, RunError> {
        let protected = self.target.app.protected.clone();
        match way {
            Way::Open(path) => Ok(Request::get(self.page(path)?)),
            Way::Send { path, csrf, from } => {
                let url = self.page(path)?;
                let pages = match from {
                    Some(from) => vec![from.clone()],
                    None => vec![path.clone(), protected],
                };
                let mut fields = Vec::new();
                for page in &pages {
                    let (at, body) = self.look(browser, page).await?;
                    fields = user_agent::fields(&body, &at, url.path());
                    let found = match csrf {
                        Some(name) => {
                            let token = user_agent::token(&body, name);
                            fields.retain(|(field, _)| field != name);
                            fields.extend(token.map(|token| (name.clone(), token)));
                            fields.iter().any(|(field, _)| field == name)
                        }
                        None => !fields.is_empty(),
                    };
                    if found {
                        break;
                    }
                    fields.clear();
                }
                if let (Some(name), true) = (csrf, fields.is_empty()) {
                    let pages = pages.join(" and ");
                    return Err(RunError::Page(format!(
                        "there is no `{name}` at {pages}, neither as a field nor as a meta tag"
                    )));
                }
                Ok(Request::form(url, &fields))
            }
            Way::Click { open, on } => {
                let page = open.as_ref().unwrap_or(&protected);
                let (at, body) = self.look(browser, page).await?;
                if self.instance.chromium.is_some() && !by_url {
                    return Ok(Request {
                        click: Some(on.clone()),
                        ..Request::get(at)
                    });
                }
                let click = user_agent::click(&body, &at, on)
                    .map_err(|error| RunError::Page(format!("at {page}: {error}")))?;
                Ok(Request {
                    method: click.method,
                    form: click.form,
                    ..Request::get(click.url)
                })
            }
        }
    }

    /// A page of the client, and where it was found. The issuers' pages are not opened.
    async fn look(&mut self, browser: Browser, path: &str) -> Result<(Url, String), RunError> {
        let page = self.page(path)?;
        let mut seen = Vec::new();
        let request = Request::get(page.clone());
        let agent = &mut self.actor(browser).agent;
        let leaves = agent.leaves();
        agent.open(request, &mut seen, &leaves).await;
        let last = last_page(&seen);
        let found = last.map(|seen| (seen.shown_at().clone(), seen.shown().body().to_owned()));
        self.saw(browser, seen, false);
        Ok(found.unwrap_or((page, String::new())))
    }
}
