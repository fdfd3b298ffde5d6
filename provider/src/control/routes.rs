//! Which paths and methods there are, and what each does.

use super::ask::{Ask, Outcome, Refusal};
use super::{clock, exchanges, faults, issuers, keys, operations, people, tests, tokens};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Index,
    Document,
    Health,
    Ready,
    Metrics,
    ListIssuers,
    CreateIssuer,
    ReadIssuer,
    DeleteIssuer,
    ResetIssuer,
    ListSnapshots,
    TakeSnapshot,
    RestoreSnapshot,
    DeleteSnapshot,
    ListUsers,
    ReadUser,
    PutUser,
    DeleteUser,
    ListClients,
    ReadClient,
    PutClient,
    DeleteClient,
    ReadClock,
    SetClock,
    AdvanceClock,
    FreezeClock,
    UnfreezeClock,
    ListKeys,
    StepKeys,
    RotateKeys,
    ListFaults,
    ArmFault,
    ReadFault,
    DisarmFault,
    DisarmAll,
    ListExchanges,
    ClearExchanges,
    ReadExchange,
    WaitForExchanges,
    StreamExchanges,
    ListFlows,
    ReadFlow,
    Verify,
    IssueTokens,
    Sign,
    LogIn,
    DecideDevice,
    LogOut,
    PushLogout,
    ListTests,
    BeginTest,
    EndTest,
}

/// Every path, with what stands for a name in braces, and what its methods do.
pub(super) const ROUTES: [(&str, &[(&str, Action)]); 39] = [
    ("/", &[("GET", Action::Index)]),
    ("/openapi.json", &[("GET", Action::Document)]),
    ("/health", &[("GET", Action::Health)]),
    ("/ready", &[("GET", Action::Ready)]),
    ("/metrics", &[("GET", Action::Metrics)]),
    (
        "/tests",
        &[("GET", Action::ListTests), ("POST", Action::BeginTest)],
    ),
    ("/tests/{key}", &[("DELETE", Action::EndTest)]),
    (
        "/issuers",
        &[("GET", Action::ListIssuers), ("POST", Action::CreateIssuer)],
    ),
    (
        "/issuers/{issuer}",
        &[
            ("GET", Action::ReadIssuer),
            ("DELETE", Action::DeleteIssuer),
        ],
    ),
    ("/issuers/{issuer}/reset", &[("POST", Action::ResetIssuer)]),
    (
        "/issuers/{issuer}/snapshots",
        &[
            ("GET", Action::ListSnapshots),
            ("POST", Action::TakeSnapshot),
        ],
    ),
    (
        "/issuers/{issuer}/snapshots/{id}",
        &[("DELETE", Action::DeleteSnapshot)],
    ),
    (
        "/issuers/{issuer}/snapshots/{id}/restore",
        &[("POST", Action::RestoreSnapshot)],
    ),
    ("/issuers/{issuer}/users", &[("GET", Action::ListUsers)]),
    (
        "/issuers/{issuer}/users/{sub}",
        &[
            ("GET", Action::ReadUser),
            ("PUT", Action::PutUser),
            ("DELETE", Action::DeleteUser),
        ],
    ),
    (
        "/issuers/{issuer}/users/{sub}/logout",
        &[("POST", Action::LogOut)],
    ),
    ("/issuers/{issuer}/clients", &[("GET", Action::ListClients)]),
    (
        "/issuers/{issuer}/clients/{client_id}",
        &[
            ("GET", Action::ReadClient),
            ("PUT", Action::PutClient),
            ("DELETE", Action::DeleteClient),
        ],
    ),
    (
        "/issuers/{issuer}/clients/{client_id}/logout",
        &[("POST", Action::PushLogout)],
    ),
    (
        "/issuers/{issuer}/clock",
        &[("GET", Action::ReadClock), ("PUT", Action::SetClock)],
    ),
    (
        "/issuers/{issuer}/clock/advance",
        &[("POST", Action::AdvanceClock)],
    ),
    (
        "/issuers/{issuer}/clock/freeze",
        &[("POST", Action::FreezeClock)],
    ),
    (
        "/issuers/{issuer}/clock/unfreeze",
        &[("POST", Action::UnfreezeClock)],
    ),
    ("/issuers/{issuer}/keys", &[("GET", Action::ListKeys)]),
    ("/issuers/{issuer}/keys/step", &[("POST", Action::StepKeys)]),
    (
        "/issuers/{issuer}/keys/rotate",
        &[("POST", Action::RotateKeys)],
    ),
    (
        "/issuers/{issuer}/faults",
        &[
            ("GET", Action::ListFaults),
            ("POST", Action::ArmFault),
            ("DELETE", Action::DisarmAll),
        ],
    ),
    (
        "/issuers/{issuer}/faults/{id}",
        &[("GET", Action::ReadFault), ("DELETE", Action::DisarmFault)],
    ),
    (
        "/issuers/{issuer}/exchanges",
        &[
            ("GET", Action::ListExchanges),
            ("DELETE", Action::ClearExchanges),
        ],
    ),
    (
        "/issuers/{issuer}/exchanges/wait",
        &[("POST", Action::WaitForExchanges)],
    ),
    (
        "/issuers/{issuer}/exchanges/stream",
        &[("GET", Action::StreamExchanges)],
    ),
    (
        "/issuers/{issuer}/exchanges/{number}",
        &[("GET", Action::ReadExchange)],
    ),
    ("/issuers/{issuer}/flows", &[("GET", Action::ListFlows)]),
    (
        "/issuers/{issuer}/flows/{flow}",
        &[("GET", Action::ReadFlow)],
    ),
    ("/issuers/{issuer}/verify", &[("POST", Action::Verify)]),
    ("/issuers/{issuer}/tokens", &[("POST", Action::IssueTokens)]),
    ("/issuers/{issuer}/login", &[("POST", Action::LogIn)]),
    (
        "/issuers/{issuer}/devices/{user_code}",
        &[("POST", Action::DecideDevice)],
    ),
    ("/issuers/{issuer}/sign", &[("POST", Action::Sign)]),
];

/// A route that fits a request.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) action: Action,
    /// What stands in the path for its names, decoded.
    pub(super) names: Vec<String>,
}

/// The route of a request; without one, what to do instead.
pub(super) fn find(method: &str, path: &str) -> Result<Found, Refusal> {
    let path = if path.is_empty() { "/" } else { path };
    // Of two that fit, the one that stands first says more.
    let fitting = ROUTES
        .iter()
        .find_map(|(pattern, methods)| Some((names(pattern, path)?, methods)));
    let Some((names, methods)) = fitting else {
        let reason =
            format!("there is nothing at `/_{path}`; GET /_/openapi.json says what there is");
        return Err(Refusal::missing(reason));
    };
    // A HEAD is answered like a GET; what carries it leaves the body out (RFC 9110 §9.3.2).
    let wanted = if method == "HEAD" { "GET" } else { method };
    if let Some((_, action)) = methods.iter().find(|(known, _)| *known == wanted) {
        let action = *action;
        return Ok(Found { action, names });
    }
    let allowed: Vec<&str> = methods.iter().map(|(known, _)| *known).collect();
    let allowed = allowed.join(", ");
    let reason = format!("`/_{path}` takes {allowed}, not {method}");
    Err(Refusal::new(405, "method_not_allowed", reason).header("allow", allowed))
}

/// What stands for the names of a pattern, if the path fits it.
fn names(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut names = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(names),
            (Some(name), Some(segment)) if name.starts_with('{') => {
                names.push(decoded(segment).filter(|it| !it.is_empty())?);
            }
            (Some(word), Some(segment)) if word == segment => {}
            _ => return None,
        }
    }
}

/// A segment of a path without its escapes (RFC 3986 §2.1).
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

impl Action {
    /// Whether everybody may ask for it. What is alive and ready is no secret, and those who look
    /// after containers ask from outside of them.
    pub(super) fn is_for_all(self) -> bool {
        matches!(self, Self::Health | Self::Ready)
    }

    /// Answers what can be answered at once.
    pub(super) fn answer(self, ask: &Ask) -> Outcome {
        match self {
            Self::Index => Ok(operations::index()),
            Self::Document => Ok(operations::document()),
            Self::Health => Ok(operations::health()),
            Self::Ready => operations::ready(ask),
            Self::Metrics => Ok(operations::metrics(ask)),
            Self::ListIssuers => Ok(issuers::list(ask)),
            Self::CreateIssuer => issuers::create(ask),
            Self::ReadIssuer => issuers::read(ask),
            Self::DeleteIssuer => issuers::delete(ask),
            Self::ResetIssuer => issuers::reset(ask),
            Self::ListSnapshots => issuers::list_snapshots(ask),
            Self::TakeSnapshot => issuers::take_snapshot(ask),
            Self::RestoreSnapshot => issuers::restore_snapshot(ask),
            Self::DeleteSnapshot => issuers::delete_snapshot(ask),
            Self::ListUsers => people::list_users(ask),
            Self::ReadUser => people::read_user(ask),
            Self::PutUser => people::put_user(ask),
            Self::DeleteUser => people::delete_user(ask),
            Self::ListClients => people::list_clients(ask),
            Self::ReadClient => people::read_client(ask),
            Self::PutClient => people::put_client(ask),
            Self::DeleteClient => people::delete_client(ask),
            Self::ReadClock => clock::read(ask),
            Self::SetClock => clock::set(ask),
            Self::AdvanceClock => clock::advance(ask),
            Self::FreezeClock => clock::freeze(ask),
            Self::UnfreezeClock => clock::unfreeze(ask),
            Self::ListKeys => keys::list(ask),
            Self::StepKeys => keys::step(ask),
            Self::RotateKeys => keys::rotate(ask),
            Self::ListFaults => faults::list(ask),
            Self::ArmFault => faults::arm(ask),
            Self::ReadFault => faults::read(ask),
            Self::DisarmFault => faults::disarm(ask),
            Self::DisarmAll => faults::disarm_all(ask),
            Self::ListExchanges => exchanges::list(ask),
            Self::ClearExchanges => exchanges::clear(ask),
            Self::ReadExchange => exchanges::read(ask),
            Self::ListFlows => exchanges::list_flows(ask),
            Self::ReadFlow => exchanges::read_flow(ask),
            Self::Verify => exchanges::verify(ask),
            Self::IssueTokens => tokens::issue(ask),
            Self::Sign => tokens::sign(ask),
            Self::LogIn => tokens::log_in(ask),
            Self::DecideDevice => tokens::decide(ask),
            Self::ListTests => Ok(tests::list(ask)),
            Self::BeginTest => tests::begin(ask),
            Self::EndTest => tests::end(ask),
            // These take their time, and are answered elsewhere.
            Self::WaitForExchanges | Self::StreamExchanges | Self::LogOut | Self::PushLogout => {
                Err(Refusal::missing("this cannot be answered at once"))
            }
        }
    }
}

#[cfg(test)]
mod checks {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_every_path_and_method_and_no_other() {
        let document: serde_json::Value =
            serde_json::from_str(super::super::operations::DOCUMENT).unwrap();
        let documented: BTreeSet<String> = (document["paths"].as_object().unwrap().iter())
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routed: BTreeSet<String> = (ROUTES.iter())
            .flat_map(|(path, methods)| {
                (methods.iter()).map(move |(method, _)| format!("{method} /_{path}"))
            })
            .collect();
        assert_eq!(documented, routed);
    }

    #[test]
    fn paths_find_their_action_and_names() {
        let found = find("GET", "/issuers/shop/users/a%20b%2Fc").unwrap();
        assert_eq!(found.action, Action::ReadUser);
        assert_eq!(found.names, ["shop", "a b/c"]);
        let found = find("HEAD", "/issuers/default/exchanges/stream").unwrap();
        assert_eq!(found.action, Action::StreamExchanges);
        let found = find("GET", "").unwrap();
        assert_eq!(found.action, Action::Index);
        for missing in [
            "/nothing",
            "/issuers//users",
            "/issuers/a/users/%f",
            "/health/",
            "/issuers/a/users/%FF",
        ] {
            assert_eq!(find("GET", missing).unwrap_err().status(), 404, "{missing}");
        }
        assert_eq!(find("PATCH", "/issuers").unwrap_err().status(), 405);
    }
}
