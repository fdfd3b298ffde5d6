//! What endpoints use of a store: the operations by name and type, in the course of one request.
//!
//! Where the store cannot be reached, an operation finds nothing and notes it; the request is then
//! answered 503, whatever its endpoint made of the nothing.

use std::sync::Arc;

use super::gate::{Dealings, Gate};
use super::{Entry, Kept, Kind, Life, Store};
use crate::grant::{Decision, Device, Grant, Interaction, Member, Polls, SignedIn};

/// For how many seconds an expired code is still known, so that the refusal can say why.
const CODE_MEMORY: u64 = 600;

/// How many clients take part in a session at most.
const MAX_MEMBERS: usize = 64;

/// A store in the course of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shelf<'a> {
    store: Gate<'a>,
    /// The issuer's time, in Unix seconds.
    now: u64,
}

/// A code or a refresh token.
#[derive(Debug, Clone)]
pub(crate) struct OneTime {
    pub(crate) grant: Arc<Grant>,
    /// Unix seconds.
    pub(crate) expires_at: u64,
    pub(crate) used: bool,
}

impl<'a> Shelf<'a> {
    pub(crate) fn new(store: &'a dyn Store, now: u64, dealings: &'a Dealings) -> Self {
        let store = Gate { store, dealings };
        Self { store, now }
    }

    fn reached<T: Default>(self, kept: Kept<T>) -> T {
        self.store.dealings.reached(kept).unwrap_or_default()
    }

    fn life(self, seconds: u64) -> Life {
        Life::from(self.now, seconds)
    }

    /// Keeps a page that waits for its answer.
    pub(crate) fn put_interaction(self, handle: &str, interaction: Interaction, seconds: u64) {
        let entry = Entry::Interaction(Box::new(interaction));
        let life = self.life(seconds);
        self.reached(self.store.put(Kind::Interaction, handle, entry, life));
    }

    /// Gives an interaction out, once.
    pub(crate) fn take_interaction(self, handle: &str) -> Option<Interaction> {
        match self.reached(self.store.take(Kind::Interaction, handle, self.now))? {
            Entry::Interaction(interaction) => Some(*interaction),
            _ => None,
        }
    }

    /// Keeps a browser's sign-in.
    pub(crate) fn put_session(self, handle: &str, signed_in: SignedIn, seconds: u64) {
        let life = self.life(seconds);
        let entry = Entry::Session(signed_in);
        self.reached(self.store.put(Kind::Session, handle, entry, life));
    }

    /// The sign-in of a browser.
    pub(crate) fn session(self, handle: &str) -> Option<SignedIn> {
        match self
            .reached(self.store.get(Kind::Session, handle, self.now))?
            .entry
        {
            Entry::Session(signed_in) => Some(signed_in),
            _ => None,
        }
    }

    /// Forgets the sign-in of a browser, and says whose it was.
    pub(crate) fn end_session(self, handle: &str) -> Option<SignedIn> {
        match self.reached(self.store.take(Kind::Session, handle, self.now))? {
            Entry::Session(signed_in) => Some(signed_in),
            _ => None,
        }
    }

    /// Remembers that a client takes part in a session.
    pub(crate) fn join_session(self, member: &Member, seconds: u64) {
        // Each has a place of its own, so that two that come at once do not push each other out.
        for place in 0..MAX_MEMBERS {
            let key = member_key(&member.sid, place);
            let entry = Entry::Member(member.clone());
            let life = self.life(seconds);
            if self.reached(self.store.put_new(Kind::Member, &key, entry, life)) {
                return;
            }
            let found = self.reached(self.store.get(Kind::Member, &key, self.now));
            match found.map(|found| found.entry) {
                Some(Entry::Member(other)) if other.client_id != member.client_id => {}
                _ => return,
            }
        }
    }

    /// Forgets who took part in a session, and says who did.
    pub(crate) fn end_members(self, sid: &str) -> Vec<Member> {
        let take = |place| {
            let key = member_key(sid, place);
            match self.reached(self.store.take(Kind::Member, &key, self.now))? {
                Entry::Member(member) => Some(member),
                _ => None,
            }
        };
        (0..MAX_MEMBERS).map_while(take).collect()
    }

    /// Keeps the parameters of a request until people have answered a question about it.
    pub(crate) fn put_parameters(
        self,
        handle: &str,
        parameters: Vec<(String, String)>,
        seconds: u64,
    ) {
        let entry = Entry::Parameters(parameters);
        let life = self.life(seconds);
        self.reached(self.store.put(Kind::Interaction, handle, entry, life));
    }

    /// Gives such parameters out, once.
    pub(crate) fn take_parameters(self, handle: &str) -> Option<Vec<(String, String)>> {
        match self.reached(self.store.take(Kind::Interaction, handle, self.now))? {
            Entry::Parameters(parameters) => Some(parameters),
            _ => None,
        }
    }

    /// Keeps an authorization code.
    pub(crate) fn put_code(self, code: &str, grant: Grant, seconds: u64) {
        let life = self.life(seconds.saturating_add(CODE_MEMORY));
        let entry = Entry::Grant(Arc::new(grant));
        self.reached(self.store.put(Kind::Code, code, entry, life));
    }

    /// Looks at a code without taking it. Used and expired ones are known for a while.
    pub(crate) fn code(self, code: &str) -> Option<OneTime> {
        let mut found = self.one_time(Kind::Code, code)?;
        found.expires_at = found.expires_at.saturating_sub(CODE_MEMORY);
        Some(found)
    }

    /// Takes a code: true for exactly one caller.
    pub(crate) fn take_code(self, code: &str) -> bool {
        self.reached(self.store.use_once(Kind::Code, code, self.now))
    }

    /// Keeps a refresh token.
    pub(crate) fn put_refresh_token(self, token: &str, grant: Arc<Grant>, seconds: u64) {
        let life = self.life(seconds);
        let entry = Entry::Grant(grant);
        self.reached(self.store.put(Kind::RefreshToken, token, entry, life));
    }

    /// Looks at a refresh token without taking it. Used ones are known for a while.
    pub(crate) fn refresh_token(self, token: &str) -> Option<OneTime> {
        self.one_time(Kind::RefreshToken, token)
    }

    /// Takes a refresh token: true for exactly one caller.
    pub(crate) fn take_refresh_token(self, token: &str) -> bool {
        self.reached(self.store.use_once(Kind::RefreshToken, token, self.now))
    }

    /// Forgets a refresh token.
    pub(crate) fn drop_refresh_token(self, token: &str) {
        self.reached(self.store.take(Kind::RefreshToken, token, self.now));
    }

    /// Keeps what a device waits for, under its device code and its user code (RFC 8628 §3.2).
    /// False, and nothing is kept, if another device has the user code.
    pub(crate) fn put_device(self, device: Device) -> bool {
        let life = self.life_of(&device);
        let named = Entry::Text(device.device_code.clone());
        let user_code = &device.user_code;
        let is_new = self.reached(self.store.put_new(Kind::UserCode, user_code, named, life));
        if is_new {
            let device_code = device.device_code.clone();
            let entry = Entry::Device(Box::new(device));
            self.reached(self.store.put(Kind::DeviceCode, &device_code, entry, life));
        }
        is_new
    }

    /// Devices and what belongs to them are known for a while after they have expired, so that
    /// the refusal can say why.
    fn life_of(self, device: &Device) -> Life {
        Life {
            now: self.now,
            until: device.expires_at.saturating_add(CODE_MEMORY),
        }
    }

    /// How a device asked so far.
    pub(crate) fn polls(self, device: &Device) -> Option<Polls> {
        let key = &device.device_code;
        match self
            .reached(self.store.get(Kind::Polls, key, self.now))?
            .entry
        {
            Entry::Polls(polls) => Some(polls),
            _ => None,
        }
    }

    /// A device asked once more.
    pub(crate) fn put_polls(self, device: &Device, polls: Polls) {
        let life = self.life_of(device);
        let entry = Entry::Polls(polls);
        self.reached((self.store).put(Kind::Polls, &device.device_code, entry, life));
    }

    /// Keeps what people said to a device: true for the first who said something.
    pub(crate) fn decide(self, device: &Device, decision: Decision) -> bool {
        let life = self.life_of(device);
        let entry = Entry::Decision(decision);
        self.reached((self.store).put_new(Kind::Decision, &device.device_code, entry, life))
    }

    /// What people said to a device, if they said anything.
    pub(crate) fn decision(self, device: &Device) -> Option<Decision> {
        let key = &device.device_code;
        match self
            .reached(self.store.get(Kind::Decision, key, self.now))?
            .entry
        {
            Entry::Decision(decision) => Some(decision),
            _ => None,
        }
    }

    /// Keeps which device a page is about.
    pub(crate) fn put_device_page(self, handle: &str, user_code: &str, seconds: u64) {
        let key = device_page(handle);
        let entry = Entry::Text(user_code.to_owned());
        let life = self.life(seconds);
        self.reached(self.store.put(Kind::Interaction, &key, entry, life));
    }

    /// The user code of the device that a page is about, once.
    pub(crate) fn take_device_page(self, handle: &str) -> Option<String> {
        let key = device_page(handle);
        match self.reached(self.store.take(Kind::Interaction, &key, self.now))? {
            Entry::Text(user_code) => Some(user_code),
            _ => None,
        }
    }

    /// What a device waits for.
    pub(crate) fn device(self, device_code: &str) -> Option<Device> {
        match self
            .reached(self.store.get(Kind::DeviceCode, device_code, self.now))?
            .entry
        {
            Entry::Device(device) => Some(*device),
            _ => None,
        }
    }

    /// What the device with a user code waits for.
    pub(crate) fn device_of(self, user_code: &str) -> Option<Device> {
        match self
            .reached(self.store.get(Kind::UserCode, user_code, self.now))?
            .entry
        {
            Entry::Text(device_code) => self.device(&device_code),
            _ => None,
        }
    }

    /// Takes what a device waited for: `Some` for exactly one caller.
    pub(crate) fn take_device(self, device_code: &str) -> Option<Device> {
        match self.reached(self.store.take(Kind::DeviceCode, device_code, self.now))? {
            Entry::Device(device) => Some(*device),
            _ => None,
        }
    }

    /// Keeps the parameters of a pushed authorization request (RFC 9126 §2.1).
    pub(crate) fn put_pushed(
        self,
        request_uri: &str,
        parameters: Vec<(String, String)>,
        seconds: u64,
    ) {
        let entry = Entry::Parameters(parameters);
        let life = self.life(seconds);
        self.reached(
            self.store
                .put(Kind::PushedRequest, request_uri, entry, life),
        );
    }

    /// The parameters of a pushed authorization request, which can be used until it expires,
    /// since people reload pages (RFC 9126 §4).
    pub(crate) fn pushed(self, request_uri: &str) -> Option<Vec<(String, String)>> {
        match self
            .reached(self.store.get(Kind::PushedRequest, request_uri, self.now))?
            .entry
        {
            Entry::Parameters(parameters) => Some(parameters),
            _ => None,
        }
    }

    /// Ends a pushed authorization request: true for exactly one caller, whether it has expired
    /// meanwhile or not, since people may take their time (RFC 9126 §7.3).
    pub(crate) fn use_pushed(self, request_uri: &str, seconds: u64) -> bool {
        self.reached(self.store.take(Kind::PushedRequest, request_uri, self.now));
        self.first_sight(request_uri, seconds)
    }

    /// Ends a grant with everything that was handed out for it, or one access token.
    pub(crate) fn revoke(self, id: &str, seconds: u64) {
        let life = self.life(seconds);
        self.reached(self.store.put(Kind::Revoked, id, Entry::Mark, life));
    }

    /// Whether a grant or an access token was ended.
    pub(crate) fn is_revoked(self, id: &str) -> bool {
        self.reached(self.store.get(Kind::Revoked, id, self.now))
            .is_some()
    }

    /// Whether an identifier is seen for the first time; it is then known for so many seconds.
    pub(crate) fn first_sight(self, id: &str, seconds: u64) -> bool {
        let life = self.life(seconds);
        self.reached(self.store.put_new(Kind::Seen, id, Entry::Mark, life))
    }

    /// The generation that access tokens now belong to.
    pub(crate) fn generation(self) -> u64 {
        self.reached(self.store.counter(GENERATION))
    }

    /// Whether access tokens of a generation are honoured: those of the present one, and of those
    /// that snapshots kept.
    pub(crate) fn honours_generation(self, generation: u64) -> bool {
        let kept = |key: &str| self.reached(self.store.get(Kind::Generation, key, self.now));
        generation == self.generation() || kept(&generation.to_string()).is_some()
    }

    fn one_time(self, kind: Kind, key: &str) -> Option<OneTime> {
        let found = self.reached(self.store.get(kind, key, self.now))?;
        match found.entry {
            Entry::Grant(grant) => Some(OneTime {
                grant,
                expires_at: found.until,
                used: found.used,
            }),
            _ => None,
        }
    }
}

/// Handles of this kind of page meet no others.
fn device_page(handle: &str) -> String {
    format!("device {handle}")
}

/// The key of one place in a session.
pub(crate) fn member_key(sid: &str, place: usize) -> String {
    format!("{sid}/{place}")
}

/// The counter of the generations of access tokens.
pub(crate) const GENERATION: &str = "access-token-generation";
