//! The first clean login. Until it succeeds nothing is judged; where it fails, the reason is told
//! as a mistake of the set-up, never scored.

use oauth_gauntlet_provider::Endpoint;

use super::{Arrived, Record, Standing, control};
use crate::scenario::{Browser, Settings, Step};
use crate::target::{InstanceError, Pool, Spec};
use crate::transcript::Entry;

/// What the first clean login showed.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// The client's address.
    pub app: String,
    /// The issuer's identifier.
    pub issuer: String,
    /// The address of the account that was signed in.
    pub email: String,
    /// How long the login took, in milliseconds.
    pub milliseconds: u128,
    /// What the client was seen to use.
    pub observed: Vec<&'static str>,
}

/// Why nothing can be judged.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{title}")]
pub struct SetupError {
    /// What went wrong, in a sentence.
    pub title: String,
    /// What was seen, line by line.
    pub seen: Vec<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The last lines of the client's output.
    pub output: Vec<String>,
}

impl From<InstanceError> for SetupError {
    fn from(error: InstanceError) -> Self {
        Self {
            title: error.reason,
            seen: Vec::new(),
            advice: error.advice,
            output: error.output,
        }
    }
}

/// Signs in once, cleanly.
///
/// # Errors
/// Where the client does not start, or the login does not succeed.
pub async fn baseline(pool: &Pool) -> Result<Baseline, SetupError> {
    let instance = pool.acquire(&Spec::default()).await?;
    let played = control(
        pool.target(),
        &instance,
        &[Step::sign_in()],
        &Settings::default(),
    )
    .await;
    let record = match played {
        Ok(record) => record,
        Err(error) => {
            return Err(SetupError {
                title: error.to_string(),
                seen: Vec::new(),
                advice: None,
                output: instance.log.last_lines(8),
            });
        }
    };
    if let Some(mut error) = diagnosis(pool, &record) {
        error.output = instance.log.last_lines(8);
        return Err(error);
    }
    let baseline = Baseline {
        app: instance.app.clone(),
        issuer: instance.honest.url().to_owned(),
        email: instance.victim.email.clone(),
        milliseconds: record
            .steps
            .first()
            .map_or(0, |step| step.took().as_millis()),
        observed: observed(&record),
    };
    pool.release(instance, true);
    Ok(baseline)
}

/// What the client was seen to use.
fn observed(record: &Record) -> Vec<&'static str> {
    let mut observed = vec!["code"];
    let has = |name: &str| {
        record
            .transcript
            .iter()
            .any(|e| e.is_authorization_request() && e.query(name).is_some())
    };
    let calls = |endpoint| {
        record
            .transcript
            .iter()
            .any(|entry| entry.endpoint == Some(endpoint))
    };
    for (seen, word) in [
        (has("state"), "state"),
        (has("code_challenge"), "PKCE"),
        (has("nonce"), "nonce"),
        (calls(Endpoint::Userinfo), "userinfo"),
    ] {
        if seen {
            observed.push(word);
        }
    }
    observed
}

/// Why a clean login failed, in the words of its set-up.
fn diagnosis(pool: &Pool, record: &Record) -> Option<SetupError> {
    let step = record.steps.first()?;
    if step.standing == Standing::SignedIn(Browser::Victim) {
        return None;
    }
    let app = &pool.target().app;
    let origin = &pool.target().origin;
    let error = |title: String, seen: Vec<String>, advice: &str| {
        Some(SetupError {
            title,
            seen,
            advice: Some(advice.to_owned()),
            output: Vec::new(),
        })
    };
    if let Some(ended) = &record.ended {
        return error(
            format!("the client's program ended during the first clean login ({ended})"),
            Vec::new(),
            "start it by hand and open its login page",
        );
    }
    let act: Vec<&Entry> = record.during(step.window).collect();
    let line = |entry: &Entry| {
        let status = entry
            .answer
            .status()
            .map_or("no answer".to_owned(), |s| s.to_string());
        format!("{} {} → {status}", entry.method, entry.url)
    };
    let seen: Vec<String> = act.iter().map(|entry| line(entry)).collect();
    let asked = act
        .iter()
        .find(|entry| entry.endpoint == Some(Endpoint::Authorize));
    let Some(asked) = asked else {
        let first = act.first()?;
        return match (first.answer.status(), &step.arrival) {
            (None, Arrived::TimedOut) => error(
                format!("the client does not answer GET {}", app.login),
                seen,
                "is the right path given as `login` in [app]?",
            ),
            (Some(status), _) if status >= 400 => error(
                format!("the client answers {status} to GET {}", app.login),
                seen,
                "see its output; is the path given as `login` in [app], and is the client configured with {issuer}, {client_id} and {client_secret}?",
            ),
            _ => error(
                format!(
                    "GET {} never led to the issuer's authorization endpoint",
                    app.login
                ),
                seen,
                "the page given as `login` in [app] must start a login at {issuer}",
            ),
        };
    };
    if asked.answer.status().is_some_and(|status| status >= 400) {
        let redirect_uri = asked.query("redirect_uri").unwrap_or_default();
        let declared = format!("{}{}", record.places.app, app.callback);
        if redirect_uri != declared {
            return error(
                "the client asked to be sent back to an address that is not declared".to_owned(),
                vec![
                    format!("seen      redirect_uri={redirect_uri}"),
                    format!("declared  {declared}   (callback in {origin})"),
                ],
                "make the client use the address it is given as {app}, or correct `callback` in [app]",
            );
        }
        return error(
            "the issuer refused the client's authorization request".to_owned(),
            seen.into_iter()
                .chain(asked.violations.iter().cloned())
                .collect(),
            "is the client configured with {client_id}?",
        );
    }
    let callback = act.iter().rev().find(|entry| entry.is_page_of_the_app());
    if let Some(entry) = callback
        && (entry.answer.status().is_none_or(|status| status >= 400))
    {
        let refused = record.transcript.iter().find(|entry| {
            entry.endpoint == Some(Endpoint::Token)
                && entry.answer.status().is_some_and(|status| status >= 400)
        });
        let advice = match refused {
            Some(_) => {
                "the token endpoint refused the client: is it configured with {client_secret}?"
            }
            None => "see its output",
        };
        let seen = seen
            .into_iter()
            .chain(
                refused.map(|entry| format!("the token endpoint answered {}", entry.answer.body())),
            )
            .collect();
        return error(
            "the client does not finish a clean login".to_owned(),
            seen,
            advice,
        );
    }
    let page = record.during(step.probe).last();
    error(
        "the clean login ended, but the protected page does not show who is signed in".to_owned(),
        seen.into_iter().chain(page.map(line)).collect(),
        "`protected` in [app] must name a page that shows the user's sub, name, user name or e-mail; or say how a signed-in page looks in [signed_in]",
    )
}
