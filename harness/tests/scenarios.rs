//! One named test for each scenario file: the reference client is judged by every case of it, and
//! verdict and transcript are compared with a snapshot.
//!
//! A file that is dropped into `scenarios/` is picked up by itself. `INSTA_UPDATE=always cargo
//! test` writes new snapshots; read them before you commit them.

#![expect(
    clippy::print_stderr,
    reason = "a test program of its own tells what stops it"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gauntlet::judge::{Judgement, control_defect, judge, passive};
use gauntlet::run::{Record, control, play};
use gauntlet::scenario::{Act, Plan, Source, Step, load};
use gauntlet::target::{Pool, Spec, Target};
use gauntlet::transcript::{Redactor, render};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let plans = match load(&Source::Folder(folder)) {
        Ok(plans) => plans,
        Err(error) => {
            for defect in error.0 {
                eprintln!("{defect}\n");
            }
            return ExitCode::from(2);
        }
    };
    let mut files: BTreeMap<String, Vec<Plan>> = BTreeMap::new();
    for plan in plans {
        let file = plan.id.split('[').next().unwrap_or(&plan.id).to_owned();
        files.entry(file).or_default().push(plan);
    }
    let trials = files.into_iter().map(|(file, plans)| {
        let name = file.clone();
        Trial::test(name, move || snapshot(&file, &plans))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn snapshot(file: &str, plans: &[Plan]) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut story = String::new();
    for plan in plans {
        let (judgement, record) = runtime.block_on(run(plan))?;
        writeln!(story, "{} {}", judgement.verdict.word(), plan.id)?;
        if let Some(reason) = &judgement.reason {
            writeln!(story, "    {reason}")?;
        }
        let redactor = Redactor::of(&record);
        for finding in &judgement.findings {
            writeln!(story, "    {}", redactor.text(&finding.sentence))?;
        }
        // Which of two that are opened at the same time comes first is left to chance.
        let twice = |step: &Step| {
            matches!(step.act, Act::VisitTogether | Act::SignInTogether)
                || step
                    .callback
                    .as_ref()
                    .is_some_and(|callback| callback.twice)
        };
        if plan.steps.iter().any(twice) {
            writeln!(
                story,
                "\n    (what tabs do at the same time has no order)\n"
            )?;
            continue;
        }
        writeln!(story, "\n{}", render(&record.transcript, &redactor))?;
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(snapshots());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(format!("scenarios/{file}.toml"));
    let name = file.replace('/', "__");
    // insta reports a difference by a panic, which the test runner takes for the failure it is.
    settings.bind(|| insta::assert_snapshot!(name, story.trim_end()));
    Ok(())
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

async fn run(plan: &Plan) -> Result<(Judgement, Record), Failed> {
    let pool = Pool::start(Target::reference()).await?;
    let settings = &plan.control_settings();
    let clean_spec = Spec {
        settings: settings.clone(),
        ..Spec::default()
    };
    let instance = pool.acquire(&clean_spec).await?;
    let clean = control(pool.target(), &instance, &plan.control_steps(), settings).await?;
    if let Some(check) = plan.check {
        let judgement = match control_defect(plan, &clean) {
            Some(defect) => return Err(defect.into()),
            None => passive(plan, check, &[&clean]).judgement,
        };
        return Ok((judgement, clean));
    }
    let instance = pool.acquire(&Spec::of(plan)).await?;
    let (attack, recovery) = Box::pin(play(pool.target(), &instance, plan)).await?;
    let judgement = judge(plan, &clean, (&attack, Some(&recovery)));
    Ok((judgement, attack))
}
