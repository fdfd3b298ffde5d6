//! From a scenario file to what is run: one plan for each case.

use oauth_gauntlet_provider::Fault;

use super::{
    Act, Browser, Capability, Check, Expect, Level, Outcome, Role, Scenario, Settings, Step,
};

/// One case of a scenario, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The id: the file's path, with the case's name in brackets.
    pub id: String,
    /// The file's path as the user knows it, for pointers into it.
    pub path: String,
    /// One sentence that says what a good client does.
    pub title: String,
    /// How binding the requirement is.
    pub level: Level,
    /// Capabilities that the target must claim.
    pub needs: Vec<Capability>,
    /// The whole file, for its prose.
    pub scenario: Scenario,
    /// The passive check, if that is what the scenario is.
    pub check: Option<Check>,
    /// How issuers and client are set up.
    pub settings: Settings,
    /// Faults of the whole run.
    pub faults: Vec<Fault>,
    /// The steps; never empty. The last one carries the expectation of the scenario.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The steps of the control run: the same, without a fault, without anything withheld. A step
    /// that is an attack in itself cannot be made honest; the control is then a clean login. Where
    /// the attack is a sign-out that must not count, it is a login and a sign-out that must.
    pub fn control_steps(&self) -> Vec<Step> {
        if self.check.is_some() {
            // A passive check looks at clean runs; its steps are one.
            return self.steps.clone();
        }
        if let Some(honest) = self.sign_out_that_counts() {
            return vec![Step::sign_in(), Step::plain(honest)];
        }
        let hostile = |step: &Step| {
            matches!(
                step.act,
                Act::Deliver
                    | Act::SignInTogether
                    | Act::PlantCookies
                    | Act::RestoreCookies
                    | Act::RelabelCookies
                    | Act::ForgeCookies
                    | Act::BlockCookies
                    | Act::ForgedSignOut
                    | Act::PushLogout
                    | Act::PushLogoutAmidVisit
            )
        };
        let attacker = |step: &Step| {
            step.browser == Browser::Attacker
                || (step.issuer == Role::Attacker && self.settings.two_issuers)
        };
        let ends_signed_out = self.steps.iter().any(|step| step.act == Act::SignOut);
        if self
            .steps
            .iter()
            .any(|step| hostile(step) || attacker(step))
            || ends_signed_out
        {
            return vec![Step::sign_in()];
        }
        let mut steps = self.steps.clone();
        for step in &mut steps {
            step.fault.clear();
            step.withhold.clear();
            step.with.clear();
            step.headers.clear();
            step.return_to = None;
            step.path = None;
            step.expect = None;
            if step.act == Act::Begin {
                step.act = Act::SignIn;
            }
        }
        if !self.has_faults() {
            steps.truncate(1);
        }
        steps
    }

    /// What does sign out, where the last step of the plan finds the user still signed in after
    /// something that must not, or signed out by something that is a little odd.
    fn sign_out_that_counts(&self) -> Option<Act> {
        let expect = self.expectation(self.steps.len() - 1)?;
        if expect.outcome != Some(Outcome::SignedIn) && !self.has_faults() {
            return None;
        }
        self.steps.iter().find_map(|step| match step.act {
            Act::PushLogout | Act::PushLogoutAmidVisit => Some(Act::PushLogout),
            Act::ForgedSignOut => Some(Act::SignOut),
            _ => None,
        })
    }

    /// The settings of the control run: the same. Where a setting of the issuer is itself what a
    /// client has to accept, the control does without it.
    pub fn control_settings(&self) -> Settings {
        if self.settings.untrusted_certificate {
            return Settings {
                untrusted_certificate: false,
                ..self.settings.clone()
            };
        }
        let accepts = self.steps.last().and_then(|step| step.expect.as_ref());
        let accepts = accepts.is_some_and(|expect| expect.outcome == Some(Outcome::SignedIn));
        if self.has_faults() || self.check.is_some() || !accepts {
            return self.settings.clone();
        }
        Settings {
            refresh_tokens: None,
            iss_parameter: None,
            refresh_rotation: None,
            odd_credentials: false,
            pkce_ignored: false,
            ..self.settings.clone()
        }
    }

    /// All faults, of the run and of its steps.
    pub fn all_faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().chain(
            self.steps
                .iter()
                .flat_map(|step| step.fault.iter().map(|fault| fault.0.get_ref())),
        )
    }

    /// Whether any fault is armed at any time.
    pub fn has_faults(&self) -> bool {
        self.all_faults().next().is_some()
    }

    /// The expectation of a step.
    pub fn expectation(&self, step: usize) -> Option<&Expect> {
        self.steps.get(step).and_then(|step| step.expect.as_ref())
    }
}

impl Step {
    /// The victim signs in at the honest issuer.
    pub fn sign_in() -> Self {
        Self::plain(Act::SignIn)
    }

    /// The victim does this at the honest issuer, and nothing is odd about it.
    fn plain(act: Act) -> Self {
        Self {
            act,
            browser: Browser::Victim,
            issuer: Role::Honest,
            withhold: Vec::new(),
            return_to: None,
            path: None,
            headers: Vec::new(),
            with: Vec::new(),
            times: None,
            about: None,
            callback: None,
            fault: Vec::new(),
            expect: None,
        }
    }
}

/// The plans of a scenario: one for each case, or one for the whole.
pub fn plans(id: &str, path: &str, scenario: &Scenario) -> Vec<Plan> {
    let base = Plan {
        id: id.to_owned(),
        path: path.to_owned(),
        title: scenario.title.clone(),
        level: scenario.level,
        needs: scenario.needs.clone(),
        scenario: scenario.clone(),
        check: scenario.check,
        settings: scenario.settings.clone(),
        faults: scenario
            .fault
            .iter()
            .map(|fault| fault.get_ref().clone())
            .collect(),
        steps: scenario.step.clone(),
    };
    if scenario.case.is_empty() {
        return vec![finish(base, scenario.expect.as_ref())];
    }
    let plan = |case: &super::Case| {
        let mut plan = base.clone();
        plan.id = format!("{id}[{}]", case.name);
        if let Some(title) = &case.title {
            plan.title.clone_from(title);
        }
        plan.level = case.level.unwrap_or(plan.level);
        if let Some(needs) = &case.needs {
            plan.needs.clone_from(needs);
        }
        if let Some(settings) = &case.settings {
            plan.settings.clone_from(settings);
        }
        if let Some(faults) = &case.fault {
            plan.faults = faults.iter().map(|fault| fault.get_ref().clone()).collect();
        }
        if let Some(steps) = &case.step {
            plan.steps.clone_from(steps);
        }
        finish(plan, case.expect.as_ref().or(scenario.expect.as_ref()))
    };
    scenario.case.iter().map(plan).collect()
}

/// Fills in the default step and hands the scenario's expectation to the last step.
fn finish(mut plan: Plan, expect: Option<&Expect>) -> Plan {
    if plan.steps.is_empty() {
        plan.steps.push(Step::sign_in());
    }
    if let (Some(expect), Some(last)) = (expect, plan.steps.last_mut()) {
        last.expect = Some(expect.clone());
    }
    plan
}
