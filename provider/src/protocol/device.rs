//! The device authorization response (RFC 8628 §3.2).

use std::fmt;

use serde::Serialize;

/// What a device shows people, and what it asks with.
#[derive(Clone, Serialize)]
pub(crate) struct DeviceAuthorizationResponse {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) verification_uri_complete: String,
    /// Seconds.
    pub(crate) expires_in: u64,
    /// Seconds between two polls.
    pub(crate) interval: u64,
}

impl fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("verification_uri", &self.verification_uri)
            .finish_non_exhaustive()
    }
}
