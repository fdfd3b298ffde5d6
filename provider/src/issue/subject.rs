//! What a client gets as the `sub` of a user (OIDC Core §8).

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::issuer::IssuerState;
use crate::names::SubjectType;
use crate::parties::Client;

/// The `sub` of a user for a client: the user's own, or one for the client's sector (OIDC Core
/// §8.1).
pub(crate) fn subject<'a>(issuer: &IssuerState, client: &Client, sub: &'a str) -> Cow<'a, str> {
    match client.subject_type {
        SubjectType::Public => Cow::Borrowed(sub),
        SubjectType::Pairwise => Cow::Owned(pairwise(issuer, &sector(client), sub)),
    }
}

/// Whose `sub` for the client this is, as the issuer knows them.
pub(crate) fn own_sub(issuer: &IssuerState, client: &Client, sub: &str) -> Option<String> {
    match client.subject_type {
        SubjectType::Public => Some(sub.to_owned()),
        SubjectType::Pairwise => (issuer.users().into_iter())
            .map(|user| user.sub)
            .find(|known| subject(issuer, client, known) == sub),
    }
}

fn sector(client: &Client) -> String {
    let of_redirect_uri = || {
        let first = url::Url::parse(client.redirect_uris.first()?).ok()?;
        first.host_str().map(str::to_owned)
    };
    (client.sector_identifier.clone())
        .or_else(of_redirect_uri)
        .unwrap_or_else(|| client.id.clone())
}

/// It cannot be turned back without the list of users, which is all that a mock needs.
fn pairwise(issuer: &IssuerState, sector: &str, sub: &str) -> String {
    let mut hash = Context::new(&SHA256);
    for part in [&issuer.name, sector, sub] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    URL_SAFE_NO_PAD.encode(hash.finish())
}
