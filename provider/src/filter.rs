//! Which exchanges of a journal are meant.

use serde::{Deserialize, Serialize};

use crate::journal::{Endpoint, Exchange};
use crate::rules::Rule;

/// Which exchanges are meant. Every member that is given must fit; without any, all are meant.
///
/// ```
/// # use oauth_gauntlet_provider::Filter;
/// let filter: Filter = serde_json::from_str(r#"{"endpoint": "token", "status": 400}"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// What was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The method of the request, such as `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The client identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The `sub` of the user concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The `grant_type` of a token request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The status code of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The flow that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The key of the parallel test that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// A rule that the request broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<Rule>,
    /// Only exchanges with greater numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

impl Filter {
    /// The members that are numbers.
    pub(crate) const NUMBERS: [&'static str; 2] = ["status", "since"];

    /// Whether an exchange is meant.
    pub fn fits(&self, exchange: &Exchange) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, actual: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| actual == Some(wanted))
        }
        let notes = &exchange.notes;
        let broken = |rule| notes.violations.iter().any(|it| it.rule == rule);
        self.endpoint.is_none_or(|it| it == exchange.endpoint)
            && (self.method.as_ref())
                .is_none_or(|it| it.eq_ignore_ascii_case(&exchange.request.method))
            && fits(self.client_id.as_ref(), notes.client_id.as_ref())
            && fits(self.user.as_ref(), notes.user.as_ref())
            && fits(self.grant.as_ref(), notes.grant.as_ref())
            && self.status.is_none_or(|it| it == exchange.response.status)
            && fits(self.flow.as_ref(), notes.flow.as_ref())
            && fits(self.test.as_ref(), notes.test.as_ref())
            && self.violation.is_none_or(broken)
            && self.since.is_none_or(|number| exchange.number > number)
    }
}
