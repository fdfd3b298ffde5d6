//! What clients are told at logout.

use serde_json::json;

use super::tokens::jose_header;
use super::{At, subject};
use crate::fault::{JwtDraft, JwtKind};
use crate::jose::Signer;
use crate::logout::About;
use crate::parties::Client;
use crate::protocol::LogoutTokenClaims;

/// For how many seconds a logout token is valid: two minutes at most (Back-Channel Logout 1.0 §4).
const LIFE: u64 = 120;

/// The logout token (Back-Channel Logout 1.0 §2.4).
pub(crate) fn logout_token(
    at: At<'_>,
    signer: &Signer,
    client: &Client,
    about: About<'_>,
) -> JwtDraft {
    let now = at.issuer.now();
    let header = jose_header(signer, "logout+jwt");
    let claims = LogoutTokenClaims {
        iss: at.urls.issuer.clone(),
        sub: (about.sub).map(|sub| subject::subject(at.issuer, client, sub).into_owned()),
        aud: client.id.clone(),
        iat: now,
        exp: now.saturating_add(LIFE),
        jti: at.issuer.randomness.id(),
        events: json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        sid: about.sid.map(str::to_owned),
    };
    JwtDraft::new(JwtKind::LogoutToken, &header, &claims)
}
