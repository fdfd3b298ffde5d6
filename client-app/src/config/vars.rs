//! Looks variables up, and says what is wrong with them in a way that helps.

use crate::endpoint::EndpointUrl;

/// What is wrong with the configuration; each message names the variable and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable has a value that cannot be used.
    #[error("{variable}: {problem}\n  hint: for example {example}")]
    Invalid {
        /// The variable's name.
        variable: String,
        /// What is wrong with its value.
        problem: String,
        /// A value that would do.
        example: String,
    },
    /// A variable is needed because of another one.
    #[error("{variable} is missing\n  hint: {hint}")]
    Missing {
        /// The variable's name.
        variable: String,
        /// Why it is needed and what to do.
        hint: String,
    },
    /// Two variables contradict each other.
    #[error("{one} and {other} cannot both be set\n  hint: {hint}")]
    Conflict {
        /// One of them.
        one: String,
        /// The other one.
        other: String,
        /// Which one to keep when.
        hint: String,
    },
}

impl ConfigError {
    pub(super) fn invalid(
        variable: impl Into<String>,
        problem: impl Into<String>,
        example: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            variable: variable.into(),
            problem: problem.into(),
            example: example.into(),
        }
    }
}

/// The variables, behind the function that looks one up.
pub(super) struct Vars<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Vars<'a> {
    pub(super) fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { get }
    }

    /// The value without the blanks around it; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = (self.get)(name)?;
        let trimmed = text.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// The value as the URL of an endpoint.
    pub(super) fn endpoint(&self, name: &str) -> Result<Option<EndpointUrl>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(endpoint) => Ok(Some(endpoint)),
            Err(error) => Err(ConfigError::invalid(
                name,
                format!("`{text}` cannot be used: {error}"),
                "https://op.example or http://127.0.0.1:9400",
            )),
        }
    }

    /// As [`Vars::endpoint`], where `reason` says why the variable must be there.
    pub(super) fn required_endpoint(
        &self,
        name: &str,
        reason: &str,
    ) -> Result<EndpointUrl, ConfigError> {
        self.endpoint(name)?.ok_or_else(|| ConfigError::Missing {
            variable: name.to_owned(),
            hint: reason.to_owned(),
        })
    }
}
