//! From the parameters of an authorization request to one that passed every rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::claims::ClaimsRequest;
use crate::endpoint::Call;
use crate::endpoint::message::typed;
use crate::grant::{Challenge, Pending, Prompt};
use crate::names::{ChallengeMethod, ResponseMode, ResponseType};
use crate::parties::Client;
use crate::protocol::{AuthorizationParameters, ErrorCode};
use crate::rules::{self, Rule, Violation};

/// Why an authorization request is refused, and who is told.
#[derive(Debug)]
pub(in crate::endpoint) enum Problem {
    /// The person in front of the browser, since the redirect URI cannot be trusted.
    Page { title: &'static str, reason: String },
    /// The client.
    Redirect(Box<RedirectProblem>),
}

#[derive(Debug)]
pub(in crate::endpoint) struct RedirectProblem {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) error: ErrorCode,
    pub(super) reason: String,
}

impl Problem {
    pub(in crate::endpoint) fn redirect(
        pending: &Pending,
        error: ErrorCode,
        reason: String,
    ) -> Self {
        Self::Redirect(Box::new(RedirectProblem {
            redirect_uri: pending.redirect_uri.clone(),
            state: pending.state.clone(),
            error,
            reason,
        }))
    }
}

/// What the client is told, once the redirect URI is known to be good.
type Told<T> = Result<T, (ErrorCode, String)>;

/// Checks client and redirect URI first, since every other problem goes there.
pub(in crate::endpoint) fn parse(
    call: &Call<'_>,
    pairs: &[(String, String)],
) -> Result<Pending, Problem> {
    let parameters: AuthorizationParameters = typed(pairs);
    let repeated = call.demand(rules::single_parameters(pairs));
    let ambiguous = ["client_id", "redirect_uri"]
        .iter()
        .any(|name| pairs.iter().filter(|(it, _)| it == name).count() > 1);
    if let Err(violation) = &repeated
        && ambiguous
    {
        return Err(page("Ambiguous request", violation.to_string()));
    }
    let client = known_client(call, &parameters)?;
    let redirect_uri = good_redirect_uri(call, &client, &parameters)?;
    let state = parameters.state.clone();
    let told = repeated.map_err(|violation| invalid_request(&violation));
    told.and_then(|()| pending(call, &client, &redirect_uri, parameters))
        .map_err(|(error, reason)| {
            Problem::Redirect(Box::new(RedirectProblem {
                redirect_uri,
                state,
                error,
                reason,
            }))
        })
}

fn known_client(
    call: &Call<'_>,
    parameters: &AuthorizationParameters,
) -> Result<Arc<Client>, Problem> {
    let Some(id) = &parameters.client_id else {
        return Err(page(
            "No client",
            "The request has no client_id.".to_owned(),
        ));
    };
    let registered = call.issuer.client(id);
    call.demand(rules::known_client(id, registered.as_deref()))
        .map_err(|violation| page("Unknown client", violation.to_string()))?;
    Ok(registered.unwrap_or_else(|| Arc::new(Client::public(id))))
}

fn good_redirect_uri(
    call: &Call<'_>,
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Result<String, Problem> {
    let Some(uri) = &parameters.redirect_uri else {
        let openid = parameters
            .scope
            .iter()
            .any(|scope| scope.split(' ').any(|it| it == "openid"));
        return match &client.redirect_uris[..] {
            [only] if !openid => Ok(only.clone()),
            _ => {
                let reason = "The request has no redirect_uri. OpenID Connect demands one, and OAuth does where not exactly one is registered.";
                Err(page("No redirect URI", reason.to_owned()))
            }
        };
    };
    let rule = rules::registered_redirect_uri(client, uri);
    let registered = rule.is_ok();
    call.demand(rule)
        .map_err(|violation| page("Unregistered redirect URI", violation.to_string()))?;
    // What is not registered and let through all the same has to be safe at least.
    let parsed = url::Url::parse(uri)
        .ok()
        .filter(|_| uri.bytes().all(|it| it.is_ascii_graphic()));
    let usable = parsed.is_some_and(|parsed| {
        parsed.fragment().is_none() && (registered || matches!(parsed.scheme(), "http" | "https"))
    });
    if usable {
        Ok(uri.clone())
    } else {
        let reason =
            format!("`{uri}` is no absolute URI without a fragment that a browser can be sent to.");
        Err(page("Unusable redirect URI", reason))
    }
}

fn pending(
    call: &Call<'_>,
    client: &Client,
    redirect_uri: &str,
    parameters: AuthorizationParameters,
) -> Told<Pending> {
    let refuse = |error, reason: String| Err((error, reason));
    match parameters.response_type.as_deref() {
        Some("code") => {}
        Some(other) => {
            let reason = format!("the response type `{other}` is not supported");
            return refuse(ErrorCode::UnsupportedResponseType, reason);
        }
        None => {
            return refuse(
                ErrorCode::InvalidRequest,
                "no response_type is sent".to_owned(),
            );
        }
    }
    if let Some(mode) = parameters.response_mode.filter(|mode| mode != "query") {
        let reason = format!("the response mode `{mode}` is not supported");
        return refuse(ErrorCode::InvalidRequest, reason);
    }
    if parameters.request.is_some() {
        let reason = "request objects are not supported".to_owned();
        return refuse(ErrorCode::RequestNotSupported, reason);
    }
    if parameters.request_uri.is_some() {
        let reason = "request_uri is not supported".to_owned();
        return refuse(ErrorCode::RequestUriNotSupported, reason);
    }
    let max_age = match parameters.max_age.as_deref().map(str::parse) {
        Some(Err(_)) => {
            let reason = "max_age is no number of seconds".to_owned();
            return refuse(ErrorCode::InvalidRequest, reason);
        }
        Some(Ok(seconds)) => Some(seconds),
        None => None,
    };
    Ok(Pending {
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        redirect_uri_was_sent: parameters.redirect_uri.is_some(),
        scopes: known_scopes(call, parameters.scope.as_deref())?,
        state: parameters.state,
        nonce: parameters.nonce,
        challenge: challenge(
            call,
            parameters.code_challenge,
            parameters.code_challenge_method.as_deref(),
        )?,
        prompt: prompt(parameters.prompt.as_deref())?,
        login_hint: parameters.login_hint,
        max_age,
        response_type: ResponseType::Code,
        response_mode: ResponseMode::Query,
        claims: ClaimsRequest::default(),
        acr_values: Vec::new(),
        ui_locales: Vec::new(),
        hinted_sub: None,
        resources: Vec::new(),
        dpop_jkt: None,
        test: None,
    })
}

/// The scopes that exist, in the order of the request. Unknown ones are left out (RFC 6749 §3.3);
/// a request without any gets `profile`.
fn known_scopes(call: &Call<'_>, asked: Option<&str>) -> Told<Vec<String>> {
    let known = &call.issuer.settings.scopes;
    let mut seen = BTreeSet::new();
    let scopes: Vec<String> = asked
        .unwrap_or("profile")
        .split(' ')
        .filter(|scope| known.contains_key(*scope) && seen.insert(*scope))
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        let reason = "none of the scopes exists".to_owned();
        return Err((ErrorCode::InvalidScope, reason));
    }
    Ok(scopes)
}

/// RFC 7636 §4.3, §4.4.1.
fn challenge(
    call: &Call<'_>,
    value: Option<String>,
    method: Option<&str>,
) -> Told<Option<Challenge>> {
    let supported = call.issuer.settings.accepted_challenge_methods();
    if supported.is_empty() {
        // A provider without PKCE ignores its parameters.
        return Ok(None);
    }
    let Some(value) = value else {
        return match method {
            Some(_) => {
                let reason = "there is a code_challenge_method, and no code_challenge".to_owned();
                Err((ErrorCode::InvalidRequest, reason))
            }
            None => Ok(None),
        };
    };
    let method = match method {
        Some("S256") => ChallengeMethod::S256,
        Some("plain") | None => ChallengeMethod::Plain,
        Some(other) => {
            let violation = Violation {
                rule: Rule::SupportedChallengeMethod,
                detail: format!("transform algorithm not supported: `{other}`"),
            };
            let reason = violation.to_string();
            // There is nothing to go on with, so it is refused even where it is only observed.
            let _ = call.demand(Err(violation));
            return Err((ErrorCode::InvalidRequest, reason));
        }
    };
    call.demand(rules::supported_challenge_method(method, &supported))
        .map_err(|violation| invalid_request(&violation))?;
    call.demand(rules::well_formed_challenge(&value, method))
        .map_err(|violation| invalid_request(&violation))?;
    Ok(Some(Challenge { value, method }))
}

fn prompt(text: Option<&str>) -> Told<BTreeSet<Prompt>> {
    let mut prompt = BTreeSet::new();
    for value in text.unwrap_or_default().split_whitespace() {
        prompt.insert(match value {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            other => {
                let reason = format!("the prompt `{other}` is not supported");
                return Err((ErrorCode::InvalidRequest, reason));
            }
        });
    }
    if prompt.contains(&Prompt::None) && prompt.len() > 1 {
        let reason = "the prompt `none` stands alone".to_owned();
        return Err((ErrorCode::InvalidRequest, reason));
    }
    Ok(prompt)
}

fn invalid_request(violation: &Violation) -> (ErrorCode, String) {
    (ErrorCode::InvalidRequest, violation.to_string())
}

fn page(title: &'static str, reason: String) -> Problem {
    Problem::Page { title, reason }
}
