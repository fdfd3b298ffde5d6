//! URIs in client metadata.

use std::collections::BTreeSet;

use url::Url;

use super::members::Members;
use super::{Refusal, wrong};
use crate::names::ResponseType;
use crate::protocol::ErrorCode;

pub(super) fn redirect_uris(
    members: Members<'_>,
    types: &BTreeSet<ResponseType>,
) -> Result<Vec<String>, Refusal> {
    let refuse = |reason: String| Refusal {
        code: ErrorCode::InvalidRedirectUri,
        reason,
    };
    let redirect_uris = members.texts("redirect_uris")?.unwrap_or_default();
    if redirect_uris.is_empty() && !types.is_empty() {
        let reason = "`redirect_uris` is needed for the response types that are registered";
        return Err(refuse(reason.to_owned()));
    }
    if let Some(bad) = redirect_uris.iter().find(|uri| !is_destination(uri)) {
        return Err(refuse(format!(
            "`redirect_uris` has `{bad}`, which is no absolute URI without a fragment that a browser can be sent to"
        )));
    }
    Ok(redirect_uris.into_iter().map(str::to_owned).collect())
}

/// An absolute URI without a fragment, and no script or document of its own.
fn is_destination(uri: &str) -> bool {
    let is_safe = |url: &Url| !matches!(url.scheme(), "javascript" | "data" | "vbscript");
    uri.bytes().all(|it| it.is_ascii_graphic())
        && !uri.contains('#')
        && Url::parse(uri).as_ref().is_ok_and(is_safe)
}

pub(super) fn uris(members: Members<'_>, name: &str) -> Result<Vec<String>, Refusal> {
    let uris = members.texts(name)?.unwrap_or_default();
    if let Some(bad) = uris.iter().find(|uri| !is_destination(uri)) {
        return Err(wrong(
            name,
            &format!("has `{bad}`, which is no absolute URI"),
        ));
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

pub(super) fn web_uri(members: Members<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let Some(uri) = members.text(name)? else {
        return Ok(None);
    };
    let scheme = Url::parse(uri).map(|url| url.scheme().to_owned());
    if is_destination(uri) && matches!(scheme.as_deref(), Ok("http" | "https")) {
        return Ok(Some(uri.to_owned()));
    }
    Err(wrong(name, "is no http or https URL without a fragment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_absolute_uris_and_runs_nothing() {
        for good in [
            "https://app.test/cb?x=1",
            "http://127.0.0.1/cb",
            "com.example.app:/cb",
        ] {
            assert!(is_destination(good), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "https://app.test/#x",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://app.test/\u{e9}",
            "https://app.test/a b",
        ] {
            assert!(!is_destination(bad), "{bad}");
        }
    }
}
