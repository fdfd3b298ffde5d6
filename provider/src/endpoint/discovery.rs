//! `/.well-known/openid-configuration`, its RFC 8414 twin, and `/jwks`.

use super::{Call, Reply};
use crate::fault::DocumentDraft;
use crate::issue::{self, Prepared};

pub(super) fn metadata(call: &Call<'_>) -> Reply {
    document(call, &call.issuer.metadata, || issue::metadata(call.at()))
}

pub(super) fn jwks(call: &Call<'_>) -> Reply {
    document(call, &call.issuer.jwks, || issue::jwks(call.at()))
}

/// Both depend on the keys, and on the URLs of the request where a proxy has a say in them.
fn document(call: &Call<'_>, kept: &Prepared, make: impl Fn() -> DocumentDraft) -> Reply {
    if call.is_forwarded() {
        return Reply::document(call.tamper(make()));
    }
    let ready = kept.of_version(call.issuer.keys.version(), make);
    if call.issuer.faults.is_idle() {
        Reply::ready(&ready)
    } else {
        Reply::document(call.tamper(ready.draft.clone()))
    }
}
