//! What somebody does to the cookies of a browser.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::{Acted, RunError, Stage};
use crate::run::{Arrived, Standing};
use crate::scenario::{Act, Browser, Step};
use crate::user_agent::{Jar, StoredCookie};

/// How many cookies are tried under other names.
const TRIES: usize = 16;

impl Stage<'_> {
    /// What is done to a browser's cookies; any other act blocks them.
    pub(super) async fn change_cookies(
        &mut self,
        step: &Step,
        index: usize,
    ) -> Result<Acted, RunError> {
        let nowhere = Acted::at(Arrived::Nowhere);
        match step.act {
            Act::CopyCookies => {
                let actor = self.actor(step.browser);
                actor.copied = Some(actor.agent.cookies().await);
            }
            Act::RestoreCookies => {
                let actor = self.actor(step.browser);
                let copied = actor.copied.clone().ok_or(RunError::Missing {
                    step: index + 1,
                    what: "copied cookies",
                })?;
                actor.agent.set_cookies(copied).await;
            }
            Act::PlantCookies => {
                let host = self.page("/")?.host_str().unwrap_or_default().to_owned();
                let theirs = self.attacker.agent.cookies().await;
                let mut jar = self.victim.agent.cookies().await;
                jar.plant(&host, &theirs);
                self.victim.agent.set_cookies(jar).await;
                return Ok(Acted {
                    planted: Some(theirs.of_host(&host).count()),
                    ..nowhere
                });
            }
            _ => {
                let agent = &mut self.actor(step.browser).agent;
                agent.set_cookies(Jar::blocked()).await;
            }
        }
        Ok(nowhere)
    }

    /// Tries each cookie of a begun login under the name of each cookie that only a signed-in browser
    /// has, and stays with the first that the client does not treat as a stranger's.
    pub(super) async fn relabel_cookies(&mut self, browser: Browser) -> Result<Acted, RunError> {
        let host = self.page("/")?.host_str().unwrap_or_default().to_owned();
        let of_sessions = self.victim.agent.cookies().await;
        let begun = self.actor(browser).agent.cookies().await;
        let renamed = renamed(&host, &begun, &of_sessions);
        self.come_with(browser, Jar::default()).await;
        let (stranger, _) = self.probe(browser).await;
        let mut tried = 0;
        if stranger == Standing::AsksLogin {
            for cookie in renamed {
                tried += 1;
                let jar: Jar = std::iter::once(cookie).collect();
                self.come_with(browser, jar.clone()).await;
                if self.probe(browser).await.0 != stranger {
                    // The page is looked at once more, with the cookie as it was sent.
                    self.come_with(browser, jar).await;
                    break;
                }
            }
        }
        Ok(Acted {
            planted: Some(tried),
            ..Acted::at(Arrived::Nowhere)
        })
    }

    /// Writes the victim's account into the cookies in place of the browser's owner.
    pub(super) async fn forge_cookies(&mut self, browser: Browser) -> Result<Acted, RunError> {
        let host = self.page("/")?.host_str().unwrap_or_default().to_owned();
        let own = self.instance.account(browser).needles().map(str::to_owned);
        let victims = self.instance.victim.needles().map(str::to_owned);
        let jar = self.actor(browser).agent.cookies().await;
        let mut forged = 0;
        let cookies = jar.of_host(&host).map(|cookie| {
            let value = own
                .iter()
                .zip(&victims)
                .fold(cookie.value.clone(), |value, (own, victims)| {
                    in_place_of(&value, own, victims)
                });
            forged += usize::from(value != cookie.value);
            StoredCookie {
                value,
                ..cookie.clone()
            }
        });
        let cookies: Jar = cookies.collect();
        self.come_with(browser, cookies).await;
        Ok(Acted {
            planted: Some(forged),
            ..Acted::at(Arrived::Nowhere)
        })
    }

    async fn come_with(&mut self, browser: Browser, jar: Jar) {
        self.actor(browser).agent.set_cookies(jar).await;
    }
}

/// A cookie's value with one text in place of another, as it is, URL-encoded, or within a part that
/// is base64.
fn in_place_of(value: &str, own: &str, others: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let value = value
        .replace(own, others)
        .replace(&encoded(own), &encoded(others));
    let parts = value.split('.').map(|part| {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let rewritten = engines.into_iter().find_map(|engine| {
            let text = String::from_utf8(engine.decode(part).ok()?).ok()?;
            text.contains(own)
                .then(|| engine.encode(text.replace(own, others)))
        });
        rewritten.unwrap_or_else(|| part.to_owned())
    });
    parts.collect::<Vec<_>>().join(".")
}

/// The cookies of a begun login under the names of those that only a signed-in browser has.
fn renamed(host: &str, begun: &Jar, of_sessions: &Jar) -> Vec<StoredCookie> {
    let mut renamed = Vec::new();
    for session in of_sessions.of_host(host) {
        if begun.of_host(host).any(|begun| begun.name == session.name) {
            continue;
        }
        renamed.extend(begun.of_host(host).map(|begun| StoredCookie {
            value: begun.value.clone(),
            ..session.clone()
        }));
    }
    renamed.truncate(TRIES);
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_rewritten_wherever_it_can_be_read() {
        let forged = |value: &str| in_place_of(value, "a@x.example", "b@x.example");
        assert_eq!(forged("who=a@x.example"), "who=b@x.example");
        assert_eq!(forged("a%40x.example"), "b%40x.example");
        let session = |who: &str| {
            let part = URL_SAFE_NO_PAD.encode(format!("{{\"user\":\"{who}\",\"n\":1}}"));
            format!("e30.{part}.c2ln")
        };
        assert_eq!(forged(&session("a@x.example")), session("b@x.example"));
        assert_eq!(forged("s%3Anothing.to-see"), "s%3Anothing.to-see");
    }
}
