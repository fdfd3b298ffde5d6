//! What a browser saw.

use std::borrow::Cow;
use std::time::Instant;

use reqwest::Method;
use url::Url;

/// One exchange as the browser saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When the request was sent.
    pub started: Instant,
    /// When the page was read.
    pub ended: Instant,
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The form that was sent, if any.
    pub form: Option<String>,
    /// The cookies that were sent.
    pub cookies: Vec<(String, String)>,
    /// What came back.
    pub answer: Answer,
    /// What the browser wanted it for.
    pub purpose: Purpose,
    /// Where a script took the browser from this page, or which other address it shows by now.
    pub left_for: Option<Url>,
    /// What scripts made of the page, as HTML.
    pub made: Option<String>,
    /// The page that the browser said it came from.
    pub referer: Option<String>,
}

impl Seen {
    /// The address that a page stands under once it has come to rest.
    pub fn shown_at(&self) -> &Url {
        self.left_for.as_ref().unwrap_or(&self.url)
    }

    /// The page as its user sees it.
    pub fn shown(&self) -> Cow<'_, Answer> {
        match (&self.made, &self.answer) {
            (
                Some(made),
                Answer::Page {
                    status, headers, ..
                },
            ) => Cow::Owned(Answer::Page {
                status: *status,
                headers: headers.clone(),
                body: made.clone(),
            }),
            (_, answer) => Cow::Borrowed(answer),
        }
    }
}

/// The last page that a browser went to, of what it saw.
pub fn last_page(seen: &[Seen]) -> Option<&Seen> {
    seen.iter().rfind(|seen| seen.purpose == Purpose::Page)
}

/// What a browser wants a response for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To show it.
    #[default]
    Page,
    /// To show it in a frame of a page.
    Frame,
    /// For a page that asked for it, by a script or in its markup.
    Part,
}

/// What came back for a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A response.
    Page {
        /// The status code.
        status: u16,
        /// The headers, names in lower case.
        headers: Vec<(String, String)>,
        /// The body; what is not UTF-8 is replaced.
        body: String,
    },
    /// Nothing within the time limit.
    TimedOut,
    /// The connection broke.
    Broken(String),
}

impl Answer {
    /// The status code, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Page { status, .. } => Some(*status),
            Self::TimedOut | Self::Broken(_) => None,
        }
    }

    /// The body, if there was a response.
    pub fn body(&self) -> &str {
        match self {
            Self::Page { body, .. } => body,
            Self::TimedOut | Self::Broken(_) => "",
        }
    }

    /// A header's first value.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// All values of a header.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let headers: &[(String, String)] = match self {
            Self::Page { headers, .. } => headers,
            Self::TimedOut | Self::Broken(_) => &[],
        };
        headers
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How a navigation ended.
#[derive(Debug, Clone)]
pub enum Arrival {
    /// At a page that is no redirect; it is the last exchange.
    Page,
    /// Before a URL that the navigation was told not to open.
    Stopped(Url),
    /// After too many redirects.
    Loop,
    /// At a redirect that leads nowhere a browser could go.
    Astray(String),
    /// With no answer in time, or with a page that was still waiting for one.
    TimedOut,
    /// With a broken connection.
    Broken,
}
