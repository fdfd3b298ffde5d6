//! One request of a session at a time, and each one to its end.
//!
//! A session is loaded, changed and saved as a whole. Two requests at once could use one pending
//! login twice, send one refresh token twice, or bring back what the other one has removed.

use super::COOKIE;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::instrument::WithSubscriber;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// The sessions that have a request in hand, by the value of their cookie.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<String, Turn>>>);

impl Turns {
    /// The middleware: waits for its turn, then runs the request in a task of its own.
    ///
    /// Of its own, since a browser that goes away must not cut a request in half: the refresh
    /// token that was just rotated would be lost.
    pub(crate) async fn take(State(turns): State<Self>, request: Request, next: Next) -> Response {
        let Some(cookie) = cookie(request.headers()) else {
            return next.run(request).await;
        };
        let turn = async move {
            let turn = turns.turn(&cookie);
            let guard = turn.lock_owned().await;
            let response = next.run(request).await;
            drop(guard);
            turns.tidy(&cookie);
            response
        };
        // What the request logs goes where it would have gone without a task.
        match tokio::spawn(turn.with_current_subscriber()).await {
            Ok(response) => response,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    fn turn(&self, cookie: &str) -> Turn {
        Arc::clone(self.lock().entry(cookie.to_owned()).or_default())
    }

    /// Drops the turn that nobody else waits for, so that the map holds running requests only.
    fn tidy(&self, cookie: &str) {
        let mut turns = self.lock();
        if turns
            .get(cookie)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(cookie);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of our cookie. Of several the last one, as the session layer takes it.
fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .rfind(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        let value = "a=b; client_app_session=abc; client_app_session=xyz; c"
            .parse()
            .unwrap();
        headers.insert(header::COOKIE, value);
        assert_eq!(cookie(&headers).as_deref(), Some("xyz"));
    }

    #[test]
    fn a_turn_is_shared_while_it_is_used_and_gone_afterwards() {
        let turns = Turns::default();
        let (one, two) = (turns.turn("x"), turns.turn("x"));
        assert!(Arc::ptr_eq(&one, &two));
        drop(one);
        turns.tidy("x");
        assert_eq!(turns.lock().len(), 1);
        drop(two);
        turns.tidy("x");
        assert!(turns.lock().is_empty());
    }
}
