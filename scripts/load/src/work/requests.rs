//! Single requests: the same again and again, userinfo, client credentials.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Seen, Work, Wrong, ask, excerpt};
use crate::cli::TokenForm;
use crate::connection::Connection;
use crate::provider::Provider;
use crate::target::Target;
use crate::token::{Signed, string_member};

/// Prepared requests, whose answers have to stay what they were.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    requests: Rc<[Vec<u8>]>,
    /// The first answer to each.
    answers: Rc<RefCell<Vec<Answer>>>,
    turn: Turn,
    seen: Rc<Seen>,
}

type Answer = Option<Box<[u8]>>;

impl Fixed {
    pub(crate) fn new(requests: Vec<Vec<u8>>, seen: Rc<Seen>) -> Self {
        Self {
            answers: Rc::new(RefCell::new(vec![None; requests.len()])),
            turn: Turn::new(requests.len()),
            requests: requests.into(),
            seen,
        }
    }

    /// The same for another connection.
    pub(crate) fn from(&self, worker: usize) -> Self {
        Self {
            turn: self.turn.from(worker),
            ..self.clone()
        }
    }
}

impl Work for Fixed {
    async fn once(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        let turn = self.turn.next();
        let response = ask(connection, "request", &self.requests[turn], &[200]).await?;
        self.seen.response(&response);
        let mut answers = self.answers.borrow_mut();
        match &answers[turn] {
            Some(answer) if **answer == *response.body => Ok(()),
            Some(_) => Err(Wrong::Body),
            None => {
                answers[turn] = Some(response.body.into());
                Ok(())
            }
        }
    }
}

/// Asks for userinfo (OIDC Core §5.3) with access tokens in turn.
#[derive(Debug, Clone)]
pub(crate) struct Userinfo {
    tokens: Rc<[Box<[u8]>]>,
    sub: Rc<[u8]>,
    before: Rc<[u8]>,
    request: Vec<u8>,
    turn: Turn,
    seen: Rc<Seen>,
}

impl Userinfo {
    /// The target, and the tokens of one user.
    pub(crate) fn new(
        target: &Target,
        tokens: Vec<Box<[u8]>>,
        sub: Rc<[u8]>,
        seen: Rc<Seen>,
    ) -> Self {
        let mut before = target.get(0, "");
        before.truncate(before.len() - 2);
        before.extend_from_slice(b"authorization: Bearer ");
        Self {
            turn: Turn::new(tokens.len()),
            tokens: tokens.into(),
            sub,
            before: before.into(),
            request: Vec::new(),
            seen,
        }
    }

    /// The same for another connection.
    pub(crate) fn from(&self, worker: usize) -> Self {
        Self {
            turn: self.turn.from(worker),
            ..self.clone()
        }
    }
}

impl Work for Userinfo {
    async fn once(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        let token = &self.tokens[self.turn.next()];
        self.request.clear();
        self.request.extend_from_slice(&self.before);
        self.request.extend_from_slice(token);
        self.request.extend_from_slice(b"\r\n\r\n");
        let response = ask(connection, "userinfo", &self.request, &[200]).await?;
        self.seen.response(&response);
        subject(response.body, &self.sub)
    }
}

/// The `sub` of a userinfo response has to be that of the ID token (OIDC Core §5.3.2).
pub(super) fn subject(body: &[u8], expected: &[u8]) -> Result<(), Wrong> {
    let step = "userinfo";
    let sub = string_member(body, b"\"sub\"").ok_or_else(|| Wrong::Missing {
        step,
        member: "sub",
        body: excerpt(body),
    })?;
    if sub == expected {
        return Ok(());
    }
    Err(Wrong::Another {
        step,
        member: "sub",
        found: excerpt(sub),
    })
}

/// Obtains access tokens by client credentials (RFC 6749 §4.4).
#[derive(Debug, Clone)]
pub(crate) struct ClientCredentials {
    provider: Rc<Provider>,
    requests: Rc<[Vec<u8>]>,
    form: TokenForm,
    turn: Turn,
    seen: Rc<Seen>,
}

impl ClientCredentials {
    pub(crate) fn new(provider: Rc<Provider>, form: TokenForm, seen: Rc<Seen>) -> Self {
        let (headers, body) = (
            provider.client_headers(),
            provider.client_credentials_form(),
        );
        let requests: Vec<Vec<u8>> = (0..provider.args.spread)
            .map(|number| provider.token.post(number, &headers, &body))
            .collect();
        Self {
            provider,
            turn: Turn::new(requests.len()),
            requests: requests.into(),
            form,
            seen,
        }
    }

    /// The same for another connection.
    pub(crate) fn from(&self, worker: usize) -> Self {
        Self {
            turn: self.turn.from(worker),
            ..self.clone()
        }
    }
}

impl Work for ClientCredentials {
    async fn once(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        let step = "token";
        let turn = self.turn.next();
        let response = ask(connection, step, &self.requests[turn], &[200]).await?;
        let body = response.body;
        self.seen.response(&response);
        let token = string_member(body, b"\"access_token\"").ok_or_else(|| Wrong::Missing {
            step,
            member: "access_token",
            body: excerpt(body),
        })?;
        match self.form {
            TokenForm::Opaque if Signed::parse(token).is_ok() => Err(Wrong::Another {
                step,
                member: "access_token",
                found: excerpt(token),
            }),
            TokenForm::Opaque => Ok(()),
            TokenForm::Jwt => {
                Signed::parse(token)
                    .and_then(|token| token.is_of(self.provider.args.alg))
                    .map_err(|source| Wrong::Token { step, source })?;
                if self.seen.signatures.get() == 0 {
                    self.seen.signatures.set(1);
                    let token = token.to_vec();
                    (self.provider.verify(&token, turn).await)
                        .map_err(|source| Wrong::Verify { step, source })?;
                }
                Ok(())
            }
        }
    }
}

/// One after the other in an order that looks random, so that neighbours are not met in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    at: usize,
    stride: usize,
    length: usize,
}

impl Turn {
    pub(super) fn new(length: usize) -> Self {
        // Near the golden ratio, and a prime apart, so that all are met: strides that share a
        // factor with the length are passed over.
        let mut stride = (length * 618 / 1000).max(1);
        while gcd(stride, length) != 1 {
            stride += 1;
        }
        Self {
            at: 0,
            stride,
            length,
        }
    }

    pub(super) fn from(self, worker: usize) -> Self {
        Self {
            at: worker.wrapping_mul(7919) % self.length,
            ..self
        }
    }

    pub(super) fn next(&mut self) -> usize {
        self.at = (self.at + self.stride) % self.length;
        self.at
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_has_its_turn() {
        for length in [1, 2, 3, 16, 1000] {
            let mut turn = Turn::new(length).from(3);
            let mut met: Vec<usize> = (0..length).map(|_| turn.next()).collect();
            met.sort_unstable();
            assert_eq!(met, (0..length).collect::<Vec<_>>());
        }
    }
}
