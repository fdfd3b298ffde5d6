//! How late a response comes, written as people write it: `500ms`, `2s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How late a response comes: `500ms`, `2s`, `1m`; ten minutes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pause {
    milliseconds: u32,
}

/// The text is no pause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no pause: write a number and one of `ms`, `s`, `m`, as in `2s`, up to `10m`")]
pub struct ParsePauseError {
    /// What was there.
    pub text: String,
}

/// The units, the largest first, in milliseconds.
const UNITS: [(u32, &str); 3] = [(60_000, "m"), (1_000, "s"), (1, "ms")];
/// The longest pause, in milliseconds: nobody waits that long, and a connection is held for it.
const LONGEST: u32 = 600_000;

impl FromStr for Pause {
    type Err = ParsePauseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let size = UNITS.iter().find(|(_, name)| *name == unit);
        let number = (digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<u32>().ok())
            .flatten();
        let milliseconds = size
            .zip(number)
            .and_then(|((size, _), number)| number.checked_mul(*size))
            .filter(|it| *it <= LONGEST);
        match milliseconds {
            Some(milliseconds) => Ok(Self { milliseconds }),
            None => Err(ParsePauseError {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Pause {
    type Error = ParsePauseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Pause> for String {
    fn from(pause: Pause) -> Self {
        pause.to_string()
    }
}

impl From<Pause> for Duration {
    fn from(pause: Pause) -> Self {
        Self::from_millis(pause.milliseconds.into())
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(size, _): &&(u32, &str)| {
            self.milliseconds >= *size && self.milliseconds.is_multiple_of(*size)
        };
        let (size, unit) = UNITS.iter().find(whole).unwrap_or(&(1, "ms"));
        write!(f, "{}{unit}", self.milliseconds / size)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Pause {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pause".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m)$",
            "description": "How late a response comes, such as `500ms` or `2s`; `10m` at most.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_and_written_alike() {
        for text in ["500ms", "2s", "1500ms", "10m", "0ms"] {
            let pause: Pause = text.parse().unwrap();
            assert_eq!(pause.to_string(), text);
        }
        let second: Pause = "1000ms".parse().unwrap();
        assert_eq!(Duration::from(second), Duration::from_secs(1));
        assert_eq!(second.to_string(), "1s");
    }

    #[test]
    fn what_is_no_pause_says_how_to_write_one() {
        for text in [
            "",
            "2",
            "s",
            "-2s",
            "+2s",
            "2 s",
            "2h",
            "11m",
            "99999999999s",
            "ms2",
        ] {
            let error = text.parse::<Pause>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
