//! Small values of a configuration that are checked when they are read: spans of time, URLs,
//! paths, points in time, secrets.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::fault::parse_span;
use crate::paths::is_path;

/// `90s`, `10m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = parse_span(&text).ok_or_else(|| {
            format!("`{text}` is no span of time: write a number and one of `s`, `m`, `h`, `d`, as in `10m`")
        })?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        let seconds = span.0.as_secs();
        let (number, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
            .map_or((seconds, 's'), |(size, unit)| (seconds / size, unit));
        format!("{number}{unit}")
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

/// Where something is reached: an `http` or `https` URL without query, fragment, user name and
/// slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BaseUrl(String);

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if fits {
            return Ok(Self(text.trim_end_matches('/').to_owned()));
        }
        Err(format!(
            "`{text}` is no address to be reached at: write scheme and host, as in `http://localhost:9400`"
        ))
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.0
    }
}

/// What stands before every path: empty, or as `/auth`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BasePath(String);

impl TryFrom<String> for BasePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let path = text.trim_end_matches('/');
        if path.is_empty() || is_path(path) {
            return Ok(Self(path.to_owned()));
        }
        Err(format!(
            "`{text}` is no path: write it as in `/auth`, with letters, digits and `-._~/`"
        ))
    }
}

impl From<BasePath> for String {
    fn from(path: BasePath) -> Self {
        path.0
    }
}

impl BasePath {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A point in time at which a clock stands still, in whole seconds: `2030-01-31T12:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Moment(pub(crate) u64);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        unix_seconds(&text).map(Self).ok_or_else(|| {
            format!("`{text}` is no point in time: write it in UTC, as in `2030-01-31T12:00:00Z`, or in Unix seconds")
        })
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        let (days, seconds) = (moment.0 / 86_400, moment.0 % 86_400);
        let mut year = 1970;
        let mut left = days;
        while left >= days_of_year(year) {
            left -= days_of_year(year);
            year += 1;
        }
        let mut month = 1;
        while left >= days_of_month(year, month) {
            left -= days_of_month(year, month);
            month += 1;
        }
        format!(
            "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
            left + 1,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// Reads Unix seconds, or a date and time in UTC (RFC 3339 §5.6) from 1970 to 9999.
fn unix_seconds(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is later has no four-digit year.
        return text
            .parse()
            .ok()
            .filter(|seconds| *seconds < 253_402_300_800);
    }
    let text = text.strip_suffix(['Z', 'z'])?;
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let fits = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !fits {
        return None;
    }
    let days = (1970..year).map(days_of_year).sum::<u64>()
        + (1..month)
            .map(|month| days_of_month(year, month))
            .sum::<u64>()
        + (day - 1);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Three numbers of these many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// The schemas of the values that are read from text.
#[cfg(feature = "schema")]
mod schemas {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{BasePath, BaseUrl, Moment, Span};

    impl JsonSchema for Span {
        fn schema_name() -> Cow<'static, str> {
            "Span".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "pattern": "^[0-9]+[smhd]$",
                "description": "A span of time, such as `10m`. Units: `s`, `m`, `h`, `d`.",
            })
        }
    }

    impl JsonSchema for BaseUrl {
        fn schema_name() -> Cow<'static, str> {
            "BaseUrl".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^?#@]+$",
                "description": "An `http` or `https` URL without query and fragment.",
            })
        }
    }

    impl JsonSchema for BasePath {
        fn schema_name() -> Cow<'static, str> {
            "BasePath".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "pattern": "^(/[A-Za-z0-9._~-]+)*/?$",
                "description": "A path such as `/auth`, or nothing.",
            })
        }
    }

    impl JsonSchema for Moment {
        fn schema_name() -> Cow<'static, str> {
            "Moment".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "pattern": "^([0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}[Zz])$",
                "description": "A point in time in UTC, such as `2030-01-31T12:00:00Z`, or in Unix seconds.",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_alike() {
        for text in ["90s", "10m", "2h", "7d", "0s"] {
            let span = Span::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(span), text);
        }
        for text in ["", "10", "m", "-1s", "1w", "1 h"] {
            assert!(Span::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_read_and_written_alike() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let moment = Moment::try_from(text.to_owned()).unwrap();
            assert_eq!(moment.0, seconds);
            assert_eq!(String::from(moment), text);
            assert_eq!(Moment::try_from(seconds.to_string()), Ok(moment));
        }
        for text in [
            "",
            "now",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00+01:00",
            "2027-02-29T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "253402300800",
        ] {
            assert!(Moment::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_and_paths_are_checked() {
        for (text, kept) in [
            ("http://localhost:9400/", "http://localhost:9400"),
            ("https://id.test/sso", "https://id.test/sso"),
        ] {
            let url = BaseUrl::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(url), kept);
        }
        for text in [
            "localhost:9400",
            "/x",
            "ftp://x",
            "http://a@x",
            "http://x?y",
            "http://",
        ] {
            assert!(BaseUrl::try_from(text.to_owned()).is_err(), "{text}");
        }
        for (text, kept) in [("", ""), ("/", ""), ("/auth/", "/auth"), ("/a/b", "/a/b")] {
            let path = BasePath::try_from(text.to_owned()).unwrap();
            assert_eq!(path.as_str(), kept);
        }
        for text in ["auth", "/a//b", "/../x", "/a b", "/ä", "/a?b"] {
            assert!(BasePath::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("x".to_owned())), "<hidden>");
    }
}
