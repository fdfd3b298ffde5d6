//! The first clean login. Until it succeeds nothing is judged; where it fails, the reason is told
//! as a mistake of the set-up, never scored.

use std::time::{Duration, Instant};

use super::diagnosis::{Clues, diagnose, stuck};
use super::observed::Observed;
use super::outcome::LAST_WORDS;
use super::play::{Checkup, checkup};
use crate::diag::Diagnostic;
use crate::scenario::{Capability, Settings};
use crate::target::{Instance, InstanceError, Manner, Pool, Spec, Target};
use crate::user_agent::http_client;

/// How long the start page is looked at, beyond what a step may take.
const LOOK: Duration = Duration::from_secs(4);

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
    /// What the client was seen to do.
    pub observed: Observed,
}

/// Why nothing can be judged.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{title}")]
pub struct SetupError {
    /// What went wrong, in a sentence.
    pub title: String,
    /// What was seen, line by line.
    pub seen: Vec<String>,
    /// The line of the target file to change, with what to write there.
    pub place: Option<Diagnostic>,
    /// What to do about it, where the target has no file.
    pub advice: Option<String>,
    /// The last lines of the client's output.
    pub output: Vec<String>,
}

impl SetupError {
    /// What to do about it, with the line to change.
    pub fn told_advice(&self) -> Option<String> {
        let advice = self.advice.clone()?;
        match &self.place {
            Some(place) => Some(format!("{}:{}: {advice}", place.path, place.line())),
            None => Some(advice),
        }
    }

    /// A client that could not be started.
    pub fn not_started(target: &Target, error: InstanceError) -> Self {
        let about: Vec<&str> = error.about.iter().map(String::as_str).collect();
        let place = match (&target.source, &error.advice) {
            (Some(source), Some(advice)) if !about.is_empty() => {
                Some(source.at(&about, "", advice))
            }
            _ => None,
        };
        Self {
            title: error.reason,
            seen: Vec::new(),
            advice: place
                .as_ref()
                .and_then(|place| place.help.clone())
                .or(error.advice),
            place,
            output: error.output,
        }
    }
}

/// Starts the provider and signs in once, cleanly.
///
/// # Errors
/// Where the client does not start, or the login does not succeed.
pub async fn baseline(pool: &Pool) -> Result<Baseline, SetupError> {
    let target = pool.target();
    let what = Checkup {
        sign_out: target.can(Capability::Logout),
        refresh: false,
    };
    examine(pool, &Spec::default(), what).await
}

/// Everything that one clean login can show. What the client does not claim is tried as well.
///
/// # Errors
/// Where the client does not start, or the login does not succeed.
pub async fn full_baseline(pool: &Pool) -> Result<Baseline, SetupError> {
    let what = Checkup {
        sign_out: true,
        refresh: true,
    };
    // Some clients ask for no refresh token and use the one that they are given.
    let given = Spec {
        settings: Settings {
            refresh_tokens: Some(true),
            ..Settings::default()
        },
        ..Spec::default()
    };
    let claims = pool.target().can(Capability::Refresh);
    let spec = if claims && pool.refuses(&given).is_none() {
        given
    } else {
        Spec::default()
    };
    examine(pool, &spec, what).await
}

async fn examine(pool: &Pool, spec: &Spec, what: Checkup) -> Result<Baseline, SetupError> {
    let target = pool.target();
    // Nobody else is there yet, so all that reaches the issuers is this client's, what it asked
    // for when it started included.
    let manner = match pool.manner(spec) {
        Some(Manner::Beside | Manner::Alone) => Manner::Alone,
        Some(Manner::Own) | None => Manner::Own,
    };
    let instance = pool
        .acquire_as(spec, manner)
        .await
        .map_err(|error| SetupError::not_started(target, error))?;
    let output = || instance.log.last_lines(LAST_WORDS);
    let played = checkup(target, &instance, &spec.settings, what).await;
    let record = match played {
        Ok(record) => record,
        Err(error) => {
            let output = output();
            let error = stuck(target, &instance, &error).await;
            return Err(SetupError { output, ..error });
        }
    };
    if let Some(mut error) = diagnose(target, &record, &Clues::default()) {
        let clues = clues(target, &instance).await;
        error = diagnose(target, &record, &clues).unwrap_or(error);
        error.output = output();
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
        observed: Observed::of(target, &record),
    };
    pool.release(instance, true);
    Ok(baseline)
}

/// What the client's start page shows: where it leads, which is what its pages are really called,
/// and whether it is slow.
async fn clues(target: &Target, instance: &Instance) -> Clues {
    let base = instance.behind_proxy.as_ref().unwrap_or(&instance.app);
    let patience = target.time_limit.saturating_add(LOOK);
    let request = http_client().get(format!("{base}/")).timeout(patience);
    let asked = Instant::now();
    let answer = request.send().await;
    let slow = answer.is_ok() && asked.elapsed() >= target.time_limit;
    let page = match answer {
        Ok(response) => response.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    };
    Clues {
        links: links(&page),
        slow,
        output: instance.log.text(),
    }
}

/// The paths that a page's links and forms lead to.
pub(super) fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mark in ["href=", "action="] {
        for rest in page.split(mark).skip(1) {
            let path = rest.trim_start_matches(['"', '\'']);
            let end = path.find(['"', '\'', ' ', '>']).unwrap_or(path.len());
            let path = &path[..end];
            if path.starts_with('/') && path.len() > 1 && !found.contains(&path.to_owned()) {
                found.push(path.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_forms_are_found() {
        let page = "<a href=\"/auth/login\">In</a><form action='/out' method=post><a href=/x>";
        assert_eq!(links(page), ["/auth/login", "/x", "/out"]);
    }
}
