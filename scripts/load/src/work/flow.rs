//! Whole sign-ins: an authorization request that needs no page, the token request, userinfo.

use std::cell::RefCell;
use std::io::Write as _;
use std::rc::Rc;

use super::requests::{Turn, subject};
use super::{Seen, Work, Wrong, ask, excerpt};
use crate::cli::Until;
use crate::connection::Connection;
use crate::provider::Provider;
use crate::token::{Signed, string_member};

/// Access tokens that were obtained, all of one user.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Box<[u8]>>,
    pub(crate) sub: Option<Rc<[u8]>>,
}

/// Sign-ins, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    provider: Rc<Provider>,
    until: Until,
    parts: Rc<Parts>,
    turn: Turn,
    /// Tells this connection's states and nonces from the others'.
    worker: usize,
    number: u64,
    request: Vec<u8>,
    /// Code, access token, nonce and state of the flow under way.
    code: Vec<u8>,
    access_token: Vec<u8>,
    nonce: Vec<u8>,
    state: Vec<u8>,
    sub: Vec<u8>,
    seen: Rc<Seen>,
    /// Where access tokens are kept, if they are wanted.
    tokens: Option<Rc<RefCell<Tokens>>>,
}

/// What is the same for every flow of an issuer, for each issuer.
#[derive(Debug)]
struct Parts {
    authorize: Vec<(String, String)>,
    token: Vec<String>,
    form: String,
    userinfo: Vec<String>,
}

impl Flow {
    pub(crate) fn new(
        provider: Rc<Provider>,
        until: Until,
        seen: Rc<Seen>,
        tokens: Option<Rc<RefCell<Tokens>>>,
    ) -> anyhow::Result<Self> {
        let numbers = 0..provider.args.spread;
        let authorization = provider.authorization.as_ref();
        let authorization = authorization
            .ok_or_else(|| anyhow::anyhow!("the provider has no authorization endpoint"))?;
        let query = provider.authorization_query();
        let cookie = (provider.args.cookie.as_ref())
            .map_or_else(String::new, |cookie| format!("cookie: {cookie}\r\n"));
        let authorize = numbers
            .clone()
            .map(|number| {
                let path = authorization.path_of(number);
                let glue = if path.contains('?') { '&' } else { '?' };
                let head = format!("GET {path}{glue}{query}&state=");
                let tail = format!(
                    " HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n{cookie}\r\n",
                    authorization.host
                );
                (head, tail)
            })
            .collect();
        let token = numbers
            .clone()
            .map(|number| {
                format!(
                    "POST {} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n{}\
                     content-type: application/x-www-form-urlencoded\r\ncontent-length: ",
                    provider.token.path_of(number),
                    provider.token.host,
                    provider.client_headers(),
                )
            })
            .collect();
        let userinfo = match (&provider.userinfo, until) {
            (Some(userinfo), _) => numbers
                .map(|number| {
                    format!(
                        "GET {} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\nauthorization: Bearer ",
                        userinfo.path_of(number),
                        userinfo.host
                    )
                })
                .collect(),
            (None, Until::Userinfo) => anyhow::bail!("the provider has no userinfo endpoint"),
            (None, Until::Code | Until::Token) => Vec::new(),
        };
        let parts = Parts {
            authorize,
            token,
            form: provider.code_form(),
            userinfo,
        };
        Ok(Self {
            turn: Turn::new(provider.args.spread),
            provider,
            until,
            parts: Rc::new(parts),
            worker: 0,
            number: 0,
            request: Vec::new(),
            code: Vec::new(),
            access_token: Vec::new(),
            nonce: Vec::new(),
            state: Vec::new(),
            sub: Vec::new(),
            seen,
            tokens,
        })
    }

    /// The same for another connection.
    pub(crate) fn from(&self, worker: usize) -> Self {
        Self {
            turn: self.turn.from(worker),
            worker,
            ..self.clone()
        }
    }

    /// RFC 6749 §4.1.1 and §4.1.2.
    async fn authorize(&mut self, connection: &mut Connection, turn: usize) -> Result<(), Wrong> {
        let step = "authorize";
        self.number += 1;
        let (head, tail) = &self.parts.authorize[turn];
        self.state.clear();
        put(
            &mut self.state,
            format_args!("s{}-{}", self.worker, self.number),
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(&self.state);
        if !self.provider.args.no_nonce {
            self.nonce.clear();
            put(
                &mut self.nonce,
                format_args!("n{}-{}", self.worker, self.number),
            );
            self.request.extend_from_slice(b"&nonce=");
            self.request.extend_from_slice(&self.nonce);
        }
        self.request.extend_from_slice(tail.as_bytes());
        let response = ask(connection, step, &self.request, &[302, 303, 307]).await?;
        let missing = |member, text: &[u8]| Wrong::Missing {
            step,
            member,
            body: excerpt(text),
        };
        let location = response
            .location
            .ok_or_else(|| missing("location", response.body))?;
        let query = location
            .strip_prefix(self.provider.args.redirect_uri.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"?"))
            .ok_or_else(|| missing("redirect URI", location))?;
        // Both a query and a form encode alike, so the code goes on as it came.
        let code = parameter(query, b"code=").ok_or_else(|| missing("code", query))?;
        let state = parameter(query, b"state=").ok_or_else(|| missing("state", query))?;
        if state != self.state {
            return Err(Wrong::Another {
                step,
                member: "state",
                found: excerpt(state),
            });
        }
        self.code.clear();
        self.code.extend_from_slice(code);
        Ok(())
    }

    /// RFC 6749 §4.1.3 and §4.1.4, OIDC Core §3.1.3.3.
    async fn redeem(&mut self, connection: &mut Connection, turn: usize) -> Result<(), Wrong> {
        let step = "token";
        let parts = &self.parts;
        self.request.clear();
        self.request.extend_from_slice(parts.token[turn].as_bytes());
        let length = parts.form.len() + self.code.len();
        put(
            &mut self.request,
            format_args!("{length}\r\n\r\n{}", parts.form),
        );
        self.request.extend_from_slice(&self.code);
        let response = ask(connection, step, &self.request, &[200]).await?;
        let body = response.body;
        self.seen.response(&response);
        let member = |quoted: &[u8], member| {
            string_member(body, quoted).ok_or_else(|| Wrong::Missing {
                step,
                member,
                body: excerpt(body),
            })
        };
        let access_token = member(b"\"access_token\"", "access_token")?;
        let id_token = member(b"\"id_token\"", "id_token")?;
        let wrong = |source| Wrong::Token { step, source };
        let signed = Signed::parse(id_token).map_err(wrong)?;
        signed.is_of(self.provider.args.alg).map_err(wrong)?;
        let claims = signed.claims().map_err(wrong)?;
        let claim = |quoted: &[u8], member| {
            string_member(&claims, quoted).ok_or_else(|| Wrong::Missing {
                step,
                member,
                body: excerpt(&claims),
            })
        };
        if !self.provider.args.no_nonce {
            let nonce = claim(b"\"nonce\"", "nonce")?;
            if nonce != self.nonce {
                return Err(Wrong::Another {
                    step,
                    member: "nonce",
                    found: excerpt(nonce),
                });
            }
        }
        self.sub.clear();
        self.sub.extend_from_slice(claim(b"\"sub\"", "sub")?);
        self.access_token.clear();
        self.access_token.extend_from_slice(access_token);
        if self.seen.signatures.get() == 0 {
            self.seen.signatures.set(1);
            let id_token = id_token.to_vec();
            (self.provider.verify(&id_token, turn).await)
                .map_err(|source| Wrong::Verify { step, source })?;
        }
        Ok(())
    }

    /// OIDC Core §5.3.
    async fn userinfo(&mut self, connection: &mut Connection, turn: usize) -> Result<(), Wrong> {
        self.request.clear();
        self.request
            .extend_from_slice(self.parts.userinfo[turn].as_bytes());
        self.request.extend_from_slice(&self.access_token);
        self.request.extend_from_slice(b"\r\n\r\n");
        let response = ask(connection, "userinfo", &self.request, &[200]).await?;
        subject(response.body, &self.sub)
    }

    fn keep(&self) -> Result<(), Wrong> {
        let Some(tokens) = &self.tokens else {
            return Ok(());
        };
        let mut kept = tokens.borrow_mut();
        let sub = kept.sub.get_or_insert_with(|| self.sub.as_slice().into());
        if **sub != *self.sub {
            return Err(Wrong::Another {
                step: "token",
                member: "sub",
                found: excerpt(&self.sub),
            });
        }
        kept.tokens.push(self.access_token.as_slice().into());
        Ok(())
    }
}

impl Work for Flow {
    async fn once(&mut self, connection: &mut Connection) -> Result<(), Wrong> {
        let turn = self.turn.next();
        self.authorize(connection, turn).await?;
        if self.until == Until::Code {
            return Ok(());
        }
        self.redeem(connection, turn).await?;
        self.keep()?;
        if self.until == Until::Token {
            return Ok(());
        }
        self.userinfo(connection, turn).await
    }
}

/// Appends text; a `Vec` takes everything.
fn put(buffer: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    buffer.write_fmt(text).expect("memory can be written to");
}

/// A parameter of a query, still encoded; `name` comes with its `=`.
fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    query
        .split(|byte| matches!(byte, b'&' | b'#'))
        .find_map(|pair| pair.strip_prefix(name))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        let query = b"barcode=1&code=%2Fx&state=&x=y";
        assert_eq!(parameter(query, b"code="), Some(&b"%2Fx"[..]));
        assert_eq!(parameter(query, b"state="), None);
        assert_eq!(parameter(query, b"iss="), None);
    }
}
