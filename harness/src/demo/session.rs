//! Who is signed in, by session cookie. Deliberately naive: see the list of defects in the module.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The access token of each session that is signed in.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, String>>);

impl Sessions {
    pub(super) fn access_token(&self, visitor: &Visitor) -> Option<String> {
        self.lock().get(&visitor.session).cloned()
    }

    pub(super) fn sign_in(&self, visitor: Visitor, access_token: String) {
        self.lock().insert(visitor.session, access_token);
    }

    pub(super) fn sign_out(&self, visitor: &Visitor) {
        self.lock().remove(&visitor.session);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The browser that sent the request, known by its session cookie.
#[derive(Clone)]
pub(super) struct Visitor {
    session: String,
}

/// Gives a browser without a session cookie one at its first visit.
pub(super) async fn recognise(mut request: Request, next: Next) -> Response {
    let known = session_cookie(request.headers());
    let is_new = known.is_none();
    let session = known.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    request.extensions_mut().insert(Visitor {
        session: session.clone(),
    });

    let mut response = next.run(request).await;
    if is_new {
        let cookie = HeaderValue::try_from(format!("session={session}; Path=/"))
            .expect("hexadecimal digits are fit for a header");
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn session_cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("session="))
        .map(ToOwned::to_owned)
}
