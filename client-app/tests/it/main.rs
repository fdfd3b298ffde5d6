//! The client from outside: through its router, against a small provider made for these tests.

#![expect(
    clippy::unwrap_used,
    reason = "a test may end where something unexpected happens"
)]

mod app;
mod browser;
mod provider;
mod sign_in;
mod tidy;
mod trouble;
