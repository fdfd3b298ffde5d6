//! `gauntlet list`: the scenarios.

use serde_json::json;

use super::{plans, tell};
use crate::cli::{Format, ListArgs};
use crate::report::Exit;

/// Runs the command.
pub fn list(args: &ListArgs) -> Exit {
    let (_, plans) = match plans(&args.selecting) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    match args.format {
        Format::Json => {
            let list: Vec<_> = plans
                .iter()
                .map(|plan| {
                    json!({
                        "id": plan.id,
                        "title": plan.title,
                        "level": plan.level,
                        "severity": plan.scenario.severity,
                        "needs": plan.needs,
                        "tags": plan.scenario.tags,
                        "spec": plan.scenario.spec,
                        "cwe": plan.scenario.cwe,
                        "alias": plan.scenario.alias,
                    })
                })
                .collect();
            tell(&serde_json::to_string_pretty(&list).unwrap_or_default());
        }
        Format::Human => {
            for plan in &plans {
                let level = serde_json::to_value(plan.level).unwrap_or_default();
                let level = level.as_str().unwrap_or_default();
                tell(&format!("{:<40} {level:<9} {}", plan.id, plan.title));
            }
            tell(&format!("\n{} scenarios", plans.len()));
        }
    }
    if plans.is_empty() {
        Exit::NothingRan
    } else {
        Exit::Well
    }
}
