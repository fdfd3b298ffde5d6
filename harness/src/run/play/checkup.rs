//! A clean login and what belongs to it: enough to see whether the client is set up, and what it
//! does.

use oauth_gauntlet_provider::IssuedKind;

use super::{RunError, Stage};
use crate::run::{Record, Standing};
use crate::scenario::{Act, Browser, Settings, Step};
use crate::target::{Instance, Target};

/// What is to be tried beside the clean login.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::run) struct Checkup {
    /// Whether the client is signed out of.
    pub(in crate::run) sign_out: bool,
    /// Whether its access token expires, where it has a refresh token.
    pub(in crate::run) refresh: bool,
}

/// An act that could not be played.
#[derive(Debug)]
pub(in crate::run) struct Stuck {
    pub(in crate::run) act: Act,
    pub(in crate::run) error: RunError,
}

/// Signs in, shows the protected page to a stranger, and tries what else is asked for. A login
/// that fails is the end of it.
///
/// # Errors
/// Where the steps cannot be played.
pub(in crate::run) async fn checkup(
    target: &Target,
    instance: &Instance,
    settings: &Settings,
    what: Checkup,
) -> Result<Record, Stuck> {
    let mut stage = Stage::new(target, instance, settings);
    // What the client asked for when it started belongs to the picture.
    stage.journal_from = [0, 0];
    let mut step = Steps {
        stage: &mut stage,
        count: 0,
    };
    step.play(Act::SignIn, Browser::Victim).await?;
    if step.signed_in() {
        step.play(Act::Visit, Browser::Attacker).await?;
        if what.sign_out {
            step.play(Act::SignOut, Browser::Victim).await?;
        }
        if what.refresh && has_refresh_token(instance) {
            if what.sign_out {
                step.play(Act::SignIn, Browser::Victim).await?;
            }
            step.play(Act::Expire, Browser::Victim).await?;
            step.play(Act::Visit, Browser::Victim).await?;
        }
    }
    Ok(stage.record().await)
}

struct Steps<'a, 'b> {
    stage: &'a mut Stage<'b>,
    count: usize,
}

impl Steps<'_, '_> {
    async fn play(&mut self, act: Act, browser: Browser) -> Result<(), Stuck> {
        let step = Step {
            act,
            browser,
            ..Step::sign_in()
        };
        let played = self.stage.step(self.count, &step).await;
        played.map_err(|error| Stuck { act, error })?;
        self.count += 1;
        Ok(())
    }

    fn signed_in(&self) -> bool {
        let last = self.stage.steps.last();
        last.is_some_and(|step| step.standing == Standing::SignedIn(Browser::Victim))
    }
}

fn has_refresh_token(instance: &Instance) -> bool {
    let exchanges = instance.honest.journal().exchanges();
    let mut issued = exchanges.iter().flat_map(|it| &it.notes.issued);
    issued.any(|it| it.kind == IssuedKind::RefreshToken)
}
