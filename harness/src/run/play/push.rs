//! Logout tokens that the issuer posts to the client (OIDC Back-Channel Logout 1.0).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Endpoint, IssuedKind};

use super::{Acted, RunError, Stage};
use crate::run::Arrived;
use crate::scenario::{LogoutAbout, Role, Step};
use crate::target::last_number;
use crate::transcript::Posted;
use crate::user_agent::{Answer, Request, receive};

const FORM: &str = "application/x-www-form-urlencoded";

/// How long the longest text is that is posted in place of a logout token, in bytes.
const FLOOD: usize = 256 * 1024;

/// Up to how many bytes of a request the transcript tells in full: a token is shorter.
const TOLD: usize = 8 * 1024;

const NO_ADDRESS: RunError = RunError::Unsaid("`back-channel-logout` in [app]");

/// What is posted to the client.
enum Logout {
    /// A logout token that the issuer makes, and posts itself.
    Minted {
        sub: Option<String>,
        sid: Option<String>,
    },
    /// What is posted as it stands.
    Written {
        media_type: &'static str,
        body: String,
    },
}

impl Logout {
    fn form(token: &str) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        Self::Written {
            media_type: FORM,
            body: form.append_pair("logout_token", token).finish(),
        }
    }
}

impl Stage<'_> {
    /// Posts a logout token about the owner of the step's browser, and waits for the answer.
    pub(super) async fn push_logout(&mut self, step: &Step) -> Result<Acted, RunError> {
        let about = step.about.unwrap_or_default();
        let pushed = match self.logout(step, about)? {
            Logout::Minted { sub, sid } => {
                let issuer = self.instance.issuer(step.issuer);
                let client_id = match step.issuer {
                    Role::Honest => &self.instance.client_id,
                    Role::Attacker => &self.instance.second_client_id,
                };
                let push = issuer.push_logout(client_id, sub.as_deref(), sid.as_deref());
                push.await.ok_or(NO_ADDRESS)?.outcome
            }
            Logout::Written { media_type, body } => self.post(media_type, body).await?,
        };
        Ok(Acted {
            pushed: Some(pushed),
            ..Acted::at(Arrived::Nowhere)
        })
    }

    /// The browser opens the protected page, and the logout token is posted as soon as the client has
    /// asked for userinfo; then both are waited for.
    pub(super) async fn push_logout_amid_visit(&mut self, step: &Step) -> Result<Acted, RunError> {
        let page = self.page(&self.target.app.protected)?;
        let asked_before = last_number(&self.instance.honest);
        let mut agent = std::mem::take(&mut self.actor(step.browser).agent);
        let leaves = agent.leaves();
        let mut seen = Vec::new();
        let limit = self.target.time_limit;
        let (arrival, pushed) =
            tokio::join!(agent.open(Request::get(page), &mut seen, &leaves), async {
                let asked = self.userinfo_was_asked(asked_before);
                // A client that asks for nothing is pushed to all the same.
                drop(tokio::time::timeout(limit / 2, asked).await);
                self.push_logout(step).await
            });
        self.actor(step.browser).agent = agent;
        let arrived = self.remember(step, arrival, &seen, false);
        self.saw(step.browser, seen, false);
        Ok(Acted {
            arrival: arrived,
            ..pushed?
        })
    }

    /// Waits until the honest issuer was asked for userinfo.
    async fn userinfo_was_asked(&self, after: u64) {
        loop {
            let exchanges = self.instance.honest.journal().exchanges();
            let asked = exchanges
                .iter()
                .any(|exchange| exchange.number > after && exchange.endpoint == Endpoint::Userinfo);
            if asked {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn logout(&self, step: &Step, about: LogoutAbout) -> Result<Logout, RunError> {
        let account = self.instance.account(step.browser);
        let id_token = self.last_id_token(&account.sub);
        let id_token = id_token.as_deref();
        let sid = id_token.and_then(|token| claim(token, "sid"));
        let missing = |what| RunError::Missing {
            step: self.steps.len() + 1,
            what,
        };
        let no_session = || missing("an ID token with a `sid`");
        let minted = |sub: Option<&str>, sid| Logout::Minted {
            sub: sub.map(str::to_owned),
            sid,
        };
        Ok(match about {
            LogoutAbout::Both => minted(Some(&account.sub), sid),
            LogoutAbout::User => minted(Some(&account.sub), None),
            LogoutAbout::Session => minted(None, Some(sid.ok_or_else(no_session)?)),
            LogoutAbout::Nobody => minted(None, None),
            LogoutAbout::IdToken => Logout::form(id_token.ok_or_else(no_session)?),
            LogoutAbout::Again => Logout::Written {
                media_type: FORM,
                body: (self.last_taken())
                    .ok_or_else(|| missing("a logout token that was taken"))?,
            },
            LogoutAbout::Nothing => Logout::Written {
                media_type: FORM,
                body: String::new(),
            },
            LogoutAbout::Rubbish => Logout::form("this.is-no.jwt"),
            LogoutAbout::Json => Logout::Written {
                media_type: "application/json",
                body: r#"{"logout_token": null}"#.to_owned(),
            },
            LogoutAbout::Flood => Logout::form(&"x".repeat(FLOOD)),
        })
    }

    /// Posts what no issuer would to where logout tokens go.
    async fn post(
        &mut self,
        media_type: &'static str,
        body: String,
    ) -> Result<Result<u16, String>, RunError> {
        let path = self.target.app.back_channel_logout.as_ref();
        let url = self.page(path.ok_or(NO_ADDRESS)?)?;
        let told = match body.len() {
            0..=TOLD => body.clone(),
            length => format!(
                "{}… ({length} bytes)",
                &body[..body.floor_char_boundary(40)]
            ),
        };
        let request = (self.instance.http.post(url.clone()))
            .header("content-type", media_type)
            .body(body);
        let started = Instant::now();
        let answer = tokio::time::timeout(self.target.time_limit, receive(request)).await;
        let answer = answer.unwrap_or(Answer::TimedOut);
        let status = match &answer {
            Answer::Page { status, .. } => Ok(*status),
            Answer::TimedOut => Err("there was no answer in time".to_owned()),
            Answer::Broken(reason) => Err(reason.clone()),
        };
        self.posted.push(Posted {
            started,
            ended: Instant::now(),
            url,
            body: told,
            answer,
        });
        Ok(status)
    }

    /// The body of the last logout request that the client took.
    fn last_taken(&self) -> Option<String> {
        let exchanges = self.instance.honest.journal().exchanges();
        let taken = exchanges.iter().rfind(|exchange| {
            exchange.endpoint == Endpoint::BackchannelLogout && exchange.response.status < 300
        });
        taken.map(|exchange| exchange.request.body.clone())
    }

    /// The last ID token that was handed out about somebody.
    fn last_id_token(&self, sub: &str) -> Option<String> {
        let exchanges = self.instance.honest.journal().exchanges();
        let issued = exchanges.iter().flat_map(|exchange| &exchange.notes.issued);
        issued
            .filter(|issued| issued.kind == IssuedKind::IdToken)
            .rfind(|issued| claim(&issued.value, "sub").as_deref() == Some(sub))
            .map(|issued| issued.value.clone())
    }
}

/// A claim of a JWT, whoever signed it.
fn claim(token: &str, name: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get(name)?.as_str().map(str::to_owned)
}
