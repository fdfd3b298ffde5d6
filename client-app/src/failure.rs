//! Why a request cannot be answered as it was meant.

use crate::{refusal::Refusal, session::SessionError};

/// What stops a handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A check said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no provider of that name.
    #[error("no provider of that name is configured")]
    UnknownProvider,
    /// The session could not be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}
