//! `gauntlet explain`: a scenario, or a verdict, in words.

use super::{complain, plans, tell};
use crate::cli::{ExplainArgs, Selecting};
use crate::diag::nearest;
use crate::judge::Verdict;
use crate::report::{Exit, wrapped};
use crate::scenario::{Act, CodeSource, LogoutAbout, Outcome, Plan, StateSource, Step};

/// Runs the command.
pub fn explain(args: &ExplainArgs) -> Exit {
    let word = args.what.to_lowercase();
    let verdicts = Verdict::ALL.map(|verdict| (verdict.word().to_lowercase(), verdict));
    if let Some((_, verdict)) = verdicts.iter().find(|(name, _)| *name == word) {
        tell(verdict.word());
        tell(&indented(verdict.meaning()));
        return Exit::Well;
    }
    let selecting = Selecting {
        scenarios: args.scenarios.clone(),
        ..Selecting::default()
    };
    let (_, plans) = match plans(&selecting) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    let bare = args.what.split('[').next().unwrap_or_default();
    let named = |plan: &&Plan| {
        plan.id.split('[').next() == Some(bare) || plan.scenario.alias.iter().any(|a| a == bare)
    };
    let cases: Vec<&Plan> = plans.iter().filter(named).collect();
    let Some(first) = cases.first() else {
        let mut known: Vec<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
        known.extend(verdicts.iter().map(|(name, _)| name.as_str()));
        complain(&format!("error: there is no scenario `{}`", args.what));
        if let Some(near) = nearest(&args.what, &known) {
            complain(&format!("       did you mean `{near}`?"));
        }
        return Exit::Usage;
    };
    tell(&text(first, &cases));
    Exit::Well
}

fn indented(text: &str) -> String {
    wrapped(text, 84)
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn text(first: &Plan, cases: &[&Plan]) -> String {
    let scenario = &first.scenario;
    let value = |json: Result<serde_json::Value, _>| -> String {
        json.ok()
            .and_then(|v: serde_json::Value| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let level = value(serde_json::to_value(scenario.level));
    let severity = value(serde_json::to_value(scenario.severity));
    let id = first.id.split('[').next().unwrap_or_default();
    let mut parts = vec![
        format!("{id}   {level}, {severity}\n{}", indented(&scenario.title)),
        format!(
            "What happens\n{}",
            cases
                .iter()
                .map(|case| story(case))
                .collect::<Vec<_>>()
                .join("\n")
        ),
        format!("Why it matters\n{}", indented(&scenario.why)),
        format!("How to mend it\n{}", indented(&scenario.fix)),
        format!(
            "Where it is written\n{}",
            scenario
                .spec
                .iter()
                .map(|spec| format!("  {spec}"))
                .collect::<Vec<_>>()
                .join("\n")
        ),
    ];
    if !scenario.cwe.is_empty() {
        let cwe: Vec<String> = scenario
            .cwe
            .iter()
            .map(|number| format!("CWE-{number}"))
            .collect();
        parts.push(format!("Weakness\n  {}", cwe.join(", ")));
    }
    parts.push(format!(
        "Run it\n  gauntlet run {id}\n  gauntlet run {id} -t demo"
    ));
    parts.join("\n\n")
}

/// The steps of a case, one line each.
fn story(plan: &Plan) -> String {
    let mut lines = Vec::new();
    if let Some((_, case)) = plan.id.split_once('[') {
        lines.push(format!("  [{case}"));
    }
    if plan.check.is_some() {
        lines.push("  - every exchange of every scenario of the run is looked at".to_owned());
    }
    for fault in &plan.faults {
        lines.push(format!(
            "  - the provider does this wrong: {}",
            fault.summary()
        ));
    }
    for step in &plan.steps {
        lines.push(format!("  - {}", act(step)));
        for fault in &step.fault {
            lines.push(format!(
                "    and the provider does this wrong: {}",
                fault.0.get_ref().summary()
            ));
        }
        if let Some(outcome) = step.expect.as_ref().and_then(|expect| expect.outcome) {
            lines.push(format!("    expected: {}", expected(outcome)));
        }
    }
    lines.join("\n")
}

fn act(step: &Step) -> String {
    let who = match step.browser {
        crate::scenario::Browser::Victim => "the user",
        crate::scenario::Browser::Attacker => "the attacker",
        crate::scenario::Browser::Namesake => "somebody with the user's e-mail address",
        crate::scenario::Browser::OtherDevice => "the user, on another device",
        crate::scenario::Browser::Twin => "somebody with the user's `sub` at another provider",
    };
    match step.act {
        Act::SignIn if !step.withhold.is_empty() => {
            format!(
                "{who} signs in and does not share: {}",
                step.withhold.join(", ")
            )
        }
        Act::SignIn => match &step.return_to {
            Some(target) => format!("{who} signs in, and is to end at {target}"),
            None => format!("{who} signs in"),
        },
        Act::SignInTogether => "the user and the attacker sign in at the same moment".to_owned(),
        Act::Begin => format!("{who} begins to sign in, and keeps the authorization response back"),
        Act::Deliver => {
            let (code, state) = step.callback.as_ref().map_or(("", ""), |callback| {
                let code = match callback.code {
                    CodeSource::AttackersOwn => "a code that the attacker got for himself",
                    CodeSource::Relayed => "the code of the attacker's own login",
                    CodeSource::Replayed => "a code that was used before",
                    CodeSource::Pending => "the right code",
                    CodeSource::Earlier => "the code of the login before",
                    CodeSource::Stolen => "the code of the user's login",
                    CodeSource::None => "no code",
                };
                let state = match callback.state {
                    StateSource::Invented => "an invented state",
                    StateSource::Relayed => "the state of the attacker's own login",
                    StateSource::Replayed => "a state that was used before",
                    StateSource::Pending => "the right state",
                    StateSource::Earlier => "the state of the login before",
                    StateSource::None => "no state",
                };
                (code, state)
            });
            let with: Vec<&str> = step
                .callback
                .iter()
                .flat_map(|callback| &callback.with)
                .map(|(name, _)| name.as_str())
                .collect();
            let with = match with.as_slice() {
                [] => String::new(),
                names => format!(", and with {}", names.join(", ")),
            };
            format!("{who} opens the redirect URI with {code} and {state}{with}")
        }
        Act::Visit => match &step.path {
            Some(path) => format!("{who} opens `{path}` of the client"),
            None => format!("{who} opens the protected page"),
        },
        Act::VisitTogether => format!("{who} opens the protected page in four tabs at once"),
        Act::SignOut => format!("{who} signs out"),
        Act::Expire => "every access token stops being honoured".to_owned(),
        Act::RotateKeys => "the provider takes a new signing key".to_owned(),
        Act::WithdrawKeys => {
            "the provider takes a new signing key, and withdraws the old one".to_owned()
        }
        Act::PushLogout => {
            let about = match step.about.unwrap_or_default() {
                LogoutAbout::Both => "a logout token about the user and the session",
                LogoutAbout::User => "a logout token about the user",
                LogoutAbout::Session => "a logout token about the session",
                LogoutAbout::Nobody => "a logout token about nobody",
                LogoutAbout::IdToken => "an ID token in place of a logout token",
                LogoutAbout::Again => "the logout token of before",
                LogoutAbout::Nothing => "an empty form in place of a logout token",
                LogoutAbout::Rubbish => "a text that is no JWT in place of a logout token",
                LogoutAbout::Json => "JSON in place of a form with a logout token",
                LogoutAbout::Flood => "a text of 256 KiB in place of a logout token",
            };
            format!("the provider posts {about} to the client")
        }
        Act::PushLogoutAmidVisit => format!(
            "{who} opens the protected page, and meanwhile the provider posts a logout token to the client"
        ),
        Act::ForgeCookies => {
            format!("{who} writes the user into the cookies in place of oneself")
        }
        Act::CopyCookies => format!("somebody copies the cookies of {who}"),
        Act::RestoreCookies => format!("{who} comes with the copied cookies"),
        Act::RelabelCookies => {
            format!("{who} comes with cookies of a begun login under the names of a session's")
        }
        Act::BlockCookies => format!("{who} lets the browser keep no cookies"),
        Act::ForgedSignOut => format!("another site makes the browser of {who} sign out"),
        Act::PlantCookies => "the attacker's cookies are put into the user's browser".to_owned(),
    }
}

fn expected(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::SignedIn => "signed in",
        Outcome::Refused => "not signed in, and the client answers",
        Outcome::AsksLogin => "not signed in, and asked to sign in again",
        Outcome::SignedOut => "not signed in any more",
        Outcome::OwnOrRefused => "signed in as oneself or not at all, and the client answers",
    }
}
