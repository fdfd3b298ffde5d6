//! Integration tests, all in one binary.

mod cli;
mod files;
mod targets;
mod tidy;
