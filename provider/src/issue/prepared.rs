//! Documents that seldom change, kept ready for the wire.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use axum::http::HeaderMap;

use crate::fault::DocumentDraft;

/// A document as it was made last, and from which version of what it is made of.
#[derive(Default)]
pub(crate) struct Prepared(RwLock<Option<(u64, Arc<Ready>)>>);

/// A document that needs no more work.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) draft: DocumentDraft,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Prepared {
    /// The document of this version, made anew if there is only an older one.
    pub(crate) fn of_version(
        &self,
        version: u64,
        make: impl FnOnce() -> DocumentDraft,
    ) -> Arc<Ready> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, ready)) = &*kept
            && *known == version
        {
            return Arc::clone(ready);
        }
        drop(kept);
        let draft = make();
        let ready = Arc::new(Ready {
            headers: draft.headers.clone(),
            body: draft.clone().into_body().into(),
            draft,
        });
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((version, Arc::clone(&ready)));
        ready
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared(..)")
    }
}
