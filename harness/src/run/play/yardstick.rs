//! What a run is measured by, beside its control: whether the client looks at signatures at all.

use oauth_gauntlet_provider::{Fault, JwtFault, Signing};

use super::{RunError, Stage};
use crate::run::{Arrived, Signatures, Standing, StepRecord};
use crate::scenario::{Browser, Plan, Step};
use crate::target::{Instance, Target};

/// Whether the client refuses an ID token with flipped bits in its signature. A browser of its own
/// tries it; the journals are read from after it on.
pub(super) async fn signatures(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
) -> Result<Signatures, RunError> {
    let mut stage = Stage::new(target, instance, &plan.settings);
    let wrong = Fault {
        id_token: Some(JwtFault {
            sign: Some(Signing::CorruptSignature),
            ..JwtFault::default()
        }),
        ..Fault::default()
    };
    let armed = stage.arm(&wrong)?;
    stage.step(0, &Step::sign_in()).await?;
    let fired = armed.fault.fired() > 0;
    armed.fault.disarm();
    let step = stage.steps.last().filter(|_| fired);
    Ok(step.map_or(Signatures::Unknown, shown_by))
}

/// What a login with such a token shows: nothing, unless the client answered its user.
fn shown_by(step: &StepRecord) -> Signatures {
    match (&step.arrival, step.standing) {
        (_, Standing::SignedIn(Browser::Victim)) => Signatures::Unchecked,
        // Some begin a login anew, and meet the same token again, and again.
        (Arrived::Page | Arrived::Loop, Standing::AsksLogin | Standing::Out | Standing::Loop) => {
            Signatures::Checked
        }
        _ => Signatures::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing;

    #[test]
    fn only_a_client_that_answers_its_user_has_refused() {
        let shown = |arrival, standing| {
            shown_by(&StepRecord {
                arrival,
                standing,
                ..testing::sign_in(standing)
            })
        };
        let own = Standing::SignedIn(Browser::Victim);
        for (arrival, standing, signatures) in [
            (Arrived::Page, own, Signatures::Unchecked),
            (Arrived::TimedOut, own, Signatures::Unchecked),
            (Arrived::Page, Standing::AsksLogin, Signatures::Checked),
            (Arrived::Page, Standing::Out, Signatures::Checked),
            (Arrived::Page, Standing::NoAnswer, Signatures::Unknown),
            (Arrived::TimedOut, Standing::Out, Signatures::Unknown),
            (Arrived::Broken, Standing::AsksLogin, Signatures::Unknown),
            (Arrived::Loop, Standing::AsksLogin, Signatures::Checked),
            (Arrived::Loop, Standing::NoAnswer, Signatures::Unknown),
        ] {
            assert_eq!(shown(arrival.clone(), standing), signatures, "{arrival:?}");
        }
    }
}
