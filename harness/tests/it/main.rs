//! Integration tests, all in one binary.

mod at_start;
#[cfg(feature = "browser")]
mod browser;
mod cli;
mod configuration;
mod doctor;
mod doctor_app;
mod doctor_causes;
mod doctor_targets;
mod files;
mod init;
mod reports;
mod shared;
mod targets;
mod tidy;
mod vendor;
