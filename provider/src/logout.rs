//! Telling clients that somebody has signed out (Back-Channel Logout 1.0): the logout token, through
//! the faults, and the request that carries it, which is recorded in the journal.

use std::cell::RefCell;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};

use crate::clock;
use crate::fault::Moment;
use crate::grant::Member;
use crate::issue::{self, At};
use crate::issuer::{Issuer, IssuerState, reached};
use crate::jose;
use crate::journal::{Endpoint, Notes, Record};
use crate::outbound::{Outbound, form};
use crate::parties::Client;
use crate::sent;
use crate::store::StoreDown;
use crate::urls::Urls;

/// What became of telling one client that somebody has signed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutPush {
    /// The client.
    pub client_id: String,
    /// Where the logout token was posted to (Back-Channel Logout 1.0 §2.2).
    pub uri: String,
    /// The JOSE header of the logout token as it went out, faults and all.
    pub header: Map<String, Value>,
    /// Its claims (Back-Channel Logout 1.0 §2.4). It is in the journal in full.
    pub claims: Map<String, Value>,
    /// The status that the client answered with, or why there was no answer. 200 and 204 mean that
    /// it has ended the session (Back-Channel Logout 1.0 §2.8).
    pub outcome: Result<u16, String>,
    /// The body of the client's answer, which says what it did not like (Back-Channel Logout 1.0
    /// §2.8); empty where there was no answer.
    pub answer: String,
}

/// A logout token on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    client_id: String,
    uri: String,
    token: String,
    notes: Notes,
    /// What posts it.
    outbound: Outbound,
}

/// Whom a logout token is about; it names at least one of both (Back-Channel Logout 1.0 §2.4).
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// As the issuer knows them.
    pub(crate) sub: Option<&'a str>,
    pub(crate) sid: Option<&'a str>,
}

/// The logout token for a client; none where it does not want any. It may belong to a parallel test.
pub(crate) fn prepare(
    issuer: &IssuerState,
    urls: &Urls,
    client: &Client,
    about: About<'_>,
    test: Option<&str>,
) -> Option<Push> {
    let uri = client.backchannel_logout_uri.clone()?;
    let notes = RefCell::new(Notes {
        client_id: Some(client.id.clone()),
        user: about.sub.map(str::to_owned),
        test: test.map(str::to_owned),
        ..Notes::default()
    });
    let signer = issue::signer(issuer, client, client.id_token_algorithm);
    let draft = issue::logout_token(At { issuer, urls }, &signer, client, about);
    let moment = Moment {
        issuer_name: &issuer.name,
        issuer_url: &urls.issuer,
        url: &uri,
        redirect_uri: None,
        now: issuer.now(),
        keys: &issuer.keys,
        notes: &notes,
        dealings: None,
    };
    let draft = issuer.faults.tamper(&moment, draft);
    let token = jose::sign_with(&issuer.keys, &signer, draft);
    Some(Push {
        client_id: client.id.clone(),
        uri,
        token,
        notes: notes.into_inner(),
        outbound: issuer.outbound.on_behalf_of(client),
    })
}

/// The logout tokens for those who took part in a session.
pub(crate) fn prepare_all(issuer: &IssuerState, urls: &Urls, members: &[Member]) -> Vec<Push> {
    (members.iter())
        .filter_map(|member| {
            let client = issuer.client(&member.client_id)?;
            let about = About {
                sub: Some(&member.sub),
                sid: Some(&member.sid),
            };
            prepare(issuer, urls, &client, about, None)
        })
        .collect()
}

/// Sends logout tokens, all at the same time, and waits for nobody.
pub(crate) fn send_all(issuer: &Issuer, pushes: Vec<Push>) {
    for push in pushes {
        let (issuer, outbound) = (issuer.clone(), push.outbound.clone());
        // What became of it is in the journal.
        drop(outbound.spawn(async move { send(&issuer, push).await }));
    }
}

/// Sends logout tokens, all at the same time, and waits for every answer.
pub(crate) async fn send_and_wait(issuer: &Issuer, pushes: Vec<Push>) -> Vec<LogoutPush> {
    let started: Vec<_> = (pushes.into_iter())
        .map(|push| {
            let stopped = Err("the provider has stopped".to_owned());
            let unsent = LogoutPush::new(&push, stopped, String::new());
            let (issuer, outbound) = (issuer.clone(), push.outbound.clone());
            let sending = outbound.spawn(async move { send(&issuer, push).await });
            (sending, unsent)
        })
        .collect();
    let mut all = Vec::new();
    for (sending, unsent) in started {
        all.push(match sending {
            Some(sending) => sending.await.unwrap_or(unsent),
            None => unsent,
        });
    }
    all
}

/// Posts one logout token and records the exchange (Back-Channel Logout 1.0 §2.5).
async fn send(issuer: &Issuer, push: Push) -> LogoutPush {
    let started = clock::instant();
    let pairs = [("logout_token", push.token.as_str())];
    let body = form(&pairs);
    let answer = push.outbound.post_form(&push.uri, &pairs).await;
    let (outcome, answer) = match answer {
        Ok(answer) => (Ok(answer.status), Some(answer)),
        Err(error) => {
            tracing::warn!(client = push.client_id, %error, "a client was not told of a logout");
            (Err(error.to_string()), None)
        }
    };
    let text = (answer.as_ref()).map(|it| String::from_utf8_lossy(&it.body).into_owned());
    let told = LogoutPush::new(&push, outcome, text.unwrap_or_default());
    let (status, reply_headers, reply_body) = answer.map_or_else(Default::default, |answer| {
        (answer.status, answer.headers, answer.body.into())
    });
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    issuer.journal().enter(Record {
        issuer: Arc::clone(&issuer.state().name),
        endpoint: Endpoint::BackchannelLogout,
        started,
        ended: clock::instant(),
        method: &Method::POST,
        target: &push.uri,
        headers: &HeaderMap::from_iter([(CONTENT_TYPE, media_type)]),
        body: &body,
        status,
        reply_headers: &reply_headers,
        reply_body: &reply_body,
        transport: None,
        notes: push.notes,
    });
    told
}

impl LogoutPush {
    fn new(push: &Push, outcome: Result<u16, String>, answer: String) -> Self {
        Self {
            client_id: push.client_id.clone(),
            uri: push.uri.clone(),
            header: sent::header(&push.token),
            claims: sent::claims(&push.token),
            outcome,
            answer,
        }
    }
}

/// Ends every session of a user; the logout tokens for those who took part in one.
pub(crate) fn end_sessions(issuer: &Issuer, sub: &str) -> Result<Vec<Push>, StoreDown> {
    let state = issuer.state();
    state.catch_up()?;
    let members = state.end_sessions_of(sub)?;
    Ok(prepare_all(state, &state.urls, &members))
}

impl Issuer {
    /// Ends every session of a user, and tells each client that the user signed in to and that
    /// wants to know (Back-Channel Logout 1.0). Waits for the clients' answers, at most five
    /// seconds; the exchanges are in the journal as [`Endpoint::BackchannelLogout`].
    ///
    /// What a client got in a session is remembered once it has an ID token. Where the issuer's
    /// store cannot be reached, nobody is signed out, and nobody is told.
    pub async fn log_out(&self, sub: &str) -> Vec<LogoutPush> {
        let pushes = end_sessions(self, sub).unwrap_or_else(|down| {
            tracing::error!(%down, "nobody was signed out");
            Vec::new()
        });
        send_and_wait(self, pushes).await
    }

    /// Posts a logout token about a user or a session to one client, whether they signed in to it
    /// or not. `None` if there is no such client, or it has no `backchannel_logout_uri`.
    ///
    /// It names what is given, so without both it is one that no client may take (Back-Channel
    /// Logout 1.0 §2.6). Other wrong ones come from a fault at [`crate::Fault::logout_token`].
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Client, MockProvider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let back_channel = format!("http://{}/logout", listener.local_addr()?);
    /// # std::thread::spawn(move || -> std::io::Result<()> {
    /// #     for stream in listener.incoming() {
    /// #         use std::io::{Read as _, Write as _};
    /// #         let mut stream = stream?;
    /// #         stream.read(&mut [0; 8192])?;
    /// #         stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
    /// #     }
    /// #     Ok(())
    /// # });
    /// // Your app listens at `back_channel`.
    /// let app = Client {
    ///     backchannel_logout_uri: Some(back_channel),
    ///     ..Client::public("my-app")
    /// };
    /// let provider = MockProvider::builder().client(app).start().await?;
    /// let issuer = provider.issuer();
    ///
    /// let fault = r#"{"logout-token": {"claims": {"aud": "another-client"}}}"#;
    /// let armed = issuer.arm(serde_json::from_str(fault)?)?;
    /// let push = issuer.push_logout("my-app", Some("alice"), None).await;
    /// let push = push.ok_or("the app wants to be told")?;
    /// assert_eq!(push.claims["aud"], "another-client");
    /// assert_eq!(push.outcome, Ok(400), "the app takes logout tokens of others");
    /// assert_eq!(armed.fired(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn push_logout(
        &self,
        client_id: &str,
        sub: Option<&str>,
        sid: Option<&str>,
    ) -> Option<LogoutPush> {
        let state = self.state();
        reached(state.catch_up());
        let client: Arc<Client> = state.client(client_id)?;
        let push = prepare(state, &state.urls, &client, About { sub, sid }, None)?;
        send_and_wait(self, vec![push]).await.pop()
    }
}
