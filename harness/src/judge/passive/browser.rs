//! What only a real browser shows: storage, addresses that scripts leave, where the browser says that
//! it came from, and scripts that fail.

use std::time::Instant;

use super::Tally;
use crate::run::{Record, Secret, SecretKind, Standing};
use crate::transcript::{Entry, Party};
use crate::user_agent::Purpose;

/// draft-ietf-oauth-browser-based-apps §8: what outlives the window is there for every script.
pub(super) fn tokens_in_storage(tally: &mut Tally<'_>, run: &Record) {
    let signed_in = |standing| matches!(standing, Standing::SignedIn(_));
    let looked = run.steps.iter().filter(|step| signed_in(step.standing));
    tally.looked_at += looked.count();
    for kept in run
        .stored
        .iter()
        .filter(|it| it.stored.place == "localStorage")
    {
        let holds = |secret: &&Secret| kept.stored.value.contains(&secret.value);
        for secret in tokens(run).filter(holds) {
            tally.found(
                page_before(run, kept.at),
                format!(
                    "the client keeps the {} in localStorage",
                    secret.kind.words()
                ),
                "tokens in memory, in a worker, or on a server",
                format!("under the key `{}`", without_secrets(run, &kept.stored.key)),
            );
        }
    }
}

/// RFC 6750 §5.3, RFC 9700 §4.3.2: addresses are kept, shown and passed on.
pub(super) fn tokens_in_address(tally: &mut Tally<'_>, run: &Record) {
    for entry in run.transcript.iter().filter(|it| it.is_page_of_the_app()) {
        if entry.answer.status().is_none_or(|status| status / 100 == 3) {
            continue;
        }
        tally.looked_at += 1;
        // Where a script leads to another party, that is no address of the client's.
        let own = entry.left_for.as_ref();
        let own = own.filter(|next| run.places.party(next) == Party::App);
        let stands_at = own.unwrap_or(&entry.url);
        let holds = |secret: &&Secret| stands_at.as_str().contains(&secret.value);
        for secret in tokens(run).filter(holds) {
            tally.found(
                Some(entry),
                format!(
                    "the client leaves the {} in the address bar",
                    secret.kind.words()
                ),
                "an address without it, once it has been read",
                format!("in the address of {}", stands_at.path()),
            );
        }
    }
}

/// RFC 9700 §4.2: pages tell other hosts where they were called from.
pub(super) fn referer(tally: &mut Tally<'_>, run: &Record) {
    let asked = |entry: &&Entry| matches!(entry.from, Party::Browser(_)) && entry.to != Party::App;
    for entry in run.transcript.iter().filter(asked) {
        tally.looked_at += 1;
        let referer = entry.referer.as_deref().unwrap_or_default();
        let told = run.secrets.iter().filter(|secret| secret.value.len() >= 16);
        for secret in told.filter(|secret| referer.contains(&secret.value)) {
            tally.found(
                Some(entry),
                format!("the client tells another host the {}", secret.kind.words()),
                "Referrer-Policy: no-referrer, or no policy at all",
                format!("in the Referer of the request to {}", host(entry)),
            );
        }
    }
}

/// An error that nothing catches leaves its user before a page that does nothing.
pub(super) fn uncaught_errors(tally: &mut Tally<'_>, run: &Record) {
    if !run.faults.is_empty() {
        return;
    }
    let pages = run.transcript.iter().filter(|it| it.is_page_of_the_app());
    tally.looked_at += pages.count();
    for said in run.said.iter().filter(|said| said.uncaught) {
        let text: String = without_secrets(run, &said.text).chars().take(160).collect();
        tally.found(
            page_before(run, said.at),
            "a script of the client fails, and nothing catches that".to_owned(),
            "no error that no script catches while all goes well",
            text,
        );
    }
}

fn tokens(run: &Record) -> impl Iterator<Item = &Secret> {
    let is_token = |kind| {
        matches!(
            kind,
            SecretKind::AccessToken | SecretKind::RefreshToken | SecretKind::IdToken
        )
    };
    let secrets = run.secrets.iter();
    secrets.filter(move |secret| is_token(secret.kind) && secret.value.len() >= 16)
}

/// The page that was open at a moment.
fn page_before(run: &Record, moment: Instant) -> Option<&Entry> {
    let pages = run.transcript.iter().rev();
    { pages }.find(|it| it.to == Party::App && it.purpose == Purpose::Page && it.started <= moment)
}

fn host(entry: &Entry) -> &str {
    entry.url.host_str().unwrap_or_default()
}

fn without_secrets(run: &Record, text: &str) -> String {
    let secrets = run.secrets.iter().filter(|it| it.value.len() >= 8);
    secrets.fold(text.to_owned(), |text, secret| {
        text.replace(&secret.value, "…")
    })
}
