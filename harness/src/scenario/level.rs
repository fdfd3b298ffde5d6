//! How binding a requirement is, and what breaking it costs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How binding a requirement is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Good practice without a normative sentence.
    Practice,
    /// Recommended by the specification.
    Should,
    /// Required by the specification.
    Must,
}

impl Level {
    /// The word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Practice => "PRACTICE",
        }
    }
}

/// What a client that falls for it loses.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// An annoyance.
    Low,
    /// Trouble for users, or one wall less.
    Medium,
    /// A wall that an attack needs to pass is gone.
    High,
    /// An account, or the wrong account.
    Critical,
}

impl Severity {
    /// The word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
