//! Which scenarios run: by id, tag and level.

use crate::diag::nearest;
use crate::scenario::{Level, Plan};

/// What was asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ids, other names of scenarios, or patterns with `*`. Empty: all.
    pub patterns: Vec<String>,
    /// Tags, of which a scenario has to have one. Empty: any.
    pub tags: Vec<String>,
    /// The least binding level.
    pub level: Option<Level>,
}

/// A pattern or tag that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario matches {kind} `{word}`{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct NoMatch {
    /// What kind of word it is.
    pub kind: &'static str,
    /// The word.
    pub word: String,
    /// The nearest one that would match.
    pub near: Option<String>,
}

impl Selection {
    /// The plans that are selected.
    ///
    /// # Errors
    /// Where a pattern or a tag matches no scenario at all.
    pub fn select(&self, plans: Vec<Plan>) -> Result<Vec<Plan>, NoMatch> {
        for pattern in &self.patterns {
            if !plans.iter().any(|plan| names(pattern, plan)) {
                let aliases = plans.iter().flat_map(|plan| &plan.scenario.alias);
                let mut ids: Vec<&str> = plans.iter().map(|plan| bare(&plan.id)).collect();
                ids.extend(aliases.map(String::as_str));
                return Err(NoMatch {
                    kind: "the id",
                    word: pattern.clone(),
                    near: nearest(pattern, &ids).map(str::to_owned),
                });
            }
        }
        for tag in &self.tags {
            let mut known = plans.iter().flat_map(|plan| &plan.scenario.tags);
            if !known.any(|known| known == tag) {
                let tags: Vec<&str> = plans
                    .iter()
                    .flat_map(|plan| &plan.scenario.tags)
                    .map(String::as_str)
                    .collect();
                return Err(NoMatch {
                    kind: "the tag",
                    word: tag.clone(),
                    near: nearest(tag, &tags).map(str::to_owned),
                });
            }
        }
        let mut plans = plans;
        plans.retain(|plan| {
            (self.patterns.is_empty() || self.patterns.iter().any(|pattern| names(pattern, plan)))
                && (self.tags.is_empty()
                    || self.tags.iter().any(|tag| plan.scenario.tags.contains(tag)))
                && self.level.is_none_or(|least| plan.level >= least)
        });
        Ok(plans)
    }
}

fn bare(id: &str) -> &str {
    id.split('[').next().unwrap_or(id)
}

/// Whether a pattern names a plan, by its id or by another name of its scenario.
fn names(pattern: &str, plan: &Plan) -> bool {
    matches(pattern, &plan.id) || plan.scenario.alias.iter().any(|alias| alias == pattern)
}

/// Whether a pattern names an id: exactly, without the case, an area, or with `*` for any text.
pub fn matches(pattern: &str, id: &str) -> bool {
    if pattern == id || pattern == bare(id) {
        return true;
    }
    let below = id.strip_prefix(pattern.trim_end_matches('/'));
    if below.is_some_and(|rest| rest.starts_with('/')) {
        return true;
    }
    pattern.contains('*') && glob(pattern.as_bytes(), id.as_bytes())
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            glob(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, text)| glob(pattern, text))
        }
        (Some((wanted, pattern)), Some((found, text))) => wanted == found && glob(pattern, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn an_id_is_named_exactly_by_area_or_with_stars() {
        assert!(matches("id-token/wrong-aud", "id-token/wrong-aud[array]"));
        assert!(matches(
            "id-token/wrong-aud[array]",
            "id-token/wrong-aud[array]"
        ));
        assert!(matches("id-token", "id-token/expired"));
        assert!(matches("*/expired", "id-token/expired"));
        assert!(!matches("id", "id-token/expired"));
        assert!(!matches("id-token/wrong", "id-token/wrong-aud"));
    }
}
