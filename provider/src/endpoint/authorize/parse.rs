//! From the parameters of an authorization request to one that passed every rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::problem::{Problem, Told, Way, invalid_request, told};
use super::request::{self, Asked};
use super::wishes;
use crate::endpoint::Call;
use crate::endpoint::message::{GARBLED, Pairs, typed, value, values};
use crate::endpoint::token::target::resource_is_known;
use crate::grant::{Challenge, Pending, Prompt};
use crate::issue;
use crate::names::{ChallengeMethod, GrantType, ResponseMode, ResponseType};
use crate::parties::Client;
use crate::protocol::{AuthorizationParameters, ErrorCode};
use crate::rules::{self, Rule, Violation};

/// Parameters of which a second one leaves open who is talking, and where the answer goes.
const UNAMBIGUOUS: [&str; 4] = ["client_id", "redirect_uri", "request", "request_uri"];

/// Checks client and redirect URI first, since every other problem goes there.
pub(in crate::endpoint) fn parse(
    call: &Call<'_>,
    pairs: &[(String, String)],
) -> Result<Pending, Problem> {
    let repeated = single_parameters(call, pairs)?;
    let client = known_client(call, value(pairs, "client_id"))?;
    if call.request.is_garbled() {
        return Err(garbled(call, &client, pairs));
    }
    let asked = request::gather(call, &client, pairs)?;
    let pushed = asked.request_uri.is_some();
    let (parameters, way) = address(call, &client, &asked)?;
    let rules = || {
        repeated.map_err(|violation| invalid_request(&violation))?;
        call.demand(rules::pushed_request(pushed))
            .map_err(|violation| invalid_request(&violation))?;
        call.demand(rules::pushed_as_registered(&client, pushed))
            .map_err(|violation| invalid_request(&violation))?;
        // A pushed request was looked at when it was pushed.
        call.demand(rules::signed_as_registered(&client, asked.signed || pushed))
            .map_err(|violation| invalid_request(&violation))?;
        pending(call, &client, &way, (&asked, parameters))
    };
    rules().map_err(|told| Problem::told(way.clone(), told))
}

/// A parameter is not what was sent. Where that may be the state, the response has none, rather than
/// another one.
fn garbled(call: &Call<'_>, client: &Client, pairs: &[(String, String)]) -> Problem {
    let mut parameters: AuthorizationParameters = typed(pairs);
    let state = parameters.state.take();
    parameters.state = state.filter(|state| !state.contains(char::REPLACEMENT_CHARACTER));
    match good_redirect_uri(call, client, &parameters) {
        Ok(uri) => {
            let way = Way::asked(&client.id, uri, &parameters);
            Problem::told(way, (ErrorCode::InvalidRequest, GARBLED.to_owned()))
        }
        Err(problem) => problem,
    }
}

/// Checks a request that is pushed like any other (RFC 9126 §2.1): the parameters to keep.
pub(in crate::endpoint) fn push(
    call: &Call<'_>,
    client: &Client,
    pairs: &[(String, String)],
) -> Result<Pairs, Problem> {
    let asked = request::gather(call, client, pairs)?;
    let (parameters, way) = address(call, client, &asked)?;
    let checked = call
        .demand(rules::signed_as_registered(client, asked.signed))
        .map_err(|violation| invalid_request(&violation))
        .and_then(|()| pending(call, client, &way, (&asked, parameters)));
    match checked {
        Ok(_) => Ok(asked.pairs),
        Err(told) => Err(Problem::told(way, told)),
    }
}

/// The rule on repeated parameters; broken, it can be told to the client in most cases.
fn single_parameters(
    call: &Call<'_>,
    pairs: &[(String, String)],
) -> Result<Result<(), Violation>, Problem> {
    let repeated = call.demand(rules::single_parameters(pairs));
    let ambiguous = UNAMBIGUOUS
        .iter()
        .any(|name| pairs.iter().filter(|(it, _)| it == name).count() > 1);
    match repeated {
        Err(violation) if ambiguous => {
            Err(Problem::page("Ambiguous request", violation.to_string()))
        }
        repeated => Ok(repeated),
    }
}

fn known_client(call: &Call<'_>, id: Option<&str>) -> Result<Arc<Client>, Problem> {
    let Some(id) = id else {
        return Err(Problem::page("No client", "The request has no client_id."));
    };
    let registered = call.issuer.client(id);
    call.demand(rules::known_client(id, registered.as_deref()))
        .map_err(|violation| Problem::page("Unknown client", violation.to_string()))?;
    Ok(registered.unwrap_or_else(|| Arc::new(Client::public(id))))
}

/// The parameters, and how the response goes back.
fn address(
    call: &Call<'_>,
    client: &Client,
    asked: &Asked,
) -> Result<(AuthorizationParameters, Way), Problem> {
    let parameters: AuthorizationParameters = typed(&asked.pairs);
    let redirect_uri = good_redirect_uri(call, client, &parameters)?;
    let way = Way {
        request_uri: asked.request_uri.clone(),
        ..Way::asked(&client.id, redirect_uri, &parameters)
    };
    Ok((parameters, way))
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
                Err(Problem::page("No redirect URI", reason))
            }
        };
    };
    let rule = rules::registered_redirect_uri(client, uri);
    let registered = rule.is_ok();
    call.demand(rule)
        .map_err(|violation| Problem::page("Unregistered redirect URI", violation.to_string()))?;
    // What is not registered and let through all the same has to be safe at least.
    let parsed = url::Url::parse(uri)
        .ok()
        .filter(|_| uri.bytes().all(|it| it.is_ascii_graphic()));
    let usable = parsed.is_some_and(|parsed| {
        parsed.fragment().is_none() && (registered || matches!(parsed.scheme(), "http" | "https"))
    });
    if !usable {
        let reason =
            format!("`{uri}` is no absolute URI without a fragment that a browser can be sent to.");
        return Err(Problem::page("Unusable redirect URI", reason));
    }
    call.demand(rules::secure_redirect_uri(uri))
        .map_err(|violation| Problem::page("Insecure redirect URI", violation.to_string()))?;
    Ok(uri.clone())
}

fn pending(
    call: &Call<'_>,
    client: &Client,
    way: &Way,
    (asked, parameters): (&Asked, AuthorizationParameters),
) -> Told<Pending> {
    let response_type = response_type(call, client, &parameters)?;
    check_mode(response_type, parameters.response_mode.as_deref())?;
    let scopes = known_scopes(call, client, parameters.scope.as_deref())?;
    let has_openid = scopes.iter().any(|scope| scope == "openid");
    if response_type.has_id_token() && !has_openid {
        let reason = "a response with an ID token needs the scope `openid`";
        return told(ErrorCode::InvalidRequest, reason);
    }
    let nonce = rules::nonce_for_id_token(response_type, parameters.nonce.as_deref());
    call.demand(nonce)
        .map_err(|violation| invalid_request(&violation))?;
    let challenge = challenge(
        call,
        parameters.code_challenge,
        parameters.code_challenge_method.as_deref(),
    )?;
    call.demand(rules::code_challenge(response_type, challenge.is_some()))
        .map_err(|violation| invalid_request(&violation))?;
    let acr_values = wishes::words(parameters.acr_values.as_deref());
    let mut resources = Vec::new();
    for resource in values(&asked.pairs, "resource") {
        resource_is_known(call, &resource).map_err(|error| (error.code, error.reason))?;
        if !resources.contains(&resource) {
            resources.push(resource);
        }
    }
    Ok(Pending {
        flow: call.issuer.randomness.id(),
        client_id: client.id.clone(),
        redirect_uri: way.redirect_uri.clone(),
        redirect_uri_was_sent: parameters.redirect_uri.is_some(),
        scopes,
        state: parameters.state,
        nonce: parameters.nonce,
        challenge,
        prompt: prompt(parameters.prompt.as_deref())?,
        login_hint: parameters.login_hint,
        max_age: wishes::max_age(parameters.max_age.as_deref())?.or(client.default_max_age),
        response_type,
        response_mode: way.mode,
        claims: wishes::claims(call, parameters.claims.as_deref(), &acr_values)?,
        acr_values,
        ui_locales: wishes::words(parameters.ui_locales.as_deref()),
        hinted_sub: wishes::hinted_sub(call, parameters.id_token_hint.as_deref())?,
        resources,
        dpop_jkt: wishes::thumbprint(parameters.dpop_jkt)?,
        request_uri: asked.request_uri.clone(),
        test: call.test(),
    })
}

/// The response type, if the issuer serves it and the client may use it.
fn response_type(
    call: &Call<'_>,
    client: &Client,
    parameters: &AuthorizationParameters,
) -> Told<ResponseType> {
    let Some(name) = parameters.response_type.as_deref() else {
        return told(ErrorCode::InvalidRequest, "no response_type is sent");
    };
    let unsupported = |reason: String| (ErrorCode::UnsupportedResponseType, reason);
    let served = ResponseType::parse(name)
        .filter(|it| issue::response_types(call.issuer, &[]).any(|known| known == *it))
        .ok_or_else(|| unsupported(format!("the response type `{name}` is not supported")))?;
    for rule in [
        rules::no_token_by_browser(served),
        rules::code_alone(served),
    ] {
        call.demand(rule)
            .map_err(|violation| unsupported(violation.to_string()))?;
    }
    let grants = client.grant_types.as_ref();
    let may = |grant| grants.is_none_or(|grants| grants.contains(&grant));
    let code = !served.has_code() || may(GrantType::AuthorizationCode);
    let implicit = !(served.has_token() || served.has_id_token()) || may(GrantType::Implicit);
    let listed = (client.response_types.as_ref()).is_none_or(|types| types.contains(&served));
    // A bearer token by way of the browser is bound to nobody.
    let bound = client.dpop_bound_access_tokens || client.certificate_bound_access_tokens;
    if code && implicit && listed && !(bound && served.has_token()) {
        Ok(served)
    } else {
        let reason = format!("the client may not use the response type `{name}`");
        told(ErrorCode::UnauthorizedClient, reason)
    }
}

fn check_mode(response_type: ResponseType, mode: Option<&str>) -> Told<()> {
    let Some(name) = mode else { return Ok(()) };
    match ResponseMode::parse(name) {
        None => {
            let reason = format!("the response mode `{name}` is not supported");
            told(ErrorCode::InvalidRequest, reason)
        }
        Some(mode) if !response_type.allows(mode) => {
            let reason =
                format!("the response mode `{name}` would put a token into a URL that servers log");
            told(ErrorCode::InvalidRequest, reason)
        }
        Some(_) => Ok(()),
    }
}

/// The scopes that exist and that the client may have, in the order of the request. Others are
/// left out (RFC 6749 §3.3); a request without any gets `profile`. To a lax issuer all exist, so
/// that nobody has to set up those of an API.
fn known_scopes(call: &Call<'_>, client: &Client, asked: Option<&str>) -> Told<Vec<String>> {
    let known = &call.issuer.settings.scopes;
    let exists =
        |scope: &str| known.contains_key(scope) || (call.issuer.is_lax() && !scope.is_empty());
    let may = |scope: &str| (client.scopes.as_ref()).is_none_or(|scopes| scopes.contains(scope));
    let mut seen = BTreeSet::new();
    let scopes: Vec<String> = asked
        .unwrap_or("profile")
        .split(' ')
        .filter(|scope| exists(scope) && may(scope) && seen.insert(*scope))
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        let reason = "none of the scopes exists, or the client may have none of them";
        return told(ErrorCode::InvalidScope, reason);
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
            // A misspelt S256 can be gone on with where it is only observed. With any other name
            // there is nothing to go on with.
            let observed = call.demand(Err(violation)).is_ok();
            if !observed || !other.eq_ignore_ascii_case("S256") {
                return Err((ErrorCode::InvalidRequest, reason));
            }
            ChallengeMethod::S256
        }
    };
    call.demand(rules::hashed_challenge(method))
        .map_err(|violation| invalid_request(&violation))?;
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
