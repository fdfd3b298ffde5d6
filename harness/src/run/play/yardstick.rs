//! What a run is measured by, beside its control: whether the client looks at signatures at all.

use oauth_gauntlet_provider::{Fault, JwtFault, Signing};

use super::{RunError, Stage};
use crate::run::Standing;
use crate::scenario::{Browser, Plan, Step};
use crate::target::{Instance, Target};

/// Whether the client refuses an ID token with flipped bits in its signature. A browser of its own
/// tries it; the journals are read from after it on.
pub(super) async fn checks_signatures(
    target: &Target,
    instance: &Instance,
    plan: &Plan,
) -> Result<bool, RunError> {
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
    armed.fault.disarm();
    let signed_in = Standing::SignedIn(Browser::Victim);
    let refused = stage.steps.iter().all(|step| step.standing != signed_in);
    Ok(refused)
}
