//! What an attacker does: authorization responses put together from parts.

use url::Url;

use super::{RunError, Stage, is_authorization_response, random};
use crate::scenario::{Browser, Callback, CodeSource, StateSource, Step};
use crate::user_agent::{Arrival, Request};

impl Stage<'_> {
    /// Puts an authorization response together.
    pub(super) async fn prepare(
        &mut self,
        browser: Browser,
        callback: Callback,
        index: usize,
    ) -> Result<(Url, Option<String>), RunError> {
        let missing = |what| RunError::Missing {
            step: index + 1,
            what,
        };
        let from = |url: &Option<Url>, name: &str| {
            let pairs = url.as_ref()?.query_pairs();
            pairs
                .into_iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let relayed = self.attacker.held.clone();
        let (held, opened) = (
            self.actor(browser).held.clone(),
            self.actor(browser).opened.clone(),
        );
        let code = match callback.code {
            CodeSource::AttackersOwn => Some(self.attackers_own_code().await?),
            CodeSource::Relayed => Some(
                from(&relayed, "code").ok_or_else(|| missing("a begun login of the attacker"))?,
            ),
            CodeSource::Replayed => {
                Some(from(&opened, "code").ok_or_else(|| missing("an opened response"))?)
            }
            CodeSource::Pending => {
                Some(from(&held, "code").ok_or_else(|| missing("a begun login"))?)
            }
            CodeSource::None => None,
        };
        // A client that sends no state gets none back; that is observed, not assumed.
        let state = match callback.state {
            StateSource::Invented => Some(format!("invented-{}", random())),
            StateSource::Relayed => from(&relayed, "state"),
            StateSource::Replayed => from(&opened, "state"),
            StateSource::Pending => from(&held, "state"),
            StateSource::None => None,
        };
        let known = self.actor(browser).redirect_uri.clone();
        let mut url = match known.or_else(|| self.attacker.redirect_uri.clone()) {
            Some(redirect_uri) => {
                Url::parse(&redirect_uri).map_err(|_| missing("a redirect URI that is a URL"))?
            }
            None => self.page(&self.target.app.callback)?,
        };
        {
            let mut query = url.query_pairs_mut();
            if let Some(code) = &code {
                query.append_pair("code", code);
            }
            if let Some(state) = &state {
                query.append_pair("state", state);
            }
            if self.settings.iss_parameter.unwrap_or(true) {
                query.append_pair("iss", self.instance.honest.url());
            }
        }
        Ok((url, code))
    }

    /// A code from an authorization request that the attacker makes himself, with neither PKCE nor
    /// nonce.
    pub(super) async fn attackers_own_code(&mut self) -> Result<String, RunError> {
        let app = self.instance.app.clone();
        let redirect_uri = format!("{app}{}", self.target.app.callback);
        let scope = if self.settings.plain_oauth2 {
            "profile email"
        } else {
            "openid profile email"
        };
        let mut url = Url::parse(&format!("{}/authorize", self.instance.honest.url()))
            .map_err(|_| RunError::Unsaid("an issuer that is a URL"))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.instance.client_id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", scope)
            .append_pair("state", &format!("attackers-{}", random()));
        let step = Step {
            browser: Browser::Attacker,
            ..Step::sign_in()
        };
        self.sign_in_as(&step);
        let mut seen = Vec::new();
        let held = |next: &Url| is_authorization_response(next, &app);
        let arrival = self
            .attacker
            .agent
            .open(Request::get(url), &mut seen, held)
            .await;
        self.saw(Browser::Attacker, seen, true);
        let code = match &arrival {
            Arrival::Stopped(url) => url.query_pairs().find(|(name, _)| name == "code"),
            _ => None,
        };
        code.map(|(_, code)| code.into_owned())
            .ok_or(RunError::Fault(
                "the issuer gave the attacker no code of his own".to_owned(),
            ))
    }
}
