//! What is done again and again: each piece of work checks its own answers.

mod flow;
mod requests;

pub(crate) use flow::{Flow, Tokens};
pub(crate) use requests::{ClientCredentials, Fixed, Userinfo};

use std::cell::Cell;

use crate::connection::{Connection, HttpError, Response};
use crate::provider::VerifyError;
use crate::token::TokenError;

/// One piece of work, done on one connection.
pub(crate) trait Work {
    async fn once(&mut self, connection: &mut Connection) -> Result<(), Wrong>;
}

/// What was seen on the way.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The size of the last head, in bytes.
    pub(crate) head: Cell<usize>,
    /// The size of the last body, in bytes.
    pub(crate) body: Cell<usize>,
    /// How many signatures were checked with the published key.
    pub(crate) signatures: Cell<u64>,
}

impl Seen {
    fn response(&self, response: &Response<'_>) {
        self.head.set(response.head);
        self.body.set(response.body.len());
    }
}

/// Why an answer is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("{step}: {source}")]
    Http {
        step: &'static str,
        source: HttpError,
    },
    #[error("{step}: the status is {found}: {body}")]
    Status {
        step: &'static str,
        found: u16,
        body: String,
    },
    #[error("{step}: there is no `{member}`: {body}")]
    Missing {
        step: &'static str,
        member: &'static str,
        body: String,
    },
    #[error("{step}: {source}")]
    Token {
        step: &'static str,
        source: TokenError,
    },
    #[error("{step}: {source}")]
    Verify {
        step: &'static str,
        source: VerifyError,
    },
    #[error("{step}: the `{member}` is another: `{found}`")]
    Another {
        step: &'static str,
        member: &'static str,
        found: String,
    },
    #[error("the body is another than it was")]
    Body,
}

/// Sends a request; the response, if its status is one of these.
async fn ask<'a>(
    connection: &'a mut Connection,
    step: &'static str,
    request: &[u8],
    statuses: &[u16],
) -> Result<Response<'a>, Wrong> {
    let response = connection
        .exchange(request)
        .await
        .map_err(|source| Wrong::Http { step, source })?;
    if statuses.contains(&response.status) {
        return Ok(response);
    }
    Err(Wrong::Status {
        step,
        found: response.status,
        body: excerpt(response.body),
    })
}

/// The beginning of a body, for a person.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
