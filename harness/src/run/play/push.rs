//! Logout tokens that the issuer posts to the client (OIDC Back-Channel Logout 1.0).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::IssuedKind;

use super::{Acted, RunError, Stage};
use crate::run::Arrived;
use crate::scenario::{LogoutAbout, Step};

impl Stage<'_> {
    /// Posts a logout token about the owner of the step's browser, and waits for the answer.
    pub(super) async fn push_logout(&mut self, step: &Step) -> Result<Acted, RunError> {
        let account = self.instance.account(step.browser).clone();
        let token = self.last_id_token(&account.sub);
        let sid = token.as_deref().and_then(|token| claim(token, "sid"));
        let no_session = RunError::Missing {
            step: self.steps.len() + 1,
            what: "an ID token with a `sid`",
        };
        let about = step.about.unwrap_or_default();
        let (sub, sid) = match about {
            LogoutAbout::Both => (Some(account.sub.as_str()), sid),
            LogoutAbout::User => (Some(account.sub.as_str()), None),
            LogoutAbout::Session => (None, Some(sid.ok_or_else(|| no_session.clone())?)),
            LogoutAbout::Nobody => (None, None),
            LogoutAbout::IdToken => {
                return self.post_id_token(&token.ok_or(no_session)?).await;
            }
        };
        let issuer = &self.instance.honest;
        let push = issuer.push_logout(&self.instance.client_id, sub, sid.as_deref());
        let push = push.await;
        let outcome = push
            .ok_or(RunError::Unsaid("`back-channel-logout` in [app]"))?
            .outcome;
        Ok(Acted {
            pushed: Some(outcome),
            ..Acted::at(Arrived::Nowhere)
        })
    }

    async fn post_id_token(&self, token: &str) -> Result<Acted, RunError> {
        let path = self.target.app.back_channel_logout.as_ref();
        let path = path.ok_or(RunError::Unsaid("`back-channel-logout` in [app]"))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", token)
            .finish();
        let answer = self
            .instance
            .http
            .post(self.page(path)?)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .timeout(self.target.time_limit)
            .send()
            .await;
        Ok(Acted {
            pushed: Some(match answer {
                Ok(answer) => Ok(answer.status().as_u16()),
                Err(error) => Err(error.to_string()),
            }),
            ..Acted::at(Arrived::Nowhere)
        })
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
