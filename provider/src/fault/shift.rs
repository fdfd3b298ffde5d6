//! A span of time in a fault, written as people write it: `+10m`, `-2h`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A signed span of time in a fault: `+10m`, `-2h`, `+7d`. Units: `s`, `m`, `h`, `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift {
    /// Seconds to add; negative for the past.
    pub seconds: i64,
}

/// The text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no span of time: write a sign, a number and one of `s`, `m`, `h`, `d`, as in `-2h`"
)]
pub struct ParseShiftError {
    /// What was there.
    pub text: String,
}

impl FromStr for Shift {
    type Err = ParseShiftError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseShiftError {
            text: text.to_owned(),
        };
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(wrong()),
        };
        let seconds = parse_span(rest).ok_or_else(wrong)?;
        let seconds = i64::try_from(seconds).map_err(|_| wrong())?;
        Ok(Self {
            seconds: sign * seconds,
        })
    }
}

/// Reads `90s`, `10m`, `2h` or `7d` as seconds.
pub(crate) fn parse_span(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

impl TryFrom<String> for Shift {
    type Error = ParseShiftError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        shift.to_string()
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.seconds < 0 { '-' } else { '+' };
        let seconds = self.seconds.unsigned_abs();
        let (number, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size))
            .map_or((seconds, 's'), |(size, unit)| (seconds / size, unit));
        write!(f, "{sign}{number}{unit}")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Shift {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Shift".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[+-][0-9]+[smhd]$",
            "description": "A signed span of time, such as `+10m` or `-2h`. Units: `s`, `m`, `h`, `d`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_alike() {
        for (text, seconds) in [
            ("+10m", 600),
            ("-2h", -7_200),
            ("+7d", 604_800),
            ("-90s", -90),
        ] {
            let shift: Shift = text.parse().unwrap();
            assert_eq!(shift.seconds, seconds);
            assert_eq!(shift.to_string(), text);
        }
        assert_eq!(Shift { seconds: 0 }.to_string(), "+0s");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "+",
            "2h",
            "+h",
            "+2",
            "+2w",
            "+-2h",
            "+2é",
            "é",
            "+99999999999999999999s",
        ] {
            assert!(text.parse::<Shift>().is_err(), "{text}");
        }
    }
}
