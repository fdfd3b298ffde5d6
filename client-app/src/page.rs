//! Pages and headers. Templates are embedded and escape whatever they are given.

use crate::{
    config::ProviderConfig, failure::Failure, provider::Provider, refusal::Refusal,
    session::SignedIn, userinfo::Profile,
};
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

const TEMPLATES: [(&str, &str); 7] = [
    ("base.html", include_str!("../templates/base.html")),
    ("home.html", include_str!("../templates/home.html")),
    ("choose.html", include_str!("../templates/choose.html")),
    ("profile.html", include_str!("../templates/profile.html")),
    ("sign_out.html", include_str!("../templates/sign_out.html")),
    ("sign_in.html", include_str!("../templates/sign_in.html")),
    ("problem.html", include_str!("../templates/problem.html")),
];

const STYLE: &str = include_str!("../templates/style.css");

/// The templates, parsed.
#[derive(Debug)]
pub(crate) struct Pages {
    templates: Environment<'static>,
}

impl Pages {
    /// Parses all templates, so that a mistake in one shows at start.
    pub(crate) fn new() -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source)?;
        }
        Ok(Self { templates })
    }

    /// The start page.
    pub(crate) fn home(&self, signed_in: Option<&SignedIn>) -> Response {
        #[derive(Serialize)]
        struct View<'a> {
            user: Option<&'a str>,
        }
        let user = signed_in.map(|user| shown_name(&user.profile).unwrap_or(&user.subject));
        self.render(StatusCode::OK, "home.html", View { user })
    }

    /// The choice between several providers.
    pub(crate) fn choose(&self, providers: &[Provider], return_to: Option<&str>) -> Response {
        #[derive(Serialize)]
        struct View {
            links: Vec<(String, String)>,
        }
        let links = providers.iter().map(|provider| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("provider", provider.name());
            if let Some(return_to) = return_to {
                query.append_pair("return_to", return_to);
            }
            (provider.name().to_owned(), query.finish())
        });
        let links = links.collect();
        self.render(StatusCode::OK, "choose.html", View { links })
    }

    /// The user's claims, and what is missing among them.
    pub(crate) fn profile(
        &self,
        signed_in: &SignedIn,
        profile: &Profile,
        provider: &Provider,
    ) -> Response {
        #[derive(Serialize)]
        struct View<'a> {
            shown_name: &'a str,
            initial: String,
            picture: Option<&'a str>,
            rows: Vec<(&'static str, &'a str)>,
            missing: Vec<Missing>,
        }
        let shown_name = shown_name(profile).unwrap_or(&signed_in.subject);
        let rows = [
            ("Name", profile.name.as_deref()),
            ("User name", profile.preferred_username.as_deref()),
            ("E-mail", profile.email.as_deref()),
            ("Phone", profile.phone_number.as_deref()),
            ("Address", profile.address.as_deref()),
            ("Subject", Some(signed_in.subject.as_str())),
            (
                "Signed in with",
                provider.issuer().or(Some(provider.name())),
            ),
        ];
        let view = View {
            shown_name,
            initial: shown_name
                .chars()
                .take(1)
                .flat_map(char::to_uppercase)
                .collect(),
            // The content security policy lets no other images through.
            picture: profile
                .picture
                .as_deref()
                .filter(|url| url.starts_with("https://")),
            rows: rows
                .into_iter()
                .filter_map(|(label, value)| Some((label, value?)))
                .collect(),
            missing: missing(signed_in, profile, provider.config()),
        };
        self.render(StatusCode::OK, "profile.html", view)
    }

    /// What a page says to somebody who is not signed in, and comes back to it.
    pub(crate) fn please_sign_in(&self, page: &Uri) -> Response {
        let login = match page.path_and_query() {
            Some(page) if page.query().is_some() => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("return_to", page.as_str());
                format!("/login?{}", query.finish())
            }
            _ => "/login".to_owned(),
        };
        self.sign_in(
            "Please sign in",
            "You need to be signed in to see your profile.",
            &login,
        )
    }

    /// The same, to somebody who was.
    pub(crate) fn please_sign_in_again(&self) -> Response {
        self.sign_in(
            "Please sign in again",
            "Your access has run out, so you have been signed out here.",
            "/login",
        )
    }

    /// The question before a sign-out.
    pub(crate) fn sign_out(&self, signed_in: bool) -> Response {
        #[derive(Serialize)]
        struct View {
            signed_in: bool,
        }
        self.render(StatusCode::OK, "sign_out.html", View { signed_in })
    }

    /// What happened, and what to do next. The details are in the log only.
    pub(crate) fn failure(&self, failure: &Failure) -> Response {
        match failure {
            Failure::Refused(refusal) => self.refused(refusal),
            Failure::UnknownProvider => self.problem(
                StatusCode::NOT_FOUND,
                "Unknown sign-in service",
                "This app does not know the sign-in service of that name.",
            ),
            Failure::Session(error) => {
                tracing::error!(%error, "no session");
                self.problem(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong here",
                    "The app could not remember your sign-in. Try again in a while.",
                )
            }
        }
    }

    /// Any path that there is nothing at.
    pub(crate) fn not_found(&self) -> Response {
        self.problem(
            StatusCode::NOT_FOUND,
            "Nothing here",
            "There is no page at this address.",
        )
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        tracing::warn!(reason = %refusal, "refused");
        let problem = Problem {
            title: "You could not be signed in",
            explanation: refusal.explanation(),
            quotation: refusal.quotation(),
        };
        self.render(refusal.status(), "problem.html", problem)
    }

    fn problem(&self, status: StatusCode, title: &'static str, text: &'static str) -> Response {
        let problem = Problem {
            title,
            explanation: text,
            quotation: None,
        };
        self.render(status, "problem.html", problem)
    }

    fn sign_in(&self, title: &'static str, text: &'static str, login: &str) -> Response {
        #[derive(Serialize)]
        struct View<'a> {
            title: &'static str,
            text: &'static str,
            login: &'a str,
        }
        self.render(
            StatusCode::UNAUTHORIZED,
            "sign_in.html",
            View { title, text, login },
        )
    }

    fn render(&self, status: StatusCode, template: &str, view: impl Serialize) -> Response {
        let rendered = self
            .templates
            .get_template(template)
            .and_then(|template| template.render(Serde(view)));
        match rendered {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, template, "a page could not be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// What `problem.html` shows.
#[derive(Serialize)]
struct Problem {
    title: &'static str,
    explanation: &'static str,
    quotation: Option<String>,
}

/// Something that we asked for and did not get.
#[derive(Serialize)]
struct Missing {
    scope: &'static str,
    text: &'static str,
}

fn missing(signed_in: &SignedIn, profile: &Profile, config: &ProviderConfig) -> Vec<Missing> {
    [
        (
            "profile",
            profile.name.is_some(),
            "Your name was not shared",
        ),
        (
            "email",
            profile.email.is_some(),
            "Your e-mail address was not shared",
        ),
        (
            "phone",
            profile.phone_number.is_some(),
            "Your phone number was not shared",
        ),
        (
            "address",
            profile.address.is_some(),
            "Your address was not shared",
        ),
        (
            "offline_access",
            signed_in.refresh_token.is_some(),
            "Lasting access was not granted, so you will have to sign in again before long",
        ),
    ]
    .into_iter()
    .filter(|(scope, given, _)| config.asks_for(scope) && !given)
    .map(|(scope, _, text)| Missing { scope, text })
    .collect()
}

fn shown_name(profile: &Profile) -> Option<&str> {
    let names = [&profile.name, &profile.preferred_username, &profile.email];
    names.into_iter().find_map(|name| name.as_deref())
}

/// `GET /style.css`.
pub(crate) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, STYLE).into_response()
}

/// Middleware: headers that every response has. What depends on a session is stored nowhere.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    // No `form-action`: signing out posts a form here, and the answer leads to the provider.
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src https: data:; \
                          base-uri 'none'; frame-ancestors 'none'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        let _: Option<HeaderValue> = headers.insert(name, HeaderValue::from_static(value));
    }
    let cache: HeaderName = header::CACHE_CONTROL;
    headers
        .entry(cache)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
