//! A browser that keeps cookies, follows no redirect by itself, and talks to the router directly.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use client_app::{Config, app};
use std::collections::BTreeMap;
use tower::ServiceExt as _;

pub(crate) const COOKIE: &str = "client_app_session";

/// The client with these variables. The back channel is quick to give up.
pub(crate) fn client(variables: &[(&str, &str)]) -> Router {
    let config = Config::from_vars(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    app(config.unwrap()).unwrap()
}

pub(crate) struct Browser {
    client: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// A response, read to its end.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }
}

impl Browser {
    pub(crate) fn new(client: &Router) -> Self {
        Self {
            client: client.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// Another window of the same browser.
    pub(crate) fn twin(&self) -> Self {
        Self {
            client: self.client.clone(),
            cookies: self.cookies.clone(),
        }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Page {
        self.send(Method::GET, target).await
    }

    pub(crate) async fn post(&mut self, target: &str) -> Page {
        self.send(Method::POST, target).await
    }

    /// From `/login` to the address that the provider sends the browser back to.
    pub(crate) async fn callback_of(&mut self, login: &str) -> String {
        let page = self.get(login).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        authorize(page.location()).await
    }

    /// A whole sign-in; gives the answer to the callback.
    pub(crate) async fn sign_in(&mut self) -> Page {
        let callback = self.callback_of("/login").await;
        self.get(&callback).await
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get(COOKIE).map(String::as_str)
    }

    async fn send(&mut self, method: Method, target: &str) -> Page {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in &self.cookies {
            request = request.header(header::COOKIE, format!("{name}={value}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.client.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().unwrap());
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Page {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    fn keep(&mut self, cookie: &str) {
        let pair = cookie.split(';').next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if cookie.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// What the provider makes of an authorization request: path and query of the callback.
pub(crate) async fn authorize(url: &str) -> String {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let response = http.get(url).send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    let callback = url::Url::parse(location).unwrap();
    format!("{}?{}", callback.path(), callback.query().unwrap())
}
