//! `/headless-login`: a sign-in without a browser, by HTTP or within the process.

use serde_json::{Map, json};

use super::authorize::{self, Delivery, Outcome, approve, parse, refuse};
use super::message::typed;
use super::{Answer, Call, Reply, Request, Route};
use crate::clock;
use crate::exchange;
use crate::grant::Pending;
use crate::issuer::{Callback, Issuer, IssuerState, Login, LoginError};
use crate::protocol::ErrorCode;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    authorization_url: Option<String>,
    sub: Option<String>,
    /// The scopes to grant; without it all that the request asks for.
    scope: Option<String>,
}

pub(super) fn serve(call: &Call<'_>) -> Reply {
    let parameters: Parameters = typed(&call.request.parameters());
    let Parameters {
        authorization_url: Some(url),
        sub: Some(sub),
        scope,
    } = parameters
    else {
        let reason = "send `authorization_url` and `sub`, and `scope` if not all is to be granted";
        return Reply::error(400, ErrorCode::InvalidRequest, reason);
    };
    let test = call.test();
    let login = Login {
        sub: &sub,
        scope: scope.as_deref(),
        test: test.as_deref(),
    };
    let inner = match request(call.issuer, &url) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let inner = Call::new(call.issuer, Route::Authorize, &inner);
    let outcome = login.run(&inner);
    call.dealings.take_over(&inner.dealings);
    // What was noted belongs to the request that is recorded.
    call.notes.replace(inner.notes.take());
    match outcome {
        Ok(Done {
            callback: Ok(callback),
            ..
        }) => {
            let mut document = Map::from_iter([("callback_url".to_owned(), json!(callback.url))]);
            if let Some(form) = callback.form {
                let fields = form.into_iter().map(|(name, value)| (name, json!(value)));
                document.insert("form".to_owned(), fields.collect::<Map<_, _>>().into());
            }
            Reply::json(200, &document)
        }
        Ok(Done {
            callback: Err(error),
            ..
        })
        | Err(error) => refused(&error),
    }
}

/// The same within the process; the exchange is recorded as one of the authorization endpoint.
pub(crate) fn headless_login(
    issuer: &Issuer,
    url: &str,
    login: Login<'_>,
) -> Result<Callback, LoginError> {
    let started = clock::instant();
    let request = request(issuer.state(), url)?;
    let call = Call::new(issuer.state(), Route::Authorize, &request);
    let done = login.run(&call);
    if let Some(down) = call.dealings.settle(&*issuer.state().store) {
        return Err(LoginError::Store {
            reason: down.to_string(),
        });
    }
    let Done { reply, callback } = done?;
    let mut answer = Answer {
        reply,
        notes: call.notes.take(),
        act: None,
        pushes: Vec::new(),
    };
    let times = started..clock::instant();
    exchange::record(issuer, Route::Authorize, times, &request, &mut answer);
    callback
}

struct Done {
    reply: Reply,
    callback: Result<Callback, LoginError>,
}

impl Login<'_> {
    fn run(&self, call: &Call<'_>) -> Result<Done, LoginError> {
        call.note_test(self.test);
        let users = call.issuer.users();
        if !users.iter().any(|user| user.sub == self.sub) {
            let known: Vec<&str> = users.iter().map(|user| user.sub.as_str()).collect();
            return Err(LoginError::UnknownUser {
                sub: self.sub.to_owned(),
                known: known.join(", "),
            });
        }
        let outcome = match parse(call, &call.request.query()) {
            Ok(pending) => {
                call.note_flow(&pending.flow);
                self.approve(call, pending)
            }
            Err(problem) => refuse(call, problem),
        };
        let callback = match &outcome {
            Outcome::Page { reason, .. } => Err(LoginError::Refused {
                reason: reason.clone(),
            }),
            Outcome::Back(Delivery::Redirect(location)) => Ok(Callback {
                url: location.clone(),
                form: None,
            }),
            Outcome::Back(Delivery::Form { action, fields }) => Ok(Callback {
                url: action.clone(),
                form: Some(fields.clone()),
            }),
            Outcome::Back(Delivery::Message { .. }) => Err(LoginError::Refused {
                reason: "with `response_mode=web_message` the answer goes to a page, which takes a browser".to_owned(),
            }),
        };
        Ok(Done {
            reply: outcome.into_reply(call),
            callback,
        })
    }

    fn approve(&self, call: &Call<'_>, pending: Pending) -> Outcome {
        let mut scopes = pending.scopes.clone();
        if let Some(granted) = self.scope {
            scopes.retain(|scope| granted.split(' ').any(|it| it == scope));
        }
        let signed_in = authorize::sign_in(call, &pending, self.sub);
        approve(call, pending, signed_in, scopes)
    }
}

/// The request that a browser would make for the URL.
fn request(issuer: &IssuerState, url: &str) -> Result<Request, LoginError> {
    let endpoint = format!("{}/authorize", issuer.urls.front);
    let rest = url.strip_prefix(&endpoint);
    let Some(query) = rest.filter(|rest| rest.starts_with('?')) else {
        return Err(LoginError::NotAnAuthorizationRequest {
            url: url.split('?').next().unwrap_or_default().to_owned(),
            endpoint,
        });
    };
    let query = query.split('#').next().unwrap_or_default();
    Ok(Request {
        target: format!("{}/authorize{query}", issuer.path),
        ..Request::default()
    })
}

fn refused(error: &LoginError) -> Reply {
    Reply::error(400, ErrorCode::InvalidRequest, &error.to_string())
}
