//! The demo client: the common tutorial's sign-in app, **wrong on purpose**.
//!
//! It gives `gauntlet run -t demo` something to find within a second and with nothing to install.
//! It shares no code with the reference client or the provider. Do not copy anything from here; the
//! client to copy is the reference client.
//!
//! What it does wrong:
//!
//! - The authorization request carries no `state`, so anybody's callback link signs the browser in
//!   (RFC 6749 §10.12), no PKCE challenge (RFC 7636, RFC 9700 §2.1.1) and no `nonce`
//!   (OIDC Core 1.0 §3.1.2.1).
//! - The endpoints are pasted together from the issuer: nothing is discovered, and `iss` in the
//!   authorization response is not looked at (RFC 9207 §2.4).
//! - It never asks whether the token request succeeded: neither the status, nor `error`, nor
//!   `token_type`. Whatever stands at `access_token` is used, even nothing (RFC 6749 §5.1, §5.2).
//! - The ID token is not looked at, although `openid` is asked for (OIDC Core 1.0 §3.1.3.7).
//! - The session cookie is neither `HttpOnly` nor `SameSite`, its value is taken from the browser
//!   as it comes, and it stays the same at sign-in (session fixation).
//! - `error` and `error_description` stand unescaped on the page, and so do the user's claims.
//! - Userinfo's status is not looked at; an expired access token gives an odd page, not a new login.
//! - Calls to the provider follow redirects and have neither a time-out nor a limit of size.
//! - Sessions are kept until the process ends, and pages with user data may be cached.

mod app;
mod session;
#[cfg(test)]
mod tests;

pub use app::{DemoConfig, app};
