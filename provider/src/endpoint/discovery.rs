//! `/.well-known/openid-configuration`, its RFC 8414 twin, and `/jwks`.

use super::{Call, Reply};
use crate::issue;

pub(super) fn metadata(call: &Call<'_>) -> Reply {
    let draft = issue::metadata(call.at());
    Reply::document(call.issuer.faults.tamper(&call.moment(), draft))
}

pub(super) fn jwks(call: &Call<'_>) -> Reply {
    let draft = issue::jwks(call.at());
    Reply::document(call.issuer.faults.tamper(&call.moment(), draft))
}
