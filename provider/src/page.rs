//! The pages that people see. Everything that comes from outside is escaped by the templates.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::grant::{Pending, Prompt, SignedIn};
use crate::issuer::IssuerState;
use crate::parties::User;

const STYLE: &str = include_str!("templates/style.css");

const TEMPLATES: [(&str, &str); 6] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("login.html", include_str!("templates/login.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("error.html", include_str!("templates/error.html")),
    ("index.html", include_str!("templates/index.html")),
    ("signed_out.html", include_str!("templates/signed_out.html")),
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
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// What the login page shows.
#[derive(Debug)]
pub(crate) struct LoginPage<'a> {
    pub(crate) issuer: &'a IssuerState,
    /// The single-use handle that the answer brings back.
    pub(crate) handle: &'a str,
    pub(crate) pending: &'a Pending,
    /// What was wrong with the last answer.
    pub(crate) problem: Option<&'a str>,
}

pub(crate) fn login(page: &LoginPage<'_>) -> String {
    let hint = page.pending.login_hint.as_deref().unwrap_or_default();
    let mut users = page.issuer.users();
    // The one who is hinted at comes first; the others keep their order.
    users.sort_by_key(|user| user.sub != hint);
    let hint_is_known = users.iter().any(|user| user.sub == hint);
    let users: Vec<Value> = users
        .iter()
        .map(|user| person(user, user.sub == hint))
        .collect();
    render(
        "login.html",
        page.issuer,
        context! {
            handle => page.handle,
            client_id => page.pending.client_id.as_str(),
            users => users,
            other => if hint_is_known { "" } else { hint },
            problem => page.problem,
            asks_consent => page.pending.prompt.contains(&Prompt::Consent),
        },
    )
}

pub(crate) fn consent(
    issuer: &IssuerState,
    handle: &str,
    pending: &Pending,
    signed_in: &SignedIn,
) -> String {
    let user = issuer
        .user(&signed_in.sub)
        .unwrap_or_else(|| User::from_sub(&signed_in.sub));
    let scopes: Vec<Value> = pending
        .scopes
        .iter()
        .map(|scope| scope_row(issuer, scope))
        .collect();
    render(
        "consent.html",
        issuer,
        context! {
            handle => handle,
            client_id => pending.client_id.as_str(),
            user => person(&user, false),
            scopes => scopes,
        },
    )
}

pub(crate) fn error(issuer: &IssuerState, title: &str, reason: &str) -> String {
    render(
        "error.html",
        issuer,
        context! { title => title, reason => reason },
    )
}

pub(crate) fn index(issuer: &IssuerState) -> String {
    let users: Vec<Value> = issuer
        .users()
        .iter()
        .map(|user| person(user, false))
        .collect();
    render(
        "index.html",
        issuer,
        context! { users => users, lax => issuer.is_lax() },
    )
}

pub(crate) fn signed_out(issuer: &IssuerState) -> String {
    render("signed_out.html", issuer, context! {})
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

fn scope_row(issuer: &IssuerState, scope: &str) -> Value {
    let claims = issuer
        .settings
        .scopes
        .get(scope)
        .map(|claims| claims.join(", "));
    let meaning = match scope {
        "openid" => "who you are here (sub)".to_owned(),
        "offline_access" => "access while you are away (a refresh token)".to_owned(),
        _ => claims.unwrap_or_default(),
    };
    context! { name => scope, meaning => meaning }
}

fn render(template: &str, issuer: &IssuerState, context: Value) -> String {
    let page = context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        issuer => issuer.urls.issuer.as_str(),
        base => issuer.path.as_str(),
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
