//! The sessions of an issuer's users, all at once.

use super::IssuerState;
use crate::grant::Member;
use crate::store::{Entry, Kept, Kind};

impl IssuerState {
    /// Ends every session of a user; the clients that took part in one and want to know.
    pub(crate) fn end_sessions_of(&self, sub: &str) -> Kept<Vec<Member>> {
        let now = self.now();
        for (handle, found) in self.store.list(Kind::Session, now)? {
            if matches!(&found.entry, Entry::Session(session) if session.sub == sub) {
                self.store.take(Kind::Session, &handle, now)?;
            }
        }
        let mut members = Vec::new();
        for (key, found) in self.store.list(Kind::Member, now)? {
            if let Entry::Member(member) = found.entry
                && member.sub == sub
            {
                self.store.take(Kind::Member, &key, now)?;
                members.push(member);
            }
        }
        members.sort_by(|one, two| (&one.client_id, &one.sid).cmp(&(&two.client_id, &two.sid)));
        Ok(members)
    }
}
