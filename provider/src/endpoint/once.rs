//! What may be used once: the identifiers of assertions and proofs (RFC 7519 §4.1.7).

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Call;

/// For how many seconds an identifier is known at most.
const LONGEST: u64 = 24 * 3_600;

/// Whether this is seen for the first time; it is then known for so many seconds. The parts say
/// what it is, whose it is, and which. They are hashed, so that long ones take no more room.
pub(super) fn first_sight(call: &Call<'_>, parts: &[&str], seconds: u64) -> bool {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let key = URL_SAFE_NO_PAD.encode(hash.finish());
    call.shelf().first_sight(&key, seconds.clamp(1, LONGEST))
}
