//! OAuth Gauntlet plays the identity provider and the browser against an OAuth 2.0 or OpenID
//! Connect client, misbehaves in the ways that the specifications tell a client to survive, and
//! says what the client did about it.
//!
//! The way of a run: [`scenario`] files become plans; [`target`] starts a client with issuers of
//! its own; [`run`] plays the steps of a plan with a [`user_agent`] and keeps a [`transcript`];
//! [`judge`] turns records into verdicts; [`report`] turns verdicts into text. The last two are
//! pure functions of data.

pub mod chromium;
pub mod cli;
pub mod commands;
pub mod demo;
pub mod diag;
pub mod judge;
pub mod mutant;
pub mod report;
pub mod run;
pub mod scenario;
pub mod schema;
pub mod select;
pub mod stack;
pub mod target;
pub mod transcript;
pub mod user_agent;
