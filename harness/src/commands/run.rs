//! `gauntlet run`: scenarios against a client.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::report::{check_reports, write_reports};
use super::{complain, cores, plans, show, tell};
use crate::cli::{Denied, ReportFile, RunArgs};
use crate::diag::{Diagnostic, nearest};
use crate::report::{self, Document, Exit, Tally};
use crate::run::{Outcome, Progress, SetupError, baseline, run_all};
use crate::scenario::{Plan, Source};
use crate::select::matches;
use crate::target::{BrowserKind, Known, Pool, Reach, RealBrowser, Target, from_file};

/// Runs the command.
pub async fn run(args: RunArgs) -> Exit {
    let target = match target(args.target.as_deref()) {
        Ok(target) => with_browser(target, args.browser),
        Err(exit) => return exit,
    };
    let files = target
        .source
        .as_ref()
        .map(|source| PathBuf::from(&source.path));
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    if let Err(exit) = check_reports(&args.report, &files) {
        return exit;
    }
    // The reference client is held to more than the levels ask of others.
    let reference = matches!(
        target.reach,
        Reach::Builtin(crate::target::Builtin::Reference)
    );
    let deny_warn = reference || args.deny.contains(&Denied::Warn);
    let (source, plans) = match plans(&args.selecting) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    let all = args.selecting.patterns.is_empty()
        && args.selecting.tag.is_empty()
        && args.selecting.level.is_none();
    let stale = if all {
        stale_known(&target, &plans)
    } else {
        Vec::new()
    };
    for defect in &stale {
        complain(&format!("{}\n", defect.render(true)));
    }
    let from = match &source {
        Source::Embedded => "built in".to_owned(),
        Source::Folder(folder) => format!("from {}/", folder.display()),
    };
    let count = match plans.len() {
        1 => "1 scenario".to_owned(),
        count => format!("{count} scenarios"),
    };
    tell(&format!(
        "gauntlet {} · {} ({}) · {count} {from}",
        env!("CARGO_PKG_VERSION"),
        target.name,
        target.origin
    ));
    if plans.is_empty() {
        complain("error: no scenario is selected, so nothing ran");
        return Exit::NothingRan;
    }
    let name = target.name.clone();
    let jobs = args.jobs.map_or_else(|| usual_jobs(&target), usize::from);
    let told = Arc::new(Told::new(plans.len()));
    let started = Instant::now();
    let work = work(target, plans, jobs, Arc::clone(&told));
    let ended = tokio::select! {
        exit = work => exit,
        () = interrupted() => Err(Stopped::Interrupted),
    };
    told.bar.finish_and_clear();
    let outcomes = told.outcomes();
    let exit = match ended {
        Ok(()) => match Exit::of(&Tally::of(&outcomes), deny_warn) {
            Exit::Well if !stale.is_empty() => Exit::Unproven,
            exit => exit,
        },
        Err(Stopped::Interrupted) => Exit::Interrupted,
        Err(Stopped::SetUp(error)) => {
            complain(&report::setup(&error));
            let document = Document::of_set_up(&name, &error);
            return write_reports(&[document], Exit::Setup, &args.report, None);
        }
    };
    conclude(&name, &outcomes, started.elapsed(), exit, &args.report)
}

/// How many scenarios run at the same time. A client mostly waits for the provider, and the provider
/// for the client; a real browser has more to do.
fn usual_jobs(target: &Target) -> usize {
    let for_each = if target.browser.is_some() { 2 } else { 4 };
    (for_each * cores()).min(16)
}

/// Why a run did not come to its end.
enum Stopped {
    Interrupted,
    SetUp(Box<SetupError>),
}

async fn work(
    target: Target,
    plans: Vec<Plan>,
    jobs: usize,
    told: Arc<Told>,
) -> Result<(), Stopped> {
    let described = target.clone();
    let pool = Pool::start(target)
        .await
        .map_err(|error| Stopped::SetUp(Box::new(SetupError::not_started(&described, error))))?;
    let clean = baseline(&pool).await.map_err(|error| {
        // The clean login is a scenario as well; it is the one that a mistake of the set-up shows in.
        if let Some(plan) = plans.iter().find(|plan| plan.id == "flow/valid-code") {
            told.bar
                .suspend(|| tell(&format!("  ERROR         {:<46} set-up", plan.id)));
        }
        Stopped::SetUp(Box::new(error))
    })?;
    tell(&format!(
        "  provider  {}     app  {}",
        clean.issuer, clean.app
    ));
    tell(&format!(
        "  baseline  signed in as {} in {} ms",
        clean.email, clean.milliseconds
    ));
    tell(&format!(
        "  observed  {}",
        clean.observed.words().join(", ")
    ));
    if let Some(line) = report::unseen_claims(&described, &clean.observed) {
        tell(&format!("  claimed   {line}"));
    }
    if let Some(line) = report::unsigned(&described, &clean.observed) {
        tell(&format!("  note      {line}"));
    }
    tell("");
    run_all(pool, plans, jobs, told.as_ref()).await;
    Ok(())
}

/// Waits for Ctrl-C or a request to end. It is listened for from the call on, and not from the
/// first poll: a program that has just been started must not outlive us.
pub fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let mut signals = {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        kinds.map(|kind| signal(kind).ok())
    };
    async move {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hangup] = &mut signals;
            tokio::select! {
                Some(()) = received(interrupt) => {}
                Some(()) = received(terminate) => {}
                Some(()) = received(hangup) => {}
                else => std::future::pending().await,
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The next signal; none where it cannot be listened for.
#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// The target with the browser that was asked for; what its file says of one stays.
fn with_browser(target: Target, kind: Option<BrowserKind>) -> Target {
    match kind {
        Some(kind) if target.browser.is_none() => target.with_browser(RealBrowser::of_kind(kind)),
        Some(_) | None => target,
    }
}

/// The target that is meant, or what is wrong with it, shown.
pub(super) fn target(named: Option<&Path>) -> Result<Target, Exit> {
    let file = match named {
        Some(path) if path.as_os_str() == "demo" => return Ok(Target::demo()),
        Some(path) if path.is_dir() => path.join("gauntlet.toml"),
        Some(path) => path.to_owned(),
        None if Path::new("gauntlet.toml").is_file() => PathBuf::from("gauntlet.toml"),
        None => return Ok(Target::reference()),
    };
    from_file(&file).map_err(|error| {
        show(&error.0);
        Exit::Usage
    })
}

fn conclude(
    target: &str,
    outcomes: &[Outcome],
    took: Duration,
    exit: Exit,
    reports: &[ReportFile],
) -> Exit {
    tell("");
    for block in outcomes.iter().filter_map(report::failure) {
        tell(&block);
    }
    if exit == Exit::Interrupted {
        complain("interrupted: what follows is what was judged until then");
    }
    // To put every transcript into words takes longer than most runs do.
    let exit = if reports.is_empty() {
        exit
    } else {
        let document = Document::of(target, outcomes, exit);
        write_reports(&[document], exit, reports, None)
    };
    tell(report::summary(&Tally::of(outcomes), took, exit as u8).trim_end());
    exit
}

/// Entries of `[[known]]` that name no scenario are stale: they put up with nothing.
pub(super) fn stale_known(target: &Target, plans: &[Plan]) -> Vec<Diagnostic> {
    let ids: Vec<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
    let unknown = |known: &&Known| !ids.iter().any(|id| matches(&known.scenario, id));
    let Some(source) = &target.source else {
        return Vec::new();
    };
    let stale = target.known.iter().filter(unknown);
    let told = stale.map(|known| {
        let help = match nearest(&known.scenario, &ids) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`gauntlet list` shows all ids".to_owned(),
        };
        let span = source.used(&format!("\"{}\"", known.scenario));
        let what = format!("there is no scenario `{}`", known.scenario);
        source.message(span.unwrap_or(0..0), &what, &help)
    });
    told.collect()
}

/// Tells outcomes as they come and keeps them, so that an interrupted run can still be reported.
struct Told {
    bar: ProgressBar,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Told {
    fn new(count: usize) -> Self {
        let bar = ProgressBar::new(count as u64);
        let style = ProgressStyle::with_template("  {spinner} {pos}/{len}   {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            bar,
            outcomes: Mutex::default(),
        }
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes =
            std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        outcomes.sort_by(|a, b| a.plan.id.cmp(&b.plan.id));
        outcomes
    }
}

impl Progress for Told {
    fn judged(&self, outcome: &Outcome) {
        self.bar.suspend(|| tell(&report::line(outcome)));
        self.bar.inc(1);
        self.outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(outcome.clone());
    }
}
