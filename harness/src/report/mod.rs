//! Reports: pure functions from outcomes to text.

mod checkup;
mod document;
mod html;
mod junit;
mod setup;
mod text;

use serde::{Deserialize, Serialize};

pub use checkup::{checkup, checkup_mistakes};
pub use document::{Document, Exchange, Judged, SetUp};
pub use html::{Transcripts, html};
pub use junit::junit;
pub use setup::{mistake, setup, unseen_claims, unsigned};
pub(crate) use text::wrapped;
pub use text::{failure, line, summary};

use crate::judge::Verdict;
use crate::run::Outcome;

/// How many scenarios came to which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All scenarios.
    pub scenarios: usize,
    /// Those that passed.
    pub pass: usize,
    /// Those with a broken requirement.
    pub fail: usize,
    /// Those with a broken recommendation.
    pub warn: usize,
    /// Those that are worth knowing.
    pub info: usize,
    /// Those that were skipped.
    pub skip: usize,
    /// Those that are known to fail.
    pub known: usize,
    /// Those that proved nothing.
    pub inconclusive: usize,
    /// Those that could not be played.
    pub error: usize,
}

impl Tally {
    /// Counts outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self {
            scenarios: outcomes.len(),
            ..Self::default()
        };
        for outcome in outcomes {
            *match outcome.judgement.verdict {
                Verdict::Pass => &mut tally.pass,
                Verdict::Fail => &mut tally.fail,
                Verdict::Warn => &mut tally.warn,
                Verdict::Info => &mut tally.info,
                Verdict::Skip => &mut tally.skip,
                Verdict::Known => &mut tally.known,
                Verdict::Inconclusive => &mut tally.inconclusive,
                Verdict::Error => &mut tally.error,
            } += 1;
        }
        tally
    }

    /// Whether anything was run at all.
    pub fn ran(&self) -> usize {
        self.scenarios - self.skip
    }
}

/// The exit code of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Well = 0,
    /// A requirement is broken, or a recommendation where `--deny warn` says so.
    Failed = 1,
    /// The command line, a scenario file or the target file is wrong.
    Usage = 2,
    /// The target did not start, or the first clean login failed.
    Setup = 3,
    /// Nothing ran.
    NothingRan = 4,
    /// No failure, but something was not proven.
    Unproven = 5,
    /// A mistake of this program's.
    Internal = 70,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The exit code that outcomes amount to.
    pub fn of(tally: &Tally, deny_warn: bool) -> Self {
        if tally.error > 0 {
            Self::Usage
        } else if tally.fail > 0 || (deny_warn && tally.warn > 0) {
            Self::Failed
        } else if tally.ran() == 0 {
            Self::NothingRan
        } else if tally.inconclusive > 0 {
            Self::Unproven
        } else {
            Self::Well
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_nothing_ran_is_not_green() {
        let tally = Tally {
            scenarios: 3,
            skip: 3,
            ..Tally::default()
        };
        assert_eq!(Exit::of(&tally, false), Exit::NothingRan);
        assert_eq!(Exit::of(&Tally::default(), false), Exit::NothingRan);
    }

    #[test]
    fn a_failure_outweighs_what_was_not_proven() {
        let tally = Tally {
            scenarios: 3,
            fail: 1,
            inconclusive: 1,
            pass: 1,
            ..Tally::default()
        };
        assert_eq!(Exit::of(&tally, false), Exit::Failed);
    }

    #[test]
    fn a_warning_fails_the_run_only_where_it_is_denied() {
        let tally = Tally {
            scenarios: 2,
            warn: 1,
            pass: 1,
            ..Tally::default()
        };
        assert_eq!(Exit::of(&tally, false), Exit::Well);
        assert_eq!(Exit::of(&tally, true), Exit::Failed);
    }
}
