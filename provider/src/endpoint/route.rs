//! Which path is which endpoint of which issuer, and what each endpoint takes.

use crate::journal::Endpoint;
use crate::paths::Paths;

/// What a path under an issuer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Index,
    Metadata,
    Jwks,
    Authorize,
    Login,
    HeadlessLogin,
    Par,
    Token,
    Userinfo,
    EndSession,
    Introspect,
    Revoke,
    DeviceAuthorization,
    DevicePage,
    Register,
    Unknown,
}

/// First segments that belong to the default issuer, now or some day.
const RESERVED: [&str; 17] = [
    "admin",
    "api",
    "assets",
    "authorize",
    "callback",
    "control",
    "device",
    "headless-login",
    "health",
    "introspect",
    "jwks",
    "login",
    "par",
    "register",
    "revoke",
    "token",
    "userinfo",
];

/// Whether an issuer may not have this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The issuer's name and what is asked of it.
pub(crate) fn route<'a>(path: &'a str, further: &Paths) -> (&'a str, Route) {
    const INSERTED: &str = "/.well-known/oauth-authorization-server/";
    if let Some((name, endpoint)) = further.find(path) {
        return (name, Route::at(endpoint));
    }
    if let Some(name) = path.strip_prefix(INSERTED) {
        // RFC 8414 §3.1 puts the well-known part before the path of the issuer.
        return (name, Route::Metadata);
    }
    let rest = path.strip_prefix('/').unwrap_or(path);
    let first = rest.split('/').next().unwrap_or_default();
    let own = first.is_empty()
        || first.starts_with('.')
        || is_reserved(first)
        || matches!(first, "end_session" | "favicon.ico" | "robots.txt");
    if own {
        return ("", route_within(path));
    }
    (first, route_within(&rest[first.len()..]))
}

fn route_within(path: &str) -> Route {
    match path {
        "" | "/" => Route::Index,
        "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
            Route::Metadata
        }
        "/jwks" => Route::Jwks,
        "/authorize" => Route::Authorize,
        "/login" => Route::Login,
        "/headless-login" => Route::HeadlessLogin,
        "/par" => Route::Par,
        "/token" => Route::Token,
        "/userinfo" => Route::Userinfo,
        "/end_session" => Route::EndSession,
        "/introspect" => Route::Introspect,
        "/revoke" => Route::Revoke,
        "/device/authorize" => Route::DeviceAuthorization,
        "/device" => Route::DevicePage,
        "/register" => Route::Register,
        _ => Route::Unknown,
    }
}

impl Route {
    /// What a client asks where it asks the endpoint.
    fn at(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Metadata => Self::Metadata,
            Endpoint::Jwks => Self::Jwks,
            Endpoint::Authorize => Self::Authorize,
            Endpoint::Par => Self::Par,
            Endpoint::Token => Self::Token,
            Endpoint::Userinfo => Self::Userinfo,
            Endpoint::EndSession => Self::EndSession,
            Endpoint::Introspection => Self::Introspect,
            Endpoint::Revocation => Self::Revoke,
            Endpoint::Device => Self::DeviceAuthorization,
            Endpoint::Registration => Self::Register,
            Endpoint::BackchannelLogout | Endpoint::Other => Self::Unknown,
        }
    }

    pub(crate) fn endpoint(self) -> Endpoint {
        match self {
            Self::Metadata => Endpoint::Metadata,
            Self::Jwks => Endpoint::Jwks,
            Self::Authorize | Self::Login => Endpoint::Authorize,
            Self::Par => Endpoint::Par,
            Self::Token => Endpoint::Token,
            Self::Userinfo => Endpoint::Userinfo,
            Self::EndSession => Endpoint::EndSession,
            Self::Introspect => Endpoint::Introspection,
            Self::Revoke => Endpoint::Revocation,
            Self::DeviceAuthorization | Self::DevicePage => Endpoint::Device,
            Self::Register => Endpoint::Registration,
            Self::Index | Self::HeadlessLogin | Self::Unknown => Endpoint::Other,
        }
    }

    /// Whether an answer needs to know what replicas share. What does not is told as it was last
    /// heard where they cannot be reached.
    pub(super) fn needs_store(self) -> bool {
        !matches!(
            self,
            Self::Index | Self::Metadata | Self::Jwks | Self::Unknown
        )
    }

    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Metadata | Self::Jwks => &["GET", "HEAD", "OPTIONS"],
            Self::Index => &["GET", "HEAD"],
            Self::Authorize | Self::DevicePage | Self::EndSession => &["GET", "HEAD", "POST"],
            Self::Login | Self::HeadlessLogin => &["POST"],
            Self::Par
            | Self::Token
            | Self::Introspect
            | Self::Revoke
            | Self::DeviceAuthorization
            | Self::Register => &["POST", "OPTIONS"],
            Self::Userinfo => &["GET", "HEAD", "POST", "OPTIONS"],
            Self::Unknown => &[],
        }
    }

    /// Whether browsers visit it, in contrast to what clients call.
    pub(super) fn is_for_browsers(self) -> bool {
        matches!(
            self,
            Self::Index | Self::Authorize | Self::Login | Self::DevicePage | Self::EndSession
        )
    }

    /// Whether `DPoP` proofs are taken there (RFC 9449 §5, §7, §10.1).
    pub(super) fn takes_proofs(self) -> bool {
        matches!(self, Self::Par | Self::Token | Self::Userinfo)
    }

    /// Whether scripts of other origins may call it (Fetch, CORS protocol). Those that browsers
    /// navigate to are not among them.
    pub(super) fn is_open_to_scripts(self) -> bool {
        self.methods().contains(&"OPTIONS")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_issuer_and_endpoint() {
        let found = [
            ("/", ("", Route::Index)),
            ("/token", ("", Route::Token)),
            ("/end_session", ("", Route::EndSession)),
            ("/.well-known/openid-configuration", ("", Route::Metadata)),
            (
                "/.well-known/oauth-authorization-server",
                ("", Route::Metadata),
            ),
            (
                "/.well-known/oauth-authorization-server/shop",
                ("shop", Route::Metadata),
            ),
            ("/.well-known/anything", ("", Route::Unknown)),
            ("/favicon.ico", ("", Route::Unknown)),
            ("/token/x", ("", Route::Unknown)),
            ("/shop", ("shop", Route::Index)),
            ("/shop/", ("shop", Route::Index)),
            ("/shop/token", ("shop", Route::Token)),
            (
                "/shop/.well-known/openid-configuration",
                ("shop", Route::Metadata),
            ),
            (
                "/shop/.well-known/oauth-authorization-server",
                ("shop", Route::Metadata),
            ),
            ("/shop//token", ("shop", Route::Unknown)),
            ("//token", ("", Route::Unknown)),
            ("*", ("*", Route::Index)),
        ];
        let further = Paths::default().with("/oauth/token", Endpoint::Token);
        let found_further = route("/shop/oauth/token", &further.unwrap());
        assert_eq!(found_further, ("shop", Route::Token));
        for (path, expected) in found {
            assert_eq!(route(path, &Paths::default()), expected, "{path}");
        }
    }
}
