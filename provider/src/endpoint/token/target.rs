//! Whom an access token is for: resource indicators at the token endpoint (RFC 8707 §2.2).

use super::{TokenError, error};
use crate::endpoint::Call;
use crate::protocol::ErrorCode;

/// The resources that are asked for, or else all that were granted. Where none was granted, any
/// that the issuer knows may be asked for.
pub(in crate::endpoint) fn audience(
    call: &Call<'_>,
    granted: &[String],
    asked: &[String],
) -> Result<Vec<String>, TokenError> {
    if asked.is_empty() {
        return Ok(granted.to_vec());
    }
    let mut audience = Vec::new();
    for resource in asked {
        resource_is_known(call, resource)?;
        if !granted.is_empty() && !granted.contains(resource) {
            let reason = format!("the resource `{resource}` was not granted");
            return Err(error(ErrorCode::InvalidTarget, &reason));
        }
        if !audience.contains(resource) {
            audience.push(resource.clone());
        }
    }
    Ok(audience)
}

/// An absolute URI without a fragment, and one of the issuer's, where it is particular
/// (RFC 8707 §2).
pub(in crate::endpoint) fn resource_is_known(
    call: &Call<'_>,
    resource: &str,
) -> Result<(), TokenError> {
    let refuse = |reason: String| Err(error(ErrorCode::InvalidTarget, &reason));
    if url::Url::parse(resource).is_err() || resource.contains('#') {
        return refuse(format!(
            "the resource `{resource}` is no absolute URI without a fragment"
        ));
    }
    let known = &call.issuer.settings.resources;
    if known
        .as_ref()
        .is_some_and(|known| !known.contains(resource))
    {
        return refuse(format!("the resource `{resource}` is unknown"));
    }
    Ok(())
}
