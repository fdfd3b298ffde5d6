//! What scripts of other origins may do here (Fetch, CORS protocol).

use axum::http::header;

use super::{Reply, Request, Route};
use crate::issuer::IssuerState;

/// The headers of replies that scripts may read: why a token was refused, the nonce for the next
/// proof (RFC 9449 §8), and when to try again.
const EXPOSED: &str = "www-authenticate, dpop-nonce, retry-after";

/// Lets scripts of other origins read the reply, if they may call what it comes from. What refuses
/// them has to be readable as well.
pub(crate) fn for_scripts(reply: Reply, route: Route) -> Reply {
    if !route.is_open_to_scripts() {
        return reply;
    }
    reply
        .constant_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .constant_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)
}

/// Scripts of an origin where a client has a redirect URI may come with the browser's credentials as
/// well: some libraries ask for them without a need, and `*` does not allow that.
pub(super) fn for_scripts_of_clients(
    reply: Reply,
    issuer: &IssuerState,
    route: Route,
    request: &Request,
) -> Reply {
    let known = (request.header(header::ORIGIN)).filter(|origin| issuer.has_client_at(origin));
    match known {
        Some(origin) if route.is_open_to_scripts() => reply
            .header("access-control-allow-origin", origin)
            .header("access-control-allow-credentials", "true")
            .header("access-control-expose-headers", EXPOSED)
            .header("vary", "origin"),
        Some(_) | None => for_scripts(reply, route),
    }
}

/// Scripts may send whatever headers they ask for; without a wish, those that clients need.
pub(super) fn preflight(request: &Request, methods: &[&str]) -> Reply {
    let asked = request.header("access-control-request-headers");
    let allowed = asked.unwrap_or("authorization, content-type, dpop");
    Reply::empty(204)
        .header("access-control-allow-methods", methods.join(", "))
        .header("access-control-allow-headers", allowed)
        .header("access-control-max-age", "600")
}
