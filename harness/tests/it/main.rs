//! Integration tests, all in one binary.

mod cli;
mod configuration;
mod doctor;
mod files;
mod reports;
mod targets;
mod tidy;
