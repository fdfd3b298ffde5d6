//! The clients and users of an issuer, which can change at any time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::{Issuer, IssuerState};
use crate::parties::{Client, User};

impl Issuer {
    /// The registered clients.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        (self.0.clients.read())
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The people who can sign in.
    pub fn users(&self) -> Vec<User> {
        self.0.users()
    }

    /// Ends the registration of a client. False if there was none.
    pub fn remove_client(&self, id: &str) -> bool {
        let mut clients = self.0.clients_mut();
        let before = clients.len();
        clients.retain(|existing| existing.id != id);
        clients.len() < before
    }

    /// Forgets somebody who could sign in. False if there was nobody with this `sub`.
    pub fn remove_user(&self, sub: &str) -> bool {
        let mut users = self.0.users.write().unwrap_or_else(PoisonError::into_inner);
        let before = users.len();
        users.retain(|existing| existing.sub != sub);
        users.len() < before
    }

    pub(crate) fn replace_clients(&self, clients: Vec<Arc<Client>>) {
        self.0.expect_keys(clients.iter().map(|client| &**client));
        *self.0.clients_mut() = clients;
    }

    /// Replaces the registered clients.
    pub fn set_clients(&self, clients: Vec<Client>) {
        self.0.expect_keys(clients.iter());
        *self.0.clients_mut() = clients.into_iter().map(Arc::new).collect();
    }

    /// Registers a client, in place of one with the same identifier.
    pub fn add_client(&self, client: Client) {
        self.0.expect_keys(std::iter::once(&client));
        let mut clients = self.0.clients_mut();
        clients.retain(|existing| existing.id != client.id);
        clients.push(Arc::new(client));
    }

    /// Replaces the people who can sign in.
    pub fn set_users(&self, users: Vec<User>) {
        *self.0.users.write().unwrap_or_else(PoisonError::into_inner) = users;
    }

    /// Adds somebody who can sign in, in place of one with the same `sub`.
    pub fn add_user(&self, user: User) {
        let mut users = self.0.users.write().unwrap_or_else(PoisonError::into_inner);
        users.retain(|existing| existing.sub != user.sub);
        users.push(user);
    }
}

impl IssuerState {
    /// For how many seconds what is handed out now may be good at most.
    pub(crate) fn longest_life(&self) -> u64 {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let lives = clients.iter().filter_map(|it| it.access_token_lifetime);
        let settings = &self.settings;
        let own = (settings.refresh_token_lifetime).max(settings.access_token_lifetime);
        lives.fold(own, Duration::max).as_secs()
    }

    /// Adds a client, unless there are so many already.
    pub(crate) fn register(&self, client: Client, most: usize) -> bool {
        self.expect_keys(std::iter::once(&client));
        let mut clients = self.clients_mut();
        let has_room = clients.len() < most;
        if has_room {
            clients.push(Arc::new(client));
        }
        has_room
    }

    /// Notes whether one of these clients, which are about to be registered, publishes its keys.
    fn expect_keys<'a>(&self, mut clients: impl Iterator<Item = &'a Client>) {
        if clients.any(publishes_keys) {
            self.fetches_keys.store(true, Ordering::SeqCst);
        }
    }
}

/// Whether the keys of a client have to be fetched.
pub(super) fn publishes_keys(client: &Client) -> bool {
    client.jwks.is_none() && client.jwks_uri.is_some()
}
