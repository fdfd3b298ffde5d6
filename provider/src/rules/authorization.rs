//! What is demanded of an authorization request.

use std::collections::BTreeSet;

use super::{Holds, Rule, demand, is_unreserved};
use crate::names::{ChallengeMethod, ResponseType};
use crate::parties::Client;

pub(crate) fn known_client(id: &str, registered: Option<&Client>) -> Holds {
    demand(registered.is_some(), Rule::KnownClient, || {
        format!("no client `{id}` is registered")
    })
}

pub(crate) fn registered_redirect_uri(client: &Client, uri: &str) -> Holds {
    let registered = (client.redirect_uris.iter()).any(|known| same_redirect_target(known, uri));
    demand(registered, Rule::RegisteredRedirectUri, || {
        format!("`{uri}` is not registered for the client `{}`", client.id)
    })
}

pub(crate) fn well_formed_challenge(challenge: &str, method: ChallengeMethod) -> Holds {
    let fits = match method {
        ChallengeMethod::S256 => challenge.len() == 43,
        ChallengeMethod::Plain => (43..=128).contains(&challenge.len()),
    };
    let letters = challenge.bytes().all(is_unreserved);
    demand(fits && letters, Rule::WellFormedChallenge, || {
        format!(
            "the code challenge has {} letters or one that is not allowed",
            challenge.chars().count()
        )
    })
}

pub(crate) fn supported_challenge_method(
    method: ChallengeMethod,
    supported: &BTreeSet<ChallengeMethod>,
) -> Holds {
    demand(
        supported.contains(&method),
        Rule::SupportedChallengeMethod,
        || format!("transform algorithm not supported: `{}`", method.as_str()),
    )
}

/// OAuth 2.1 leaves out plain requests; `challenged` is whether there is a code challenge.
pub(crate) fn code_challenge(response_type: ResponseType, challenged: bool) -> Holds {
    let missing = response_type.has_code() && !challenged;
    demand(!missing, Rule::CodeChallenge, || {
        "there is no code_challenge".to_owned()
    })
}

pub(crate) fn hashed_challenge(method: ChallengeMethod) -> Holds {
    demand(
        method == ChallengeMethod::S256,
        Rule::HashedChallenge,
        || {
            format!(
                "the code challenge method is `{}`, not `S256`",
                method.as_str()
            )
        },
    )
}

pub(crate) fn nonce_for_id_token(response_type: ResponseType, nonce: Option<&str>) -> Holds {
    let missing = response_type.has_id_token() && nonce.is_none();
    demand(!missing, Rule::NonceForIdToken, || {
        format!(
            "there is no nonce, and `{}` brings an ID token by way of the browser",
            response_type.as_str()
        )
    })
}

pub(crate) fn no_token_by_browser(response_type: ResponseType) -> Holds {
    demand(!response_type.has_token(), Rule::NoTokenByBrowser, || {
        format!(
            "`{}` brings an access token by way of the browser",
            response_type.as_str()
        )
    })
}

pub(crate) fn code_alone(response_type: ResponseType) -> Holds {
    demand(response_type == ResponseType::Code, Rule::CodeAlone, || {
        format!(
            "the response type is `{}`, not `code`",
            response_type.as_str()
        )
    })
}

/// `localhost` counts as the loopback interface, as RFC 8252 §8.3 tolerates.
pub(crate) fn secure_redirect_uri(uri: &str) -> Holds {
    let host = url::Url::parse(uri).ok().and_then(|uri| match uri.host()? {
        url::Host::Domain(name) => Some(name == "localhost"),
        url::Host::Ipv4(address) => Some(address.is_loopback()),
        url::Host::Ipv6(address) => Some(address.is_loopback()),
    });
    let plain = uri
        .get(..5)
        .is_some_and(|it| it.eq_ignore_ascii_case("http:"));
    let secure = !plain || host == Some(true);
    demand(secure, Rule::SecureRedirectUri, || {
        format!("`{uri}` is an http URI that does not lead to the same machine")
    })
}

pub(crate) fn pushed_request(pushed: bool) -> Holds {
    demand(pushed, Rule::PushedRequest, || {
        "the request was not pushed".to_owned()
    })
}

pub(crate) fn pushed_as_registered(client: &Client, pushed: bool) -> Holds {
    let holds = pushed || !client.require_pushed_authorization_requests;
    demand(holds, Rule::RequestAsRegistered, || {
        format!("the client `{}` has to push its requests", client.id)
    })
}

pub(crate) fn signed_as_registered(client: &Client, signed: bool) -> Holds {
    let holds = signed || !client.require_signed_request_object;
    demand(holds, Rule::RequestAsRegistered, || {
        format!("the client `{}` has to sign its requests", client.id)
    })
}

pub(crate) fn signed_request_object(signed: bool) -> Holds {
    demand(signed, Rule::SignedRequestObject, || {
        "the request object is not signed with a key of the client".to_owned()
    })
}

/// To the letter, but for the port of a loopback IP literal (RFC 8252 §7.3).
fn same_redirect_target(registered: &str, uri: &str) -> bool {
    registered == uri
        || match (
            without_loopback_port(registered),
            without_loopback_port(uri),
        ) {
            (Some(registered), Some(uri)) => registered == uri,
            _ => false,
        }
}

fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| Some((host, uri.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let rest = port.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let number = port.strip_suffix(rest)?;
            number.parse::<u16>().ok()?;
            rest
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_compared_to_the_letter_but_for_the_port_of_a_loopback_literal() {
        let same = [
            ("https://app.test/cb", "https://app.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
            ("http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:2/cb?x=1"),
            ("http://[::1]:8080", "http://[::1]:9"),
        ];
        for (registered, uri) in same {
            assert!(same_redirect_target(registered, uri), "{registered} {uri}");
        }
        let different = [
            ("https://app.test/cb", "https://app.test/cb/"),
            ("https://app.test/cb", "https://APP.test/cb"),
            ("http://localhost:1/cb", "http://localhost:2/cb"),
            ("https://127.0.0.1:1/cb", "https://127.0.0.1:2/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:2/other"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80.evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.test/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
        ];
        for (registered, uri) in different {
            assert!(!same_redirect_target(registered, uri), "{registered} {uri}");
        }
    }
}
