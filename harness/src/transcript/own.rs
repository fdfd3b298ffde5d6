//! Which exchanges of an issuer's journal belong to a run, where several runs go on beside each
//! other: told by the key that the browser sent, and on the back channel by what was handed out.

use std::sync::Arc;

use oauth_gauntlet_provider::{Endpoint, Exchange};

use crate::scenario::carries_a_key;

/// The exchanges of a run.
#[derive(Debug, Clone)]
pub struct Own {
    /// Those that are known to be its own.
    pub exchanges: Vec<Arc<Exchange>>,
    /// Why there may be more of them.
    pub unclear: Option<&'static str>,
}

/// The exchanges after a number that belong to the run with this key; all of them, where there is
/// none, since nobody else was about.
pub fn own(all: Vec<Arc<Exchange>>, after: u64, key: Option<&str>) -> Own {
    let is_later = |exchange: &Arc<Exchange>| exchange.number > after;
    let Some(key) = key else {
        return Own {
            exchanges: all.into_iter().filter(is_later).collect(),
            unclear: None,
        };
    };
    let is_cut = all.first().is_some_and(|first| first.number > after + 1);
    let mut unclear = is_cut.then_some("the issuer's journal was full before the run was over");
    let mut exchanges = Vec::new();
    for exchange in all.iter().filter(|it| is_later(it)) {
        let owner = match exchange.notes.test.as_deref() {
            Some(test) => Some(test),
            None if is_for_all(exchange.endpoint) || is_preflight(exchange) => continue,
            None => owner(&all, exchange),
        };
        match owner {
            Some(owner) if owner == key => exchanges.push(Arc::clone(exchange)),
            Some(_) => {}
            None => {
                let reason = "a request came in that nothing tells from the requests of other runs";
                unclear = unclear.or(Some(reason));
            }
        }
    }
    Own { exchanges, unclear }
}

/// Whether requests there belong to nobody: documents, and what browsers do without being sent.
fn is_for_all(endpoint: Endpoint) -> bool {
    !carries_a_key(endpoint) || matches!(endpoint, Endpoint::Authorize | Endpoint::EndSession)
}

/// Whether a browser asks what a script may ask (CORS), with nothing of the script's in it.
fn is_preflight(exchange: &Exchange) -> bool {
    exchange.request.method == "OPTIONS"
}

/// The run that was handed what a request uses, right or twisted by a fault.
fn owner<'a>(all: &'a [Arc<Exchange>], exchange: &Exchange) -> Option<&'a str> {
    let values = values(exchange);
    let holds = |known: &&Arc<Exchange>| {
        let location = (known.response.headers.iter()).filter(|(name, _)| name == "location");
        let texts = location.map(|(_, value)| value.as_str());
        let mut texts = texts.chain([
            known.response.body.as_str(),
            known.request.body.as_str(),
            known.request.target.as_str(),
        ]);
        texts.any(|text| values.iter().any(|value| text.contains(value.as_str())))
    };
    let keyed = all.iter().filter(|known| known.notes.test.is_some());
    keyed.rev().find(holds)?.notes.test.as_deref()
}

/// What a request to the back channel uses of what was handed out. Nothing short: that could be
/// anybody's.
fn values(exchange: &Exchange) -> Vec<String> {
    let query = exchange.request.target.split_once('?');
    let query = query.map_or("", |(_, query)| query);
    let pairs = [query, exchange.request.body.as_str()]
        .into_iter()
        .flat_map(|text| form_urlencoded::parse(text.as_bytes()));
    let names = ["code", "refresh_token", "token", "access_token"];
    let sent = pairs
        .filter(|(name, _)| names.contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned());
    let header = (exchange.request.headers.iter()).find(|(name, _)| name == "authorization");
    let bearer = header
        .and_then(|(_, value)| value.split_once(' '))
        .filter(|(scheme, _)| !scheme.eq_ignore_ascii_case("basic"))
        .map(|(_, token)| token.trim().to_owned());
    sent.chain(bearer).filter(|it| it.len() >= 8).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use oauth_gauntlet_provider::{Notes, RecordedRequest, RecordedResponse};

    use super::*;

    fn exchange(number: u64, endpoint: Endpoint, test: Option<&str>) -> Exchange {
        Exchange {
            number,
            issuer: String::new(),
            endpoint,
            started: Instant::now(),
            ended: Instant::now(),
            request: RecordedRequest::default(),
            response: RecordedResponse::default(),
            notes: Notes {
                test: test.map(str::to_owned),
                ..Notes::default()
            },
        }
    }

    fn authorize(number: u64, test: &str, location: &str) -> Exchange {
        let mut it = exchange(number, Endpoint::Authorize, Some(test));
        let location = ("location".to_owned(), location.to_owned());
        it.response.headers.push(location);
        it
    }

    fn token(number: u64, body: &str) -> Exchange {
        let mut it = exchange(number, Endpoint::Token, None);
        body.clone_into(&mut it.request.body);
        it
    }

    fn numbers(own: &Own) -> Vec<u64> {
        own.exchanges.iter().map(|it| it.number).collect()
    }

    fn all(exchanges: Vec<Exchange>) -> Vec<Arc<Exchange>> {
        exchanges.into_iter().map(Arc::new).collect()
    }

    #[test]
    fn a_twisted_code_belongs_to_the_run_that_it_was_handed_to() {
        let all = all(vec![
            authorize(1, "one", "http://app/cb?code=twisted-1234"),
            authorize(2, "two", "http://app/cb?code=right-567890"),
            exchange(3, Endpoint::Metadata, None),
            token(4, "grant_type=authorization_code&code=twisted-1234"),
        ]);
        let (one, two) = (
            own(all.clone(), 0, Some("one")),
            own(all.clone(), 0, Some("two")),
        );
        assert_eq!((numbers(&one), one.unclear), (vec![1, 4], None));
        assert_eq!((numbers(&two), two.unclear), (vec![2], None));
        assert_eq!(numbers(&own(all, 1, None)), [2, 3, 4]);
    }

    #[test]
    fn what_could_be_anybodys_is_nobodys_and_said() {
        for body in ["grant_type=authorization_code", "code=undefined", "code=1"] {
            let all = all(vec![authorize(1, "one", "/?code=1"), token(2, body)]);
            let one = own(all, 0, Some("one"));
            assert_eq!(numbers(&one), [1]);
            assert!(one.unclear.is_some_and(|it| it.contains("came in")));
        }
    }

    #[test]
    fn a_journal_that_lost_its_beginning_is_said() {
        let late = own(all(vec![authorize(7, "one", "/")]), 3, Some("one"));
        assert!(late.unclear.is_some_and(|it| it.contains("full")));
        let whole = own(all(vec![authorize(4, "one", "/")]), 3, Some("one"));
        assert_eq!(whole.unclear, None);
    }
}
