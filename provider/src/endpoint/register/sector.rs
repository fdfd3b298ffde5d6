//! Which clients know a user by the same pairwise subject: those of one sector (OIDC Core §8.1).

use url::Url;

use super::members::Members;
use super::uris::web_uri;
use super::{Refusal, wrong};
use crate::endpoint::Call;
use crate::parties::Client;

pub(super) const MEMBER: &str = "sector_identifier_uri";

/// The sector that the client names: the host of a URL that lists all of its redirect URIs, which
/// proves that they belong together (OIDC Dynamic Client Registration 1.0 §5).
pub(super) fn identifier(
    call: &Call<'_>,
    members: Members<'_>,
    client: &Client,
) -> Result<Option<String>, Refusal> {
    let Some(uri) = web_uri(members, MEMBER)? else {
        return Ok(None);
    };
    let listed = (call.issuer.outbound.on_behalf_of(client))
        .wait_for_json(&uri)
        .map_err(|error| wrong(MEMBER, &format!("cannot be used: {error}")))?;
    let listed = (listed.as_array())
        .ok_or_else(|| wrong(MEMBER, "leads to something else than an array of URIs"))?;
    let is_listed = |uri: &str| listed.iter().any(|it| it == uri);
    if let Some(other) = client.redirect_uris.iter().find(|uri| !is_listed(uri)) {
        let problem = format!("does not list `{other}`, which is one of `redirect_uris`");
        return Err(wrong(MEMBER, &problem));
    }
    let host = Url::parse(&uri).ok();
    Ok(host.and_then(|uri| uri.host_str().map(str::to_owned)))
}
