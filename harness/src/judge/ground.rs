//! What a judgement can stand on: a fault that reached the client, steps that could be taken, a
//! client that does what the scenario is about.

use oauth_gauntlet_provider::{Endpoint, Fault};

use super::{Judgement, Verdict, outcome};
use crate::run::{FaultRecord, Record, Standing, StepRecord};
use crate::scenario::{Act, Capability, CodeSource, Outcome, Plan, StateSource, document};
use crate::transcript::{Entry, Party};

/// The judgement where there is nothing to stand on.
pub(super) fn missing(plan: &Plan, control: &Record, attack: &Record) -> Option<Judgement> {
    fault_unused(plan, control, attack)
        .or_else(|| nonce_unsent(plan, control))
        .or_else(|| challenge_unsent(plan, control))
        .or_else(|| nothing_to_choose(plan, control))
        .or_else(|| nothing_planted(attack))
        .or_else(|| cookies_unused(control, attack))
        .or_else(|| login_leads_nowhere(plan, attack))
        .or_else(|| no_login_begun(attack))
        .or_else(|| sign_in_failed(plan, attack))
        .or_else(|| logout_not_there(attack))
        .or_else(|| cannot_be_told_apart(attack))
        .or_else(|| userinfo_unread(plan, control))
        .or_else(|| logout_not_taken(attack))
        .or_else(|| token_unused(attack))
        .or_else(|| protected_without_state(plan, control, attack))
        .or_else(|| request_refused(plan, attack))
}

/// Whether the client sends a parameter with its authorization requests.
pub(super) fn sends(records: &[&Record], name: &str) -> bool {
    let entries = records.iter().flat_map(|record| &record.transcript);
    entries
        .filter(|e| e.is_authorization_request())
        // One without a value counts as left out (RFC 6749 §3.1).
        .any(|e| e.query(name).is_some_and(|value| !value.is_empty()))
}

/// Whether a client works with OpenID Connect: it asks for it (OIDC Core §3.1.2.1), and not for the
/// user's data alone, since it sends a nonce or fetches keys.
pub(super) fn is_openid(record: &Record) -> bool {
    let mut requests = (record.transcript.iter()).filter(|entry| entry.is_authorization_request());
    let asks = requests.any(|entry| {
        (entry.query("scope")).is_some_and(|scope| scope.split(' ').any(|it| it == "openid"))
    });
    asks && (sends(&[record], "nonce") || fetches_keys(record))
}

/// A page to come back to is kept in the redirect URI by some clients, and the issuer knows no such
/// one: the client never came to where it would have gone there.
fn request_refused(plan: &Plan, attack: &Record) -> Option<Judgement> {
    let stays = |index| plan.expectation(index).is_some_and(|expect| expect.stays);
    let mut steps = attack.steps.iter().zip(&plan.steps).enumerate();
    let refused = steps.find_map(|(index, (step, of))| {
        let is_of_a_link = of.return_to.is_some() && stays(index);
        let is_refusal = |entry: &&Entry| {
            entry.endpoint == Some(Endpoint::Authorize)
                && entry.answer.status().is_some_and(|status| status >= 400)
        };
        let refused = attack.during(step.window).filter(is_refusal).last()?;
        let is_out = step.standing != Standing::SignedIn(step.browser);
        (is_of_a_link && is_out).then_some(refused.number)
    })?;
    Some(Judgement::because(
        Verdict::Inconclusive,
        format!(
            "the issuer refused the authorization request in exchange {refused}, so that the login \
             came to no end: where the client would have gone cannot be told"
        ),
    ))
}

fn fetches_keys(record: &Record) -> bool {
    let mut entries = record.transcript.iter();
    entries.any(|entry| entry.endpoint == Some(Endpoint::Jwks) && entry.from == Party::App)
}

/// Whether all that a fault does is to the state.
pub(super) fn is_about_state_alone(fault: &Fault) -> bool {
    fault.redirect.as_ref().is_some_and(|redirect| {
        let names = redirect.set.keys().chain(&redirect.remove);
        let appended = redirect.append.iter().map(|(name, _)| name);
        redirect.error.is_none() && names.chain(appended).all(|name| name == "state")
    })
}

fn fault_unused(plan: &Plan, control: &Record, attack: &Record) -> Option<Judgement> {
    // A client that sends no state is judged by what happens, not by the state that is not there.
    let stateless = !sends(&[control, attack], "state");
    if stateless && plan.has_faults() && plan.all_faults().all(is_about_state_alone) {
        return None;
    }
    let unused = attack.faults.iter().find(|fault| fault.fired == 0)?;
    // Who does not get to the tokens for lack of keys has refused them.
    let is_out =
        (attack.last_step()).is_some_and(|step| step.standing != Standing::SignedIn(step.browser));
    let refuses = (plan.expectation(plan.steps.len().saturating_sub(1)))
        .is_some_and(|expect| expect.outcome == Some(Outcome::Refused));
    let met = |fault: &FaultRecord| fault.fired > 0 && fault.point == FaultRecord::KEY_SET;
    if refuses
        && is_out
        && unused.point == FaultRecord::TOKEN_ENDPOINT
        && attack.faults.iter().any(met)
    {
        return None;
    }
    let mut again = attack.steps.iter().zip(&plan.steps);
    if again.any(|(record, step)| !step.fault.is_empty() && begins_none(attack, record)) {
        let reason = "the client begins no login where somebody is signed in already";
        return Some(Judgement::because(Verdict::Info, reason));
    }
    let later = plan.faults.is_empty()
        && plan.steps.iter().all(|step| {
            let visits = matches!(step.act, Act::Visit | Act::PushLogoutAmidVisit);
            step.fault.is_empty() || visits
        });
    let read_again = || {
        let signed_in = attack.steps.first().map(|step| step.probe.to);
        let mut entries = attack.transcript.iter();
        entries.any(|entry| {
            entry.endpoint == Some(Endpoint::Userinfo)
                && signed_in.is_some_and(|moment| entry.started >= moment)
        })
    };
    if later && plan.all_faults().all(|fault| fault.userinfo.is_some()) && !read_again() {
        let reason =
            "the client does not read userinfo again, so what it says later does not matter";
        return Some(Judgement::because(Verdict::Info, reason));
    }
    let about_keys = unused.point == FaultRecord::KEY_SET
        && (plan.all_faults()).any(|fault| document(fault) == Some(Endpoint::Jwks));
    if about_keys && ![control, attack].into_iter().any(fetches_keys) {
        let reason = "the client fetches no keys, so it does not matter to it what they are like";
        return Some(Judgement::because(Verdict::Info, reason));
    }
    Some(Judgement::because(
        Verdict::Inconclusive,
        format!(
            "the fault changed nothing, so nothing is proven: `{}` waits for a request to {} \
             that it applies to, and none came",
            unused.summary, unused.point
        ),
    ))
}

fn nonce_unsent(plan: &Plan, control: &Record) -> Option<Judgement> {
    let about_nonce = plan.all_faults().any(|fault| {
        fault.id_token.as_ref().is_some_and(|id_token| {
            id_token.claims.contains_key("nonce") || id_token.remove.iter().any(|c| c == "nonce")
        })
    });
    if about_nonce && !sends(&[control], "nonce") {
        let reason = "the client claims `nonce` and sends none, so there is none to compare";
        return Some(Judgement::because(Verdict::Inconclusive, reason));
    }
    None
}

/// How a client calls userinfo is not seen where it never does.
fn userinfo_unread(plan: &Plan, control: &Record) -> Option<Judgement> {
    let mut counts = (plan.steps.iter())
        .filter_map(|step| step.expect.as_ref())
        .flat_map(|expect| &expect.requests);
    let wanted = counts.any(|count| count.to == Endpoint::Userinfo && count.min > 0);
    let mut entries = control.transcript.iter();
    let read = entries.any(|entry| entry.endpoint == Some(Endpoint::Userinfo));
    (wanted && !read && plan.has_faults()).then(|| {
        let reason = "the client claims `userinfo` and did not call it in the control run";
        Judgement::because(Verdict::Inconclusive, reason)
    })
}

/// What a client does with PKCE is not seen where it uses none.
fn challenge_unsent(plan: &Plan, control: &Record) -> Option<Judgement> {
    let about_pkce = plan.needs.contains(&Capability::Pkce) && plan.has_faults();
    if about_pkce && !sends(&[control], "code_challenge") {
        let reason = "the client claims `pkce` and sends no `code_challenge`";
        return Some(Judgement::because(Verdict::Inconclusive, reason));
    }
    None
}

/// What ties a login to a browser cannot be chosen for a client that sends nothing of the kind.
fn nothing_to_choose(plan: &Plan, control: &Record) -> Option<Judgement> {
    const TIES: [&str; 3] = ["state", "nonce", "code_challenge"];
    let mut counts = (plan.steps.iter())
        .filter_map(|step| step.expect.as_ref())
        .flat_map(|expect| &expect.requests)
        .filter(|count| count.to == Endpoint::Authorize && count.max == 0);
    let tie =
        counts.find_map(|count| TIES.into_iter().find(|tie| count.with.contains_key(*tie)))?;
    (!sends(&[control], tie)).then(|| {
        let reason = format!("the client sends no {tie} of its own, so there is none to choose");
        Judgement::because(Verdict::Info, reason)
    })
}

fn nothing_planted(attack: &Record) -> Option<Judgement> {
    let mut steps = attack.steps.iter();
    let step = steps.find(|step| step.planted == Some(0))?;
    let reason = match step.act {
        Act::RelabelCookies => {
            "the client has no cookie for sessions alone beside one for logins that are under way, \
             or does not ask strangers to sign in: there is nothing to mistake"
        }
        Act::ForgeCookies => {
            "no cookie of the client can be read and names its user, so there is none to forge"
        }
        _ => "the client sets no cookie before sign-in, so there is none to plant",
    };
    Some(Judgement::because(Verdict::Info, reason))
}

/// A client that sets no cookie does not miss them.
fn cookies_unused(control: &Record, attack: &Record) -> Option<Judgement> {
    let blocks = |step: &StepRecord| step.act == Act::BlockCookies;
    let both = control.transcript.iter().chain(&attack.transcript);
    let mut pages = both.filter(|entry| entry.is_seen_from_the_app());
    let sets = |entry: &Entry| entry.answer.header("set-cookie").is_some();
    if attack.steps.iter().any(blocks) && !pages.any(sets) {
        let reason = "the client sets no cookie, so it does without them";
        return Some(Judgement::because(Verdict::Info, reason));
    }
    None
}

/// A page that begins no login where one was to be begun, with nothing wrong about it.
fn login_leads_nowhere(plan: &Plan, attack: &Record) -> Option<Judgement> {
    let step = (attack.steps.iter().zip(&plan.steps)).find_map(|(record, step)| {
        let clean = plan.faults.is_empty() && step.fault.is_empty() && step.with.is_empty();
        let begins = step.act == Act::Begin && step.withhold.is_empty();
        // One that leads there once, and not later, does so for a reason of the client's.
        let asked = || {
            let mut entries = attack.transcript.iter();
            entries.any(|it| {
                it.endpoint == Some(Endpoint::Authorize) && it.to == Party::Provider(step.issuer)
            })
        };
        (clean && begins && !asked()).then_some(record)
    })?;
    let last = attack
        .during(step.window)
        .filter(|entry| entry.is_page_of_the_app())
        .last()?;
    let status = last.answer.status()?;
    Some(Judgement::because(
        Verdict::Inconclusive,
        format!(
            "a clean login was to begin, and {} {} answered {status} and led to no issuer: is the \
             login in [app] right?",
            last.method,
            last.url.path()
        ),
    ))
}

/// Whether a sign-in was asked for in a browser whose owner is signed in, and no login began.
fn begins_none(attack: &Record, step: &StepRecord) -> bool {
    let own = Standing::SignedIn(step.browser);
    let mut before = attack.steps.iter();
    let mut asked = attack.during(step.window);
    let is_in = |it: &StepRecord| it.browser == step.browser && it.standing == own;
    step.act == Act::SignIn
        && before.any(|it| (is_in(it) || it.planted.is_some()) && it.window.to <= step.window.from)
        && !asked.any(|it| it.endpoint == Some(Endpoint::Authorize))
}

/// A client that begins no login where somebody is signed in gives the cookies nothing to survive.
fn no_login_begun(attack: &Record) -> Option<Judgement> {
    let mut steps = attack.steps.iter();
    steps.find(|step| outcome::begins_no_login(attack, step))?;
    let reason = "the client begins no login in a browser where somebody is signed in already";
    Some(Judgement::because(Verdict::Info, reason))
}

/// A sign-in on the way to the attack, with no fault in it, that did not succeed.
fn sign_in_failed(plan: &Plan, attack: &Record) -> Option<Judgement> {
    if !plan.faults.is_empty() {
        return None;
    }
    let on_the_way = attack
        .steps
        .iter()
        .zip(&plan.steps)
        .take(plan.steps.len() - 1);
    let failed = |(record, step): (&StepRecord, &crate::scenario::Step)| {
        let may_fail = (step.expect.as_ref())
            .is_some_and(|expect| matches!(expect.outcome, Some(Outcome::OwnOrRefused)));
        step.act == Act::SignIn
            && !may_fail
            && step.fault.is_empty()
            && record.standing != Standing::SignedIn(record.browser)
    };
    let (step, _) = on_the_way.into_iter().find(|pair| failed(*pair))?;
    Some(Judgement::because(
        Verdict::Inconclusive,
        format!(
            "a clean sign-in before the attack failed: {}",
            outcome::words(step.standing)
        ),
    ))
}

/// A sign-out page that is not there says nothing about sessions.
fn logout_not_there(attack: &Record) -> Option<Judgement> {
    let signs_out = |act| matches!(act, Act::SignOut | Act::ForgedSignOut);
    let step = attack.steps.iter().find(|step| signs_out(step.act))?;
    let last = attack
        .during(step.window)
        .filter(|entry| entry.is_page_of_the_app())
        .last()?;
    let status = last
        .answer
        .status()
        .filter(|status| matches!(status, 404 | 405))?;
    Some(Judgement::because(
        Verdict::Inconclusive,
        format!(
            "{} {} answered {status}: is `logout` in [app] right, path and method?",
            last.method,
            last.url.path()
        ),
    ))
}

/// A client that nothing signs out does not tell a right sign-out from a wrong one.
pub(super) fn no_sign_out_counts(control: &Record) -> Option<String> {
    let still_in = |step: &StepRecord| step.standing == Standing::SignedIn(step.browser);
    control.steps.iter().find_map(|step| match &step.pushed {
        Some(Ok(200..=299)) if !still_in(step) => None,
        Some(Ok(status)) => not_taken(step).or_else(|| {
            Some(format!(
                "the right logout token of the control run was answered with {status}, and then {}; \
                 that a wrong one ends no session says nothing",
                outcome::words(step.standing)
            ))
        }),
        Some(Err(_)) => not_taken(step),
        None => (step.act == Act::SignOut && still_in(step)).then(|| {
            "the sign-out of the control run left the user signed in; that one from another site \
             does so too says nothing"
                .to_owned()
        }),
    })
}

/// A path that takes no logout tokens says nothing about them.
fn logout_not_taken(attack: &Record) -> Option<Judgement> {
    let reason = attack.steps.iter().find_map(not_taken)?;
    Some(Judgement::because(Verdict::Inconclusive, reason))
}

fn not_taken(step: &StepRecord) -> Option<String> {
    match step.pushed.as_ref()? {
        Ok(status @ (404 | 405)) => Some(format!(
            "the logout token was answered with {status}: is `back-channel-logout` in [app] right?"
        )),
        Ok(_) => None,
        Err(error) => Some(format!("the logout token did not arrive: {error}")),
    }
}

/// Two accounts of which the page shows only what both have.
fn cannot_be_told_apart(attack: &Record) -> Option<Judgement> {
    let unclear = |step: &StepRecord| step.standing == Standing::Unclear;
    attack
        .steps
        .iter()
        .any(unclear)
        .then(|| Judgement::because(Verdict::Inconclusive, outcome::words(Standing::Unclear)))
}

/// A client that has no use for its access token after sign-in does not notice its end.
fn token_unused(attack: &Record) -> Option<Judgement> {
    let expired = attack.steps.iter().find(|step| step.act == Act::Expire)?;
    // A session that the provider ended in between uses none; what it did before counts.
    let pushed = attack.steps.iter().any(|step| step.pushed.is_some());
    let signed_in = attack.steps.first().filter(|_| pushed);
    let from = signed_in.map_or(expired.window.from, |step| step.window.to);
    let used = attack.transcript.iter().any(|entry| {
        entry.started >= from
            && matches!(entry.endpoint, Some(Endpoint::Userinfo | Endpoint::Token))
    });
    if used {
        return None;
    }
    let reason = "the client was not seen to use its access token after sign-in, so its end at the provider \
         changes nothing; what it was told of the end is not looked at here";
    Some(Judgement::because(Verdict::Info, reason))
}

/// RFC 9700 §2.1: PKCE or a nonce may take the place of the state.
fn protected_without_state(plan: &Plan, control: &Record, attack: &Record) -> Option<Judgement> {
    let faulty = plan.has_faults() && plan.all_faults().all(is_about_state_alone);
    // The code is that of the login that waits, and only the state is of another one.
    let crossed = plan
        .steps
        .iter()
        .filter_map(|step| step.callback.as_ref())
        .any(|callback| {
            callback.code == CodeSource::Pending && callback.state != StateSource::Pending
        });
    let about_state = faulty || crossed;
    let both = [control, attack];
    let guarded = sends(&both, "code_challenge") || sends(&both, "nonce");
    if about_state && !sends(&both, "state") && guarded {
        let reason =
            "the client sends no state; PKCE or the nonce takes its place, which is allowed";
        return Some(Judgement::because(Verdict::Info, reason));
    }
    None
}

/// Whether a request redeems the code of a login that the client began by itself after the response
/// that a step is about: the answer of many clients to what they refuse, and nothing is wrong with it.
pub(super) fn is_of_a_login_begun_anew(record: &Record, step: &StepRecord, entry: &Entry) -> bool {
    let Some(code) = entry.form("code") else {
        return false;
    };
    let is_response = |entry: &&Entry| {
        let has = |name: &str| entry.query(name).is_some();
        entry.is_page_of_the_app() && (has("code") || has("error") || has("state"))
    };
    let mut later = record.during(step.window).skip_while(|it| !is_response(it));
    let first = later.next();
    let begun = later.find(|it| it.endpoint == Some(Endpoint::Authorize));
    first.is_some_and(|it| it.query("code").as_ref() != Some(&code))
        && begun.is_some_and(|it| it.faults.is_empty())
        && later
            .find(is_response)
            .is_some_and(|it| it.query("code").as_ref() == Some(&code))
}
