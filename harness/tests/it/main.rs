//! Integration tests, all in one binary.

mod cli;
mod doctor;
mod files;
mod targets;
mod tidy;
