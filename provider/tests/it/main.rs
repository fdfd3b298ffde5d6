//! The provider over real sockets, as clients and browsers meet it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod addresses;
mod authorize_objects;
mod authorize_pushed;
mod authorize_responses;
mod authorize_wishes;
mod bad_input;
mod bad_tokens;
#[cfg(feature = "tls")]
mod certificates;
mod client_auth;
mod connections;
mod control;
mod control_document;
mod control_journal;
mod control_logout;
mod control_tests;
mod cors;
mod device;
mod discovery;
mod documents;
mod dpop;
mod encrypted;
mod endpoints;
#[cfg(feature = "cli")]
mod examples;
mod faults;
mod grants;
mod honest;
mod in_a_test;
mod introspection;
mod issuers;
mod keys;
mod logout;
mod pages;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_server;
#[cfg(feature = "redis")]
mod redis_shared;
mod refresh;
mod registration;
mod resources;
mod rules;
#[cfg(feature = "cli")]
mod serve;
mod signed;
mod support;
mod tidy;
#[cfg(feature = "tls")]
mod tls;
mod token_exchange;
mod transport;
mod traps;
