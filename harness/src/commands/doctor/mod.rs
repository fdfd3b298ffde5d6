//! `gauntlet doctor`: whether a target is set up, and why a client and a provider do not find each
//! other, whoever made the provider.

mod examine;
mod gather;
mod target;

use crate::cli::DoctorArgs;
use crate::report::Exit;

use super::{complain, tell};
use examine::{Finding, Verdict, examine};
use gather::{GatherError, gather};

/// Runs the command.
pub async fn doctor(args: &DoctorArgs) -> Exit {
    match &args.issuer {
        Some(issuer) => provider(issuer, args).await,
        None => Box::pin(target::target(args.target.as_deref())).await,
    }
}

async fn provider(issuer: &str, args: &DoctorArgs) -> Exit {
    let facts = match gather(issuer, args).await {
        Ok(facts) => facts,
        Err(error) => {
            complain(&format!("error: {error}"));
            return match error {
                GatherError::Issuer { .. } | GatherError::Ca { .. } => Exit::Usage,
                GatherError::Client(_) => Exit::Setup,
            };
        }
    };
    let findings = examine(&facts);
    tell(&format!("gauntlet doctor · {issuer}"));
    for finding in &findings {
        tell(&line(finding));
    }
    let wrong = count(&findings, Verdict::Wrong);
    let worth = count(&findings, Verdict::Note);
    tell("");
    if wrong == 0 {
        tell(&format!("nothing is wrong, {worth} worth knowing"));
        Exit::Well
    } else {
        tell(&format!("{wrong} wrong, {worth} worth knowing"));
        Exit::Failed
    }
}

fn count(findings: &[Finding], verdict: Verdict) -> usize {
    let alike = findings.iter().filter(|it| it.verdict == verdict);
    alike.count()
}

fn line(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Note => "note",
        Verdict::Wrong => "WRONG",
    };
    let line = format!("  {word:<6} {:<14} {}", finding.about, finding.what);
    match &finding.fix {
        Some(fix) => format!("{line}\n         {:<14} fix: {fix}", ""),
        None => line,
    }
}
