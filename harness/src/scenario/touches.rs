//! What a scenario touches that others would notice on the same client: whether it may run beside
//! them.

use oauth_gauntlet_provider::{Endpoint, Fault, TransportAct};

use super::{Act, Plan, Role, Step};

/// What a scenario touches that others would notice on the same client, from little to much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touches {
    /// Nothing: all that it does can be told apart from what others do.
    #[default]
    Nothing,
    /// Something that all clients of an issuer share, for as long as it runs.
    Others,
    /// What a client keeps for a while, and gets new where it no longer fits: keys.
    Keys,
    /// What a client reads once and keeps: discovery document and key set.
    Documents,
}

impl Plan {
    /// What the scenario touches.
    pub fn touches(&self) -> Touches {
        let faults = self.all_faults().map(|fault| {
            let at = fault.transport.as_ref().map(|transport| transport.at);
            if document(fault).is_some() {
                Touches::Documents
            } else if fault.par.is_some()
                || fault.registration.is_some()
                || fault.device.is_some()
                || at.is_some_and(|at| !carries_a_key(at))
            {
                Touches::Others
            } else {
                Touches::Nothing
            }
        });
        let expected = self.steps.iter().filter_map(|step| step.expect.as_ref());
        let asked = expected.flat_map(|expect| {
            let counted = expect.requests.iter().map(|count| count.to);
            expect.never.iter().copied().chain(counted)
        });
        let asked = asked.map(|endpoint| {
            if carries_a_key(endpoint) {
                Touches::Nothing
            } else {
                Touches::Others
            }
        });
        let settings = &self.settings;
        let other_documents = settings.bare_keys
            || settings.bare_metadata
            || settings.rare_algorithm
            || settings.certificates
            || settings.pkce_ignored;
        let settings = if other_documents {
            Touches::Documents
        } else {
            Touches::Nothing
        };
        faults
            .chain([settings])
            .chain(asked)
            .chain([of_steps(&self.steps)])
            .max()
            .unwrap_or_default()
    }

    /// Whether an answer of the provider comes byte by byte.
    pub fn trickles(&self) -> bool {
        self.any_act(|act| matches!(act, TransportAct::Trickle))
    }

    /// Whether the client has to give up on a silent provider, which takes as long as its own
    /// time-out.
    pub fn waits_for_a_time_out(&self) -> bool {
        self.any_act(|act| matches!(act, TransportAct::Hang | TransportAct::Trickle))
    }

    fn any_act(&self, is_one: impl Fn(TransportAct) -> bool) -> bool {
        let mut transports = self
            .all_faults()
            .filter_map(|fault| fault.transport.as_ref());
        transports.any(|transport| is_one(transport.act))
    }
}

/// The document that a fault is about, if it is about one.
pub fn document(fault: &Fault) -> Option<Endpoint> {
    if Role::named(fault.when.issuer.as_deref()) == Role::Attacker {
        // No client reads what the attacker publishes before something leads it there.
        return None;
    }
    let at = fault.transport.as_ref().map(|transport| transport.at);
    if fault.metadata.is_some() || at == Some(Endpoint::Metadata) {
        Some(Endpoint::Metadata)
    } else if fault.jwks.is_some() || at == Some(Endpoint::Jwks) {
        Some(Endpoint::Jwks)
    } else {
        None
    }
}

/// What steps touch by themselves.
pub fn of_steps(steps: &[Step]) -> Touches {
    let touched = steps.iter().map(|step| match step.act {
        Act::RotateKeys => Touches::Keys,
        // No other scenario could use that client's keys.
        Act::WithdrawKeys => Touches::Documents,
        Act::Expire | Act::PushLogout | Act::PushLogoutAmidVisit => Touches::Others,
        _ => Touches::Nothing,
    });
    touched.max().unwrap_or_default()
}

/// Whether a request to an endpoint says which run it belongs to, by what was handed out to it.
pub fn carries_a_key(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Authorize
        | Endpoint::Token
        | Endpoint::Userinfo
        | Endpoint::Introspection
        | Endpoint::Revocation
        | Endpoint::EndSession => true,
        Endpoint::Metadata
        | Endpoint::Jwks
        | Endpoint::Device
        | Endpoint::Par
        | Endpoint::Registration
        | Endpoint::BackchannelLogout
        | Endpoint::Other => false,
    }
}
