//! Which parallel test a request belongs to, and what becomes of one that belongs to none.

use super::{Call, Reply, Route};
use crate::parallel;
use crate::protocol::ErrorCode;

impl Call<'_> {
    /// Finds out which parallel test the request says that it belongs to: the refusal, if that is
    /// none that there is.
    pub(super) fn enter_test(&self, route: Route) -> Option<Reply> {
        let (request, tests) = (self.request, &self.issuer.tests);
        let cookie = || request.cookies(parallel::COOKIE).next();
        if let Some(key) = request.header(&parallel::HEADER).or_else(cookie) {
            if !tests.knows(key) {
                return Some(unknown_test(key));
            }
            self.note_test(Some(key));
        }
        // Nothing is begun for nobody.
        if matches!(route, Route::Authorize | Route::HeadlessLogin) && self.lacks_test(route) {
            return Some(no_test());
        }
        None
    }

    /// Whether the request had to belong to a parallel test, and does not: neither by itself nor by
    /// what it uses.
    pub(super) fn lacks_test(&self, route: Route) -> bool {
        let is_for_all = matches!(
            route,
            Route::Metadata | Route::Jwks | Route::Index | Route::Unknown
        );
        self.issuer.tests.are_required() && !is_for_all && self.notes.borrow().test.is_none()
    }
}

/// No test has this key.
fn unknown_test(key: &str) -> Reply {
    let key: String = key.chars().take(64).collect();
    let reason = format!("no parallel test has the key `{key}`; register it with POST /_/tests");
    Reply::error(400, ErrorCode::InvalidRequest, &reason)
}

/// The provider was told that every request belongs to a test.
pub(super) fn no_test() -> Reply {
    let reason = format!(
        "the request belongs to no parallel test, and this provider wants that: send a key in the header `{}` or the cookie `{}`",
        parallel::HEADER,
        parallel::COOKIE
    );
    Reply::error(400, ErrorCode::InvalidRequest, &reason)
}
