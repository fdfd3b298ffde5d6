//! The first clean login. Until it succeeds nothing is judged; where it fails, the reason is told
//! as a mistake of the set-up, never scored.

use oauth_gauntlet_provider::Endpoint;

use super::diagnosis::diagnose;
use super::{Record, control};
use crate::scenario::{Settings, Step};
use crate::target::{InstanceError, Pool, Spec};

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
    if let Some(mut error) = diagnose(pool.target(), &record) {
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
