//! Before which pages a browser stops.

use url::Url;

use super::is_loopback;

/// Before which pages a browser stops. By default it goes to the end.
#[derive(Debug, Clone, Default)]
pub struct Halts {
    /// Before pages of this origin.
    pub origin: Option<String>,
    /// Before authorization requests: pages at these addresses.
    pub logins: Vec<String>,
    /// Before an authorization response to the client at this address.
    pub response_to: Option<String>,
    /// Before pages of hosts that are neither among these nor this machine.
    pub home: Option<Vec<String>>,
}

impl Halts {
    /// Whether this is a page that was waited for.
    pub fn wanted(&self, next: &Url) -> bool {
        let origin = || next.origin().ascii_serialization();
        let response = |app: &String| is_authorization_response(next, app);
        let address = next.as_str().split(['?', '#']).next().unwrap_or_default();
        self.origin.as_ref().is_some_and(|it| *it == origin())
            || self.logins.iter().any(|it| it == address)
            || self.response_to.as_ref().is_some_and(response)
    }

    /// Whether the browser stops before this page.
    pub fn at(&self, next: &Url) -> bool {
        let strays = |home: &Vec<String>| {
            let host = next.host_str().unwrap_or_default();
            !is_loopback(host) && !home.iter().any(|it| it == host)
        };
        self.wanted(next) || self.home.as_ref().is_some_and(strays)
    }
}

/// Whether a URL is an authorization response to the client at `app`, in its query or fragment.
pub fn is_authorization_response(url: &Url, app: &str) -> bool {
    let fragment = url.fragment().unwrap_or_default();
    let fragment = form_urlencoded::parse(fragment.as_bytes());
    let is_one = |name: &str| matches!(name, "code" | "error");
    let carries_token = |name: &str| matches!(name, "id_token" | "access_token");
    url.as_str().starts_with(app)
        && (url.query_pairs().any(|(name, _)| is_one(&name)) || { fragment }
            .any(|(name, _)| is_one(&name) || carries_token(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL of this test")
    }

    #[test]
    fn an_authorization_response_is_told_from_other_pages() {
        let is_one = |text: &str| is_authorization_response(&url(text), "http://localhost:1");
        assert!(is_one("http://localhost:1/cb?code=x"));
        assert!(is_one("http://localhost:1/cb#state=s&id_token=x"));
        assert!(!is_one("http://localhost:1/cb"));
        assert!(!is_one("http://localhost:1/cb?id_token=x"));
        assert!(!is_one("http://other/cb?code=x"));
    }

    #[test]
    fn a_browser_can_stop_before_a_login() {
        let halts = Halts {
            logins: vec!["http://127.0.0.1:1/honest/authorize".to_owned()],
            ..Halts::default()
        };
        assert!(halts.wanted(&url("http://127.0.0.1:1/honest/authorize?scope=openid")));
        assert!(!halts.wanted(&url("http://127.0.0.1:1/honest/end_session")));
        assert!(!halts.wanted(&url("http://127.0.0.1:1/other/authorize")));
    }

    #[test]
    fn a_browser_stays_on_this_machine_and_on_the_hosts_of_the_run() {
        let halts = Halts {
            home: Some(vec!["app.test".to_owned()]),
            ..Halts::default()
        };
        assert!(!halts.at(&url("http://app.test/")));
        assert!(!halts.at(&url("http://127.0.0.1:7/")));
        assert!(halts.at(&url("https://elsewhere.test/")));
        assert!(!halts.wanted(&url("https://elsewhere.test/")));
        assert!(!Halts::default().at(&url("https://elsewhere.test/")));
    }
}
