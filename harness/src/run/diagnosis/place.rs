//! The place in the target file that a mistake is about, and what to write there.

use std::ops::Range;

use oauth_gauntlet_provider::{Endpoint, Paths};
use url::Url;

use super::{Case, Change};
use crate::diag::Diagnostic;
use crate::transcript::Entry;

impl Case<'_> {
    /// A change of the value of a key.
    pub(super) fn at(&self, key: &[&str], label: &str, advice: impl Into<String>) -> Change {
        let advice = advice.into();
        let source = self.target.source.as_ref();
        let place = source.map(|source| source.at(key, label, &advice));
        Change::at(place, advice)
    }

    /// A change where the client is handed a value, or, where nothing hands it over, where that
    /// belongs.
    pub(super) fn handed(&self, value: &str, advice: impl Into<String>) -> Change {
        let advice = advice.into();
        let braced = format!("{{{value}}}");
        let place = self.target.source.as_ref().map(|source| {
            let Some(handed) = source.handed_over(&braced) else {
                let label = format!("nothing hands the client its {braced}");
                return source.at(&["start", "env"], &label, &advice);
            };
            let label = match handed.key.as_str() {
                "command" | "text" => "handed over here: does the client read that?".to_owned(),
                key => format!("handed over as `{key}`: does the client read that?"),
            };
            source.message(handed.span, &label, &advice)
        });
        Change::at(place, advice)
    }

    /// A change of something that is handed to the client.
    pub(super) fn over(
        &self,
        span: &Range<usize>,
        label: &str,
        advice: impl Into<String>,
    ) -> Change {
        let advice = advice.into();
        let source = self.target.source.as_ref();
        let place = source.map(|source| source.message(span.clone(), label, &advice));
        Change::at(place, advice)
    }

    /// A change of what was handed to the client in place of its own address, by an address that
    /// it was seen to use.
    pub(super) fn handed_as_address(&self, seen: &Url) -> Option<Change> {
        let source = self.target.source.as_ref()?;
        let origin = seen.origin().ascii_serialization();
        let names = |text: &str| {
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
            text.split_once(&origin).is_some_and(|(_, rest)| ends(rest))
        };
        let handed = source.handed();
        let fits = || (handed.iter()).filter(|it| names(&self.filled(&it.value)));
        let of_the_issuer = |key: &str| key.to_lowercase().contains("issuer");
        let found = fits()
            .find(|it| !of_the_issuer(&it.key))
            .or(fits().next())?;
        let filled = self.filled(&found.value);
        let advice = match filled.strip_prefix(&origin) {
            Some(path) if seen.as_str().starts_with(&filled) => {
                let path = path.trim_end_matches('/');
                let path = if self.target.app.callback.starts_with(path) {
                    path
                } else {
                    ""
                };
                format!("write {} = \"{{app}}{path}\"", found.key)
            }
            _ => format!("write {{app}} there in place of {origin}"),
        };
        let label = "not the address that browsers reach it at";
        Some(self.over(&found.span, label, advice))
    }

    /// A change of a value in which more than the issuer stands, where the client is handed no
    /// other.
    pub(super) fn more_than_the_issuer(&self) -> Option<(String, Change)> {
        let source = self.target.source.as_ref()?;
        let handed = source.handed();
        let mut values = handed.iter().filter_map(|it| {
            let (_, rest) = it.value.split_once("{issuer}")?;
            let ends = |c: char| c.is_whitespace() || "\"'`,;<>)".contains(c);
            Some(rest.split(ends).next().unwrap_or_default())
        });
        // Of several values some may be endpoints, each with its path.
        let (rest, None) = (values.next()?, values.next()) else {
            return None;
        };
        if !rest.starts_with('/') {
            return None;
        }
        let typed = format!("{{issuer}}{rest}");
        let found = source.handed_over(&typed)?;
        let advice = if rest == "/" {
            "write {issuer} alone: a slash at its end counts"
        } else {
            "write {issuer} alone: the client puts paths behind it by itself"
        };
        let given = format!("given     {}", self.filled(&typed));
        Some((
            given,
            self.over(&found.span, "more than the issuer", advice),
        ))
    }

    /// The client has a path of some vendor's provider built in, or was given one.
    pub(super) fn path_of_a_vendor(&self, call: &Entry, endpoint: Endpoint) -> Option<Change> {
        let issuer = Url::parse(&self.record.places.honest).ok()?;
        let below = call
            .url
            .path()
            .strip_prefix(issuer.path().trim_end_matches('/'))?;
        Paths::default().with(below, endpoint).ok()?;
        let own = match endpoint {
            Endpoint::Metadata => ".well-known/openid-configuration",
            other => other.as_str(),
        };
        let source = self.target.source.as_ref();
        let given = format!("{{issuer}}{below}");
        if let Some(handed) = source.and_then(|source| source.handed_over(&given)) {
            let advice = format!("write {{issuer}}/{own}, where this issuer has that endpoint");
            return Some(self.over(&handed.span, "the path of another provider", advice));
        }
        let advice = format!(
            "if the client has that path built in, write paths = {{ \"{below}\" = \"{}\" }} under \
             [provider]; if it can be configured, give it {{issuer}}/{own}",
            endpoint.as_str()
        );
        Some(self.at(&["provider"], "", advice))
    }

    /// What a text of the target file came to.
    fn filled(&self, text: &str) -> String {
        let places = &self.record.places;
        let app = Url::parse(&places.app).ok();
        let port = app.and_then(|app| app.port_or_known_default());
        let port = port.map_or(String::new(), |port| port.to_string());
        text.replace("{app}", &places.app)
            .replace("{port}", &port)
            .replace("{issuer}", &places.honest)
    }
}

impl Change {
    /// The advice as it stands at its place, which knows what has to be added there.
    fn at(place: Option<Diagnostic>, advice: String) -> Self {
        let told = place.as_ref().and_then(|place| place.help.clone());
        Self {
            advice: told.unwrap_or(advice),
            place,
        }
    }
}
