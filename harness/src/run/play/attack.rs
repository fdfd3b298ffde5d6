//! What an attacker does: authorization responses put together from parts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_gauntlet_provider::{Client, TokensFor};
use reqwest::Method;
use url::Url;

use super::{RunError, Stage, random};
use crate::run::{Secret, SecretKind};
use crate::scenario::{
    Browser, Callback, CodeSource, IssSource, OpenMethod, Role, StateSource, Step,
};
use crate::target::{Account, Values};
use crate::transcript::authority;
use crate::user_agent::{Arrival, Halts, Request};

/// Another client of the honest issuer, which the attacker runs.
const OTHER_CLIENT: &str = "another-app";

/// Whether an authorization response has its parameters in the fragment.
fn comes_in_fragment(response: &Url) -> bool {
    let fragment = response.fragment().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(fragment.as_bytes());
    pairs.any(|(name, _)| matches!(name.as_ref(), "code" | "error" | "state" | "access_token"))
}

/// A parameter of an authorization response, wherever they are.
fn parameter(response: &Url, name: &str) -> Option<String> {
    let place = if comes_in_fragment(response) {
        response.fragment()
    } else {
        response.query()
    };
    let mut pairs = form_urlencoded::parse(place.unwrap_or_default().as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The redirect URI that a response came to: its own query stays (RFC 6749 §3.1.2).
fn without_response(mut response: Url) -> Url {
    const OF_RESPONSES: [&str; 11] = [
        "code",
        "state",
        "iss",
        "error",
        "error_description",
        "error_uri",
        "session_state",
        "access_token",
        "token_type",
        "expires_in",
        "id_token",
    ];
    response.set_fragment(None);
    let pairs = response.query_pairs().into_owned();
    let own: Vec<(String, String)> = pairs
        .filter(|(name, _)| !OF_RESPONSES.contains(&name.as_str()))
        .collect();
    response.set_query(None);
    if !own.is_empty() {
        response.query_pairs_mut().extend_pairs(own);
    }
    response
}

impl Stage<'_> {
    /// Puts an authorization response together: the request that opens it, and the code in it.
    pub(super) async fn prepare(
        &mut self,
        step: &Step,
        callback: &Callback,
        index: usize,
    ) -> Result<(Request, Option<String>), RunError> {
        let missing = |what| RunError::Missing {
            step: index + 1,
            what,
        };
        let from = |url: Option<&Url>, name: &str| parameter(url?, name);
        let last = |held: &[(Role, Url)]| held.last().map(|(_, url)| url.clone());
        let relayed = last(&self.attacker.held);
        let stolen = last(&self.victim.held);
        let actor = self.actor(step.browser);
        let opened = actor.opened.clone();
        let mut own = actor.held.iter().filter(|(role, _)| *role == step.issuer);
        let pending = own.next_back().map(|(_, url)| url.clone());
        let mut all = actor.held.iter().rev().skip(1);
        let earlier = all.next().map(|(_, url)| url.clone());
        let known = actor.redirect_uri.clone();
        let nonce = actor.nonce.clone();
        let responses = [&pending, &relayed, &stolen, &opened];
        let in_fragment = { responses }.into_iter().flatten().any(comes_in_fragment);

        let code_of = |url: Option<&Url>, what| from(url, "code").ok_or_else(|| missing(what));
        let code = match callback.code {
            CodeSource::AttackersOwn => Some(self.attackers_own_code().await?),
            CodeSource::Relayed => {
                Some(code_of(relayed.as_ref(), "a begun login of the attacker")?)
            }
            CodeSource::Stolen => Some(code_of(stolen.as_ref(), "a begun login of the victim")?),
            CodeSource::Replayed => Some(code_of(opened.as_ref(), "an opened response")?),
            CodeSource::Pending => Some(code_of(pending.as_ref(), "a begun login")?),
            CodeSource::Earlier => Some(code_of(earlier.as_ref(), "two begun logins")?),
            CodeSource::None => None,
        };
        // A client that sends no state gets none back; that is observed, not assumed.
        let state = match callback.state {
            StateSource::Invented => Some(format!("invented-{}", random())),
            StateSource::Relayed => from(relayed.as_ref(), "state"),
            StateSource::Replayed => from(opened.as_ref(), "state"),
            StateSource::Pending => from(pending.as_ref(), "state"),
            StateSource::Earlier => from(earlier.as_ref(), "state"),
            StateSource::None => None,
        };
        // The redirect URI may be another one for each issuer.
        let of_state = match callback.state {
            StateSource::Pending => pending.clone(),
            StateSource::Earlier => earlier.clone(),
            _ => None,
        };
        let mut url = match (
            of_state,
            known.or_else(|| self.attacker.redirect_uri.clone()),
        ) {
            (Some(held), _) => without_response(held),
            (None, Some(redirect_uri)) => {
                Url::parse(&redirect_uri).map_err(|_| missing("a redirect URI that is a URL"))?
            }
            (None, None) => self.page(&self.target.app.callback)?,
        };
        let mut values = self.values();
        values.set(
            "pending.code",
            from(pending.as_ref(), "code").unwrap_or_default(),
        );
        values.set(
            "pending.state",
            from(pending.as_ref(), "state").unwrap_or_default(),
        );
        self.mint(&mut values, &callback.with, nonce.as_deref())?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        pairs.extend(code.clone().map(|code| ("code".to_owned(), code)));
        pairs.extend(state.map(|state| ("state".to_owned(), state)));
        if callback.iss == IssSource::Issuer && self.settings.iss_parameter.unwrap_or(true) {
            let issuer = self.instance.issuer(step.issuer).url();
            pairs.push(("iss".to_owned(), issuer.to_owned()));
        }
        let with = callback.with.iter();
        pairs.extend(with.map(|(name, value)| (name.clone(), values.fill(value))));
        let mut request = Request {
            cross_site: true,
            ..Request::get(url.clone())
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        if callback.method == OpenMethod::Post {
            request.method = Method::POST;
            request.form = Some(form);
        } else {
            if callback.method == OpenMethod::Head {
                request.method = Method::HEAD;
            }
            if in_fragment {
                url.set_fragment(Some(&form));
            } else if !form.is_empty() {
                url.query_pairs_mut().extend_pairs(&pairs);
            }
            request.url = url;
        }
        Ok((request, code))
    }

    /// What a scenario can name.
    pub(super) fn values(&self) -> Values {
        let mut values = Values::default();
        let instance = self.instance;
        let host = Url::parse(&instance.app)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        values.set("app", instance.app.as_str());
        values.set("authority", authority(&instance.app));
        values.set("host", host.unwrap_or_default());
        values.set("honest.issuer", instance.honest.url());
        values.set("honest.client_id", instance.client_id.as_str());
        values.set("attacker.issuer", instance.attacker.url());
        // To HTTP libraries another port or name is another host; both names are of this machine.
        let elsewhere = (instance.attacker.url()).replacen("://127.0.0.1:", "://localhost:", 1);
        values.set("attacker.elsewhere", elsewhere);
        for (who, account) in [
            ("victim", &instance.victim),
            ("attacker", &instance.mallory),
        ] {
            values.set(&format!("{who}.sub"), account.sub.as_str());
            values.set(&format!("{who}.name"), account.name.as_str());
            values.set(&format!("{who}.email"), account.email.as_str());
            values.set(
                &format!("{who}.preferred_username"),
                account.preferred_username.as_str(),
            );
        }
        values
    }

    /// Tokens that parameters of a prepared response name: for this client, or for another client
    /// of the same issuer, which the attacker runs.
    fn mint(
        &mut self,
        values: &mut Values,
        with: &[(String, String)],
        nonce: Option<&str>,
    ) -> Result<(), RunError> {
        let names = |name: &str| with.iter().any(|(_, value)| value.contains(name));
        let instance = self.instance;
        let issuer = &instance.honest;
        let failed = |error: &dyn std::fmt::Display| RunError::Fault(error.to_string());
        for (who, account) in [
            ("victim", &instance.victim),
            ("attacker", &instance.mallory),
        ] {
            for (prefix, client) in [("", instance.client_id.as_str()), ("other_", OTHER_CLIENT)] {
                let [id_token, access_token] =
                    ["id_token", "access_token"].map(|kind| format!("{who}.{prefix}{kind}"));
                if !names(&id_token) && !names(&access_token) {
                    continue;
                }
                if client == OTHER_CLIENT {
                    issuer.add_client(Client::confidential(OTHER_CLIENT, random()));
                }
                let wanted = TokensFor::new(client, &account.sub).scope("openid profile email");
                let wanted = match &instance.key {
                    Some(key) => wanted.test(key.as_str()),
                    None => wanted,
                };
                let tokens = issuer.tokens(wanted).map_err(|error| failed(&error))?;
                for (name, member, kind) in [
                    (id_token, "id_token", SecretKind::IdToken),
                    (access_token, "access_token", SecretKind::AccessToken),
                ] {
                    let token = tokens.get(member).and_then(|token| token.as_str());
                    let value = token.unwrap_or_default().to_owned();
                    values.set(&name, value.as_str());
                    self.minted.push(Secret { kind, value });
                }
            }
            let name = format!("{who}.unsigned_id_token");
            if names(&name) {
                let value = self.unsigned(account, nonce);
                values.set(&name, value.as_str());
                let kind = SecretKind::IdToken;
                self.minted.push(Secret { kind, value });
            }
        }
        Ok(())
    }

    /// An ID token that nobody signed, which anybody can write: the nonce of one's own login stands
    /// in the address of its authorization request.
    fn unsigned(&self, account: &Account, nonce: Option<&str>) -> String {
        let now = self.instance.honest.clock().now();
        let mut claims = serde_json::json!({
            "iss": self.instance.honest.url(),
            "aud": self.instance.client_id,
            "sub": account.sub,
            "name": account.name,
            "email": account.email,
            "email_verified": true,
            "preferred_username": account.preferred_username,
            "iat": now,
            "exp": now + 600,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(&serde_json::json!({ "alg": "none", "typ": "JWT" }));
        format!("{header}.{}.", part(&claims))
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
        let held = Halts {
            response_to: Some(app),
            ..Halts::default()
        };
        let arrival = self
            .attacker
            .agent
            .open(Request::get(url), &mut seen, &held)
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
