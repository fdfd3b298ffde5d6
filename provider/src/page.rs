//! The pages that people see. Everything that comes from outside is escaped by the templates.

mod device;
mod texts;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::endpoint::hinted_user;
use crate::grant::{Pending, Prompt, SignedIn};
use crate::issue::At;
use crate::issuer::IssuerState;
use crate::parties::{Client, User};
pub(crate) use device::{device, device_code, device_done};
pub(crate) use texts::LANGUAGES;
use texts::Texts;

const STYLE: &str = include_str!("templates/style.css");

const TEMPLATES: [(&str, &str); 13] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("login.html", include_str!("templates/login.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("device.html", include_str!("templates/device.html")),
    (
        "device_code.html",
        include_str!("templates/device_code.html"),
    ),
    (
        "device_done.html",
        include_str!("templates/device_done.html"),
    ),
    ("error.html", include_str!("templates/error.html")),
    ("form_post.html", include_str!("templates/form_post.html")),
    ("index.html", include_str!("templates/index.html")),
    ("signed_out.html", include_str!("templates/signed_out.html")),
    (
        "confirm_logout.html",
        include_str!("templates/confirm_logout.html"),
    ),
    (
        "logging_out.html",
        include_str!("templates/logging_out.html"),
    ),
    (
        "web_message.html",
        include_str!("templates/web_message.html"),
    ),
];

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in TEMPLATES {
        pages
            .add_template(name, source)
            .expect("the shipped templates parse");
    }
    pages
});

/// Our own style sheet and nothing else. There is no `form-action`: browsers apply it to the
/// redirects that follow a form, and ours leads to the client.
pub(crate) static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = hash(STYLE);
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// Posts the one form of its page.
const SUBMIT: &str = "document.forms[0].submit()";

/// The same with the one script that we have.
pub(crate) static FORM_POST_POLICY: LazyLock<String> = LazyLock::new(|| {
    let policy = CONTENT_SECURITY_POLICY.as_str();
    format!("{policy}; script-src 'sha256-{}'", hash(SUBMIT))
});

/// Tells the page that waits for it.
const TELL: &str = "const {origin, response} = document.querySelector('output').dataset; \
                    (window.opener ?? window.parent).postMessage(\
                    {type: 'authorization_response', response: JSON.parse(response)}, origin)";

/// The same for the page that has ours in a frame.
pub(crate) fn web_message_policy(origin: &str) -> String {
    let policy = CONTENT_SECURITY_POLICY.as_str();
    let policy = policy.replace(
        "frame-ancestors 'none'",
        &format!("frame-ancestors {origin}"),
    );
    format!("{policy}; script-src 'sha256-{}'", hash(TELL))
}

fn hash(text: &str) -> String {
    STANDARD.encode(digest(&SHA256, text.as_bytes()))
}

/// What the login page shows.
#[derive(Debug)]
pub(crate) struct LoginPage<'a> {
    pub(crate) at: At<'a>,
    /// The single-use handle that the answer brings back.
    pub(crate) handle: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) pending: &'a Pending,
    /// What was wrong with the last answer.
    pub(crate) problem: Option<LoginProblem>,
}

/// What is wrong with an answer to the login page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginProblem {
    /// Nobody was chosen.
    Nobody,
    /// What was typed cannot be a `sub`.
    NoSubject,
    /// The client asks for another user than the one who was chosen.
    SomebodyElse,
}

pub(crate) fn login(page: &LoginPage<'_>) -> String {
    let texts = texts::of(&page.pending.ui_locales);
    let hint = page.pending.login_hint.as_deref().unwrap_or_default();
    let meant = (page.pending.hinted_sub.clone()).or_else(|| hinted_user(page.at.issuer, hint));
    let hint = meant.as_deref().unwrap_or(hint);
    let mut users = page.at.issuer.users();
    // The one who is hinted at comes first; the others keep their order.
    users.sort_by_key(|user| user.sub != hint);
    let hint_is_known = users.iter().any(|user| user.sub == hint);
    let users: Vec<Value> = users
        .iter()
        .map(|user| person(user, user.sub == hint))
        .collect();
    let problem = page.problem.map(|problem| match problem {
        LoginProblem::Nobody => texts.nobody,
        LoginProblem::NoSubject => texts.no_subject,
        LoginProblem::SomebodyElse => texts.somebody_else_is_meant,
    });
    render_in(
        texts,
        "login.html",
        page.at,
        context! {
            handle => page.handle,
            client => name(page.client),
            users => users,
            other => if hint_is_known { "" } else { hint },
            problem => problem,
            asks_consent => page.pending.prompt.contains(&Prompt::Consent),
        },
    )
}

pub(crate) fn consent(
    at: At<'_>,
    handle: &str,
    client: &Client,
    pending: &Pending,
    signed_in: &SignedIn,
) -> String {
    let texts = texts::of(&pending.ui_locales);
    let user = (at.issuer)
        .user(&signed_in.sub)
        .unwrap_or_else(|| User::from_sub(&signed_in.sub));
    let scopes: Vec<Value> = pending
        .scopes
        .iter()
        .map(|scope| scope_row(at.issuer, texts, scope))
        .collect();
    render_in(
        texts,
        "consent.html",
        at,
        context! {
            handle => handle,
            client => name(client),
            user => person(&user, false),
            scopes => scopes,
        },
    )
}

/// A page that posts its fields on, by itself or, without a script, at the press of a button.
pub(crate) fn form_post(at: At<'_>, action: &str, fields: &[(String, String)]) -> String {
    render(
        "form_post.html",
        at,
        context! {
            action => action,
            fields => fields.to_vec(),
            submit => Value::from_safe_string(SUBMIT.to_owned()),
        },
    )
}

/// A page that tells its fields to the client's page beside it.
pub(crate) fn web_message(at: At<'_>, origin: &str, fields: &[(String, String)]) -> String {
    let response = (fields.iter())
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect::<serde_json::Map<_, _>>();
    render(
        "web_message.html",
        at,
        context! {
            origin => origin,
            response => serde_json::Value::Object(response).to_string(),
            tell => Value::from_safe_string(TELL.to_owned()),
        },
    )
}

pub(crate) fn error(at: At<'_>, title: &str, reason: &str) -> String {
    render(
        "error.html",
        at,
        context! { title => title, reason => reason },
    )
}

pub(crate) fn index(at: At<'_>) -> String {
    let users: Vec<Value> = (at.issuer)
        .users()
        .iter()
        .map(|user| person(user, false))
        .collect();
    render(
        "index.html",
        at,
        context! { users => users, lax => at.issuer.is_lax() },
    )
}

pub(crate) fn signed_out(at: At<'_>) -> String {
    render("signed_out.html", at, context! {})
}

/// Asks whether to sign out; the answer brings the single-use handle back.
pub(crate) fn confirm_logout(at: At<'_>, handle: &str) -> String {
    render("confirm_logout.html", at, context! { handle => handle })
}

/// Loads what clients want loaded at logout, then goes on.
pub(crate) fn logging_out(at: At<'_>, frames: &[String], next: Option<&str>) -> String {
    let context = context! { frames => frames.to_vec(), next => next };
    render("logging_out.html", at, context)
}

fn name(client: &Client) -> &str {
    client.name.as_deref().unwrap_or(&client.id)
}

fn person(user: &User, hinted: bool) -> Value {
    let name = user.display_name();
    let email = user.claims.get("email").and_then(serde_json::Value::as_str);
    let initial: String = name.chars().take(1).collect();
    context! {
        sub => user.sub.as_str(),
        name => name,
        detail => email.unwrap_or(&user.sub),
        initial => initial,
        hinted => hinted,
    }
}

fn scope_row(issuer: &IssuerState, texts: &Texts, scope: &str) -> Value {
    let claims = issuer
        .settings
        .scopes
        .get(scope)
        .map(|claims| claims.join(", "));
    let meaning = match scope {
        "openid" => texts.openid.to_owned(),
        "offline_access" => texts.offline_access.to_owned(),
        _ => claims.unwrap_or_default(),
    };
    context! { name => scope, meaning => meaning }
}

fn render(template: &str, at: At<'_>, context: Value) -> String {
    render_in(&texts::ENGLISH, template, at, context)
}

/// Links and forms lead where the browser is: a proxy may have put something before the path.
fn render_in(texts: &Texts, template: &str, at: At<'_>, context: Value) -> String {
    let urls = at.urls;
    let page = context! {
        t => Value::from(Serde(texts)),
        style => Value::from_safe_string(STYLE.to_owned()),
        issuer => urls.issuer.as_str(),
        base => urls.front_path(),
        ..context
    };
    PAGES
        .get_template(template)
        .and_then(|template| template.render(page))
        .unwrap_or_else(|error| {
            // The tests render every page, so this is for the unforeseen.
            tracing::error!(%error, template, "a page was not rendered");
            "This page could not be shown.".to_owned()
        })
}
