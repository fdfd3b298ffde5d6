//! The judge: from a plan and the records of its runs to findings and a verdict. Pure: nothing
//! here waits, asks or looks anything up.

mod aside;
mod certificate;
mod doubt;
mod ground;
mod outcome;
mod passive;
mod recovery;
mod requests;
mod shown;
mod start;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use aside::Aside;
pub use doubt::{is_doubtful, is_locked_out, is_shaken};
pub use passive::{Looked, passive};

use crate::run::{Arrived, Record, Signatures, Standing, Start, StepRecord};
use crate::scenario::{Act, Expect, Level, Outcome, Plan, Severity};

/// What became of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The client did what is asked, and the fault was seen to reach it.
    Pass,
    /// Allowed by the specification, and worth knowing.
    Info,
    /// The target does not claim a capability.
    Skip,
    /// Fails as the target file says it does.
    Known,
    /// A recommendation or good practice is broken.
    Warn,
    /// Nothing was proven.
    Inconclusive,
    /// A requirement is broken.
    Fail,
    /// The scenario could not be played.
    Error,
}

impl Verdict {
    /// All verdicts, the best first.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Info,
        Self::Skip,
        Self::Known,
        Self::Warn,
        Self::Inconclusive,
        Self::Fail,
        Self::Error,
    ];

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => {
                "The client did what is asked of it, and the fault was seen to reach it. The \
                 control run, the same steps without the fault, signed in; after the attack the \
                 client still let its user in. A client that reads a document only as it starts \
                 is started with the fault in it; to end then is to refuse."
            }
            Self::Fail => {
                "The client broke a requirement (MUST) of a specification. The finding names the \
                 exchange that it rests on."
            }
            Self::Warn => {
                "The client broke a recommendation (SHOULD) or a good practice. It does not fail \
                 the run unless --deny warn says so."
            }
            Self::Info => {
                "What the client does is allowed, and worth knowing; the reason says why."
            }
            Self::Skip => {
                "The scenario needs a capability that the target does not claim in `can`."
            }
            Self::Known => {
                "The client fails as the target file says it does, under [[known]], with a reason."
            }
            Self::Inconclusive => {
                "Nothing was proven: the control run did not sign in, the fault never reached the \
                 client, or the client ended during the run. It is never counted as a pass; the \
                 exit code is 5."
            }
            Self::Error => "The scenario could not be played as it is written.",
        }
    }

    /// The word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Info => "INFO",
            Self::Skip => "SKIP",
            Self::Known => "KNOWN",
            Self::Warn => "WARN",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
            Self::Error => "ERROR",
        }
    }
}

/// One observation that breaks an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What the client did, in a sentence.
    pub sentence: String,
    /// What was expected of it.
    pub expected: String,
    /// What was observed.
    pub observed: String,
    /// How binding the expectation is.
    pub level: Level,
    /// What it costs.
    pub severity: Severity,
    /// The exchange that it rests on, by its number in the transcript.
    pub exchange: Option<usize>,
    /// What it is about, where that is not what the scenario is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Aside>,
}

/// A verdict with its grounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What broke an expectation.
    pub findings: Vec<Finding>,
    /// Why nothing was proven, why it was skipped, or what there is to know.
    pub reason: Option<String>,
    /// The only finding is one of the clean login that followed.
    #[serde(skip)]
    pub rests_on_recovery: bool,
}

impl Judgement {
    /// A verdict with a reason and no finding.
    pub fn because(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            findings: Vec::new(),
            reason: Some(reason.into()),
            rests_on_recovery: false,
        }
    }

    /// The verdict that findings amount to.
    pub fn of(findings: Vec<Finding>) -> Self {
        let verdict = match findings.iter().map(|finding| finding.level).max() {
            None => Verdict::Pass,
            Some(Level::Must) => Verdict::Fail,
            Some(Level::Should | Level::Practice) => Verdict::Warn,
        };
        Self {
            verdict,
            findings,
            reason: None,
            rests_on_recovery: false,
        }
    }

    /// What the findings are about, where none is about what the scenario is about.
    pub fn aside(&self) -> Option<Aside> {
        let mut asides = self.findings.iter().map(|finding| finding.aside);
        let first = asides.next()?;
        asides.all(|aside| aside.is_some()).then_some(first)?
    }
}

/// Judges a run by its control and its recovery, which there is none of where the client was started
/// with the faults armed.
pub fn judge(
    plan: &Plan,
    control: &Record,
    (attack, recovery): (&Record, Option<&Record>),
) -> Judgement {
    if let Some(reason) = control_defect(plan, control) {
        return Judgement::because(Verdict::Inconclusive, reason);
    }
    if plan.settings.untrusted_certificate {
        return certificate::judgement(plan, control, attack);
    }
    if let Some(Start::Stopped { how, words }) = &attack.start {
        return start::stopped(plan, attack, *how, words);
    }
    // An account that is not the browser owner's is a finding whatever else went wrong.
    let strangers = outcome::wrong_accounts(plan, attack);
    if strangers.is_empty() {
        let mut ended = [Some(attack), recovery].into_iter().flatten();
        if let Some(ended) = ended.find_map(|run| run.ended.as_ref()) {
            let reason = format!("the client's program ended during the run ({ended})");
            return Judgement::because(Verdict::Inconclusive, reason);
        }
        if let Some(judgement) = ground::missing(plan, control, attack) {
            return judgement;
        }
    }
    let relies_on_tls = attack.signatures == Some(Signatures::Unchecked);
    let may_rely_on_tls = relies_on_tls || attack.signatures == Some(Signatures::Unknown);
    let taken_over = !strangers.is_empty();
    let mut findings = strangers;
    let mut left_out = false;
    for (index, step) in attack.steps.iter().enumerate() {
        let Some(expect) = plan.expectation(index) else {
            continue;
        };
        let found = outcome::findings(plan, expect, (control, attack), step);
        if !may_rely_on_tls {
            findings.extend(found);
            continue;
        }
        let told = Expect {
            outcome: None,
            never: Vec::new(),
            ..expect.clone()
        };
        let told = outcome::findings(plan, &told, (control, attack), step);
        left_out |= told.len() < found.len();
        findings.extend(told);
    }
    // Who has got into somebody else's account may well be kept there.
    let recovery = recovery.filter(|_| !taken_over);
    let locked_out = recovery.and_then(|recovery| recovery::defect(plan, recovery));
    let keeps_keys = recovery.is_some_and(|recovery| recovery::keeps_keys(plan, recovery));
    let excused = locked_out.is_some() && keeps_keys;
    let locked_out = locked_out.filter(|_| !keeps_keys);
    // A report shows one run: that of the attack, where that has findings of its own.
    let rests_on_recovery = findings.is_empty() && locked_out.is_some();
    findings.extend(locked_out.map(|finding| Finding {
        exchange: finding.exchange.filter(|_| rests_on_recovery),
        ..finding
    }));
    let own = |step: &StepRecord| step.standing == Standing::SignedIn(step.browser);
    if findings.is_empty() && relies_on_tls && attack.last_step().is_some_and(own) {
        let reason = "the client checks no signature of an ID token that it gets from the provider \
                      itself, and relies on TLS, which OIDC Core §3.1.3.7 (6) allows";
        return Judgement::because(Verdict::Info, reason);
    }
    if findings.is_empty() && left_out && !relies_on_tls {
        let reason = "whether the client checks signatures is not known: a login with a signature \
                      that is plainly wrong got no answer, or never came to it; over TLS a client \
                      may check none (OIDC Core §3.1.3.7 (6))";
        return Judgement::because(Verdict::Inconclusive, reason);
    }
    let judgement = Judgement::of(findings);
    let reason = match judgement.verdict {
        Verdict::Pass if attack.start == Some(Start::Ready) => {
            Some(start::without_recovery(attack))
        }
        Verdict::Pass if excused => Some(
            "no clean login follows: the client goes by the keys that it was given for a while, as \
             it may"
                .to_owned(),
        ),
        _ => None,
    };
    Judgement {
        reason,
        rests_on_recovery,
        ..judgement
    }
}

/// Why the control run proves nothing about the run that it controls.
pub fn control_defect(plan: &Plan, control: &Record) -> Option<String> {
    if let Some(ended) = &control.ended {
        return Some(format!(
            "the client's program ended during the control run ({ended})"
        ));
    }
    if plan.settings.plain_oauth2 && ground::is_openid(control) {
        return Some(
            "the target claims `plain-oauth2`, and the client works with OpenID Connect in the \
             control run: [start.env-plain-oauth2] says what it needs to leave that out"
                .to_owned(),
        );
    }
    for step in &control.steps {
        if matches!(
            step.arrival,
            Arrived::TimedOut | Arrived::Broken | Arrived::Loop
        ) {
            return Some(
                "the control run, the same steps without the fault, did not arrive at a page in \
                 time; raise `time-limit` in the target file if the client is that slow"
                    .to_owned(),
            );
        }
        let signs_in = step.act == Act::SignIn;
        if signs_in && step.standing != Standing::SignedIn(step.browser) {
            return Some(format!(
                "the control run, the same steps without the fault, did not sign in: {}",
                outcome::words(step.standing)
            ));
        }
    }
    if plan.check.is_none()
        && let Some(reason) = ground::no_sign_out_counts(control)
    {
        return Some(reason);
    }
    let last = control.last_step()?;
    if matches!(last.act, Act::PushLogout | Act::SignOut) && plan.check.is_none() {
        // It was to sign out, and did.
        return None;
    }
    let negative = plan
        .expectation(plan.steps.len() - 1)
        .is_some_and(|expect| {
            matches!(
                expect.outcome,
                Some(Outcome::Refused | Outcome::AsksLogin | Outcome::SignedOut)
            )
        });
    (negative && last.standing != Standing::SignedIn(last.browser)).then(|| {
        format!(
            "the control run, the same steps without the fault, did not end signed in: {}",
            outcome::words(last.standing)
        )
    })
}
