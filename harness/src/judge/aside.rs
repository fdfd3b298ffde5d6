//! Findings that are about something else than their scenario.

use oauth_gauntlet_provider::Fault;
use serde::{Deserialize, Serialize};

use crate::scenario::{Plan, document};

/// What a finding is about that is not what its scenario says. No specification speaks of it, but for
/// what shows that a wrong message was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aside {
    /// The client does not let its user in after an attack, in the same browser.
    LockedOutByAttack,
    /// The same in any browser.
    LockedOutEverywhere,
    /// The client does not let its user in after an outage.
    LockedOutByOutage,
    /// The client gives no answer to what is no outage.
    NoAnswer,
}

impl Aside {
    /// Who could do what to whom.
    pub fn why(self) -> &'static str {
        match self {
            Self::LockedOutByAttack => {
                "What the attack left behind, in the client or among the browser's cookies, is in \
                 the way of the login that follows. Whoever can do this to a user keeps him out."
            }
            Self::LockedOutEverywhere => {
                "What the attack left behind is on the server: it was believed, at least in part, \
                 and is in the way of every login of this user. Whoever can do this once keeps him \
                 out for good."
            }
            Self::LockedOutByOutage => {
                "The provider works again, and the client does not: what it kept of the failure is \
                 in the way of the login that follows."
            }
            Self::NoAnswer => {
                "The user sits before an empty window, and whoever can bring this about keeps a \
                 part of the client busy, or ends it. Whether it would have let anybody in cannot \
                 be told."
            }
        }
    }

    /// How to mend it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::LockedOutByAttack => {
                "Begin each login from nothing, with a `state`, a `nonce` and a code verifier of \
                 its own, and let go of what a login that failed has left behind."
            }
            Self::LockedOutEverywhere => {
                "Check a response as a whole before anything of it is stored, the account that it \
                 speaks of included; the scenario says what was wrong with this one."
            }
            Self::LockedOutByOutage => {
                "Keep nothing of an answer that could not be used, be it metadata, a key set or \
                 half a session, and ask again at the next login."
            }
            Self::NoAnswer => {
                "Answer whatever comes: turn each error into a page that says so, with a status \
                 code to match, and give every request to the provider a time limit."
            }
        }
    }
}

/// Whether all that is wrong is that the provider, or a document of it, cannot be had or read.
pub(super) fn is_outage(plan: &Plan) -> bool {
    let replies = |fault: &Fault| {
        let documents = [&fault.token, &fault.userinfo];
        documents
            .iter()
            .any(|it| it.as_ref().is_some_and(|it| it.reply.is_some()))
    };
    let fails =
        |fault: &Fault| document(fault).is_some() || fault.transport.is_some() || replies(fault);
    plan.has_faults() && plan.all_faults().all(fails)
}
