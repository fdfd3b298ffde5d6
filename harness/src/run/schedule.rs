//! Which run goes when: scenarios in parallel, each distinct control once, passive checks last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OnceCell, Semaphore};

use super::known::settle;
use super::order::{Kept, Phase, Place};
use super::outcome::{LAST_WORDS, Outcome, Run};
use super::played::{Played, played};
use super::{Record, Start, control};
use crate::judge::{
    Judgement, Verdict, control_defect, is_doubtful, is_locked_out, is_shaken, judge, passive,
};
use crate::scenario::{Capability, Plan, Settings, Step, Touches, document, of_steps};
use crate::target::{InstanceError, Manner, Pool, Spec};

/// What is told while scenarios run.
pub trait Progress: Send + Sync {
    /// A scenario has been judged; they are told in the order of their ids.
    fn judged(&self, outcome: &Outcome);
}

/// All outcomes, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
}

/// Steps and settings, and whether a client is started for them, serialised.
type ControlKey = String;
type Control = Arc<OnceCell<Result<Arc<Record>, String>>>;

struct Runner {
    pool: Pool,
    controls: Mutex<BTreeMap<ControlKey, Control>>,
    records: Mutex<Vec<Kept>>,
    permits: Semaphore,
    waiting: Semaphore,
    /// Runs that go on beside each other and have yet to end.
    beside: Phase,
    /// Of those, the ones that wait for the client's time-out. They come after the others, since
    /// a client with few workers serves nobody else meanwhile.
    hanging: Phase,
    /// All runs but those that change keys: some clients take new ones only now and then, and let
    /// nobody in until they do.
    before_keys: Phase,
}

/// How many runs may wait for a silent provider at the same time: beside all others, since they
/// wait and do nothing else.
const WAITING_AT_ONCE: usize = 64;

/// Runs plans on a target, `jobs` at a time.
pub async fn run_all(
    pool: Pool,
    plans: Vec<Plan>,
    jobs: usize,
    progress: &dyn Progress,
) -> Settled {
    // A real browser has work to do while it waits.
    let waiting = match pool.target().browser {
        Some(_) => jobs.max(1),
        None => WAITING_AT_ONCE,
    };
    let runner = Arc::new(Runner {
        pool,
        controls: Mutex::default(),
        records: Mutex::default(),
        permits: Semaphore::new(jobs.max(1)),
        waiting: Semaphore::new(waiting),
        beside: Phase::default(),
        hanging: Phase::default(),
        before_keys: Phase::default(),
    });
    let mut slots: Vec<Slot> = Vec::new();
    let mut plans: Vec<Arc<Plan>> = plans.into_iter().map(Arc::new).collect();
    plans.sort_by(|a, b| a.id.cmp(&b.id));
    // All take their places before the first one leaves.
    let placed: Vec<_> = plans.iter().map(|plan| runner.place(plan)).collect();
    for (plan, place) in plans.iter().zip(placed) {
        slots.push(Slot {
            plan: Arc::clone(plan),
            running: place.map(|place| spawn(&runner, plan, place)),
        });
    }
    let mut settled = Settled::default();
    let mut passive_ones = Vec::new();
    for slot in slots {
        let outcome = if let Some(task) = slot.running {
            task.await.unwrap_or_else(|error| {
                let judgement = Judgement::because(Verdict::Error, error.to_string());
                Outcome::of(&slot.plan, judgement)
            })
        } else {
            let reason = runner.refused(&slot.plan).unwrap_or_default();
            Outcome::of(&slot.plan, Judgement::because(Verdict::Skip, reason))
        };
        if outcome.plan.check.is_some() && outcome.judgement.verdict == Verdict::Pass {
            passive_ones.push(outcome);
        } else {
            progress.judged(&outcome);
            settled.outcomes.push(outcome);
        }
    }
    let records = runner.settled_records();
    for outcome in passive_ones {
        let outcome = runner.judge_passive(outcome, &records);
        progress.judged(&outcome);
        settled.outcomes.push(outcome);
    }
    settled.outcomes.sort_by(|a, b| a.plan.id.cmp(&b.plan.id));
    settled
}

struct Slot {
    plan: Arc<Plan>,
    running: Option<AbortOnDrop>,
}

/// A task that ends when nobody waits for it any more, and its instance with it.
struct AbortOnDrop(tokio::task::JoinHandle<Outcome>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for AbortOnDrop {
    type Output = Result<Outcome, tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

fn spawn(runner: &Arc<Runner>, plan: &Arc<Plan>, place: Place) -> AbortOnDrop {
    let (runner, plan) = (Arc::clone(runner), Arc::clone(plan));
    AbortOnDrop(tokio::spawn(
        async move { runner.settle(&plan, place).await },
    ))
}

impl Runner {
    /// Why a plan is not run on this target, if so.
    fn refused(&self, plan: &Plan) -> Option<String> {
        let target = self.pool.target();
        if let Some(need) = plan.needs.iter().find(|need| !target.can(**need)) {
            if *need == Capability::Browser {
                let how = "needs a real browser: --browser chromium (feature `browser`)";
                return Some(how.to_owned());
            }
            let need = serde_json::to_value(need).unwrap_or_default();
            return Some(format!("needs {}", need.as_str().unwrap_or_default()));
        }
        let mut ends = plan.steps.iter().filter_map(|step| step.return_to.as_ref());
        if target.app.returns_to_paths_alone() && !ends.all(|end| end.starts_with(['/', '\\'])) {
            return Some("`return-to` in the target file takes paths alone".to_owned());
        }
        self.pool.refuses(&Spec::of(plan)).map(str::to_owned)
    }

    /// How a plan will use the client, unless it is skipped.
    fn place(&self, plan: &Plan) -> Option<Place> {
        if self.refused(plan).is_some() {
            return None;
        }
        let spec = Spec::of(plan);
        let manner = self.pool.manner(&spec)?;
        let phase = match (manner, plan.waits_for_a_time_out()) {
            (Manner::Own | Manner::Alone, _) => None,
            (Manner::Beside, true) => Some(self.hanging.enter()),
            (Manner::Beside, false) => Some(self.beside.enter()),
        };
        let last = manner == Manner::Alone && spec.touches == Touches::Keys;
        let all = (!last).then(|| self.before_keys.enter());
        Some(Place { manner, phase, all })
    }

    /// Runs a plan when it is its turn; once more, with nobody else about, where the first run
    /// leaves a doubt, and on a client of its own where that may not be enough.
    async fn settle(&self, plan: &Arc<Plan>, place: Place) -> Outcome {
        let Place { manner, phase, all } = place;
        let waits = plan.waits_for_a_time_out();
        match manner {
            Manner::Beside if waits => self.beside.is_over().await,
            Manner::Own | Manner::Beside => {}
            Manner::Alone if all.is_none() => self.before_keys.is_over().await,
            Manner::Alone => self.nobody_is_beside().await,
        }
        let permits = if waits { &self.waiting } else { &self.permits };
        let permit = permits.acquire().await;
        let mut first = self.run(plan, manner).await;
        drop((permit, phase));
        if all.is_none()
            && matches!(
                first.outcome.judgement.verdict,
                Verdict::Fail | Verdict::Warn
            )
        {
            first.outcome.judgement = Judgement::because(
                Verdict::Inconclusive,
                "other scenarios made this client fetch keys shortly before, and it may limit how \
                 often it does: needs a restart of the client",
            );
            first.is_doubtful = false;
        }
        if !first.is_doubtful {
            self.keep(first.kept);
            return first.outcome;
        }
        let manner = match manner {
            Manner::Own => Manner::Own,
            Manner::Beside | Manner::Alone => {
                self.nobody_is_beside().await;
                Manner::Alone
            }
        };
        let _permit = permits.acquire().await;
        let can_start_anew = manner == Manner::Alone && self.pool.restarts();
        let mut took = first.outcome.took;
        let mut last = first;
        if !(last.locked_out && can_start_anew) {
            last = self.run(plan, manner).await;
            took += last.outcome.took;
        }
        let goes_on = last.outcome.output.is_empty();
        if last.is_doubtful && goes_on && can_start_anew {
            // What this scenario did to the client that all share, or an earlier one, may last; a
            // client of its own tells.
            self.pool.let_go();
            last = self.run(plan, Manner::Own).await;
            took += last.outcome.took;
        }
        self.keep(last.kept);
        Outcome {
            took,
            ..last.outcome
        }
    }

    async fn nobody_is_beside(&self) {
        self.beside.is_over().await;
        self.hanging.is_over().await;
    }

    fn keep(&self, kept: Vec<Kept>) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(kept);
    }

    /// All records, in an order that does not depend on which run was faster, each with what the
    /// client printed until now: some of that comes late.
    fn settled_records(&self) -> Vec<Arc<Record>> {
        let mut kept =
            std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        kept.sort_by(|a, b| a.of.cmp(&b.of));
        kept.into_iter().map(Kept::settled).collect()
    }

    async fn run(&self, plan: &Arc<Plan>, manner: Manner) -> Run {
        let started = Instant::now();
        let mut run = Box::pin(self.run_once(plan, manner)).await;
        run.outcome.took = started.elapsed();
        run
    }

    async fn run_once(&self, plan: &Arc<Plan>, manner: Manner) -> Run {
        let control = match self.control(plan).await {
            Ok(control) => control,
            Err(reason) => return Run::because(plan, Verdict::Inconclusive, reason),
        };
        if plan.check.is_some() {
            let judgement = match control_defect(plan, &control) {
                Some(reason) => Judgement::because(Verdict::Inconclusive, reason),
                None => Judgement::of(Vec::new()),
            };
            let mut outcome = Outcome::of(plan, judgement);
            outcome.record = Some(control);
            return Run::certain(outcome);
        }
        let Played {
            instance,
            attack,
            recovery,
        } = match Box::pin(played(&self.pool, plan, manner, &control)).await {
            Ok(played) => played,
            Err(not_played) => return not_played.of(plan),
        };
        let runs = (&attack, recovery.as_ref());
        let judgement = judge(plan, &control, runs);
        let beside = manner == Manner::Beside;
        // What the control run lacks, another attack would lack as well.
        let is_doubtful =
            control_defect(plan, &control).is_none() && is_doubtful(plan, runs, &judgement, beside);
        let locked_out = recovery.as_ref().is_some_and(is_locked_out);
        let mut outcome = Outcome::of(plan, settle(&self.pool.target().known, &plan.id, judgement));
        let has_ended =
            |run: &Record| run.ended.is_some() || matches!(run.start, Some(Start::Stopped { .. }));
        if has_ended(&attack) || recovery.as_ref().is_some_and(has_ended) {
            outcome.output = instance.log.last_lines(LAST_WORDS);
        }
        let answered = attack.steps.iter().all(|step| {
            !matches!(
                step.arrival,
                super::Arrived::TimedOut | super::Arrived::Broken
            )
        });
        let (attack, recovery) = (Arc::new(attack), recovery.map(Arc::new));
        let recovered = recovery.as_ref();
        let shown = recovered.filter(|_| outcome.judgement.rests_on_recovery);
        outcome.record = Some(Arc::clone(shown.unwrap_or(&attack)));
        let kept = [(Some(attack), 1), (recovery, 2)];
        let kept = kept.into_iter().filter_map(|(record, part)| {
            record.map(|record| Kept::of(&plan.id, part, record, &instance))
        });
        let kept = kept.collect();
        self.pool.release(instance, answered);
        Run {
            outcome,
            is_doubtful,
            locked_out,
            kept,
        }
    }

    async fn control(&self, plan: &Plan) -> Result<Arc<Record>, String> {
        let (steps, settings) = (plan.control_steps(), plan.control_settings());
        let spec = Spec {
            settings,
            // What a client reads as it starts shows where it has just been started.
            touches: if plan.faults.iter().any(|fault| document(fault).is_some()) {
                Touches::Documents
            } else {
                of_steps(&steps)
            },
            ..Spec::default()
        };
        let manner = self.pool.manner(&spec).unwrap_or(Manner::Own);
        let key = control_key(&steps, &spec.settings, manner);
        let cell = {
            let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(controls.entry(key.clone()).or_default())
        };
        let result = cell.get_or_init(|| async {
            let mut kept = self.play_control(&spec, manner, &steps, &key).await?;
            if is_shaken(&kept.record, manner == Manner::Beside) {
                let manner = match manner {
                    Manner::Own => Manner::Own,
                    Manner::Beside | Manner::Alone => Manner::Alone,
                };
                kept = self.play_control(&spec, manner, &steps, &key).await?;
            }
            let record = Arc::clone(&kept.record);
            self.keep(vec![kept]);
            Ok(record)
        });
        result.await.clone()
    }

    async fn play_control(
        &self,
        spec: &Spec,
        manner: Manner,
        steps: &[Step],
        key: &str,
    ) -> Result<Kept, String> {
        let instance =
            self.pool
                .acquire_as(spec, manner)
                .await
                .map_err(|error: InstanceError| {
                    format!(
                        "the client did not start for the control run: {}",
                        error.reason
                    )
                })?;
        let record = control(self.pool.target(), &instance, steps, &spec.settings)
            .await
            .map_err(|error| error.to_string())?;
        let kept = Kept::of(key, 0, Arc::new(record), &instance);
        self.pool.release(instance, true);
        Ok(kept)
    }

    fn judge_passive(&self, mut outcome: Outcome, records: &[Arc<Record>]) -> Outcome {
        let Some(check) = outcome.plan.check else {
            return outcome;
        };
        // A check with settings of its own is about runs with those settings.
        let own: Vec<Arc<Record>> = outcome.record.iter().cloned().collect();
        let alone = outcome.plan.settings != Settings::default();
        let records = if alone { &own } else { records };
        let runs: Vec<&Record> = records.iter().map(AsRef::as_ref).collect();
        let looked = passive(&outcome.plan, check, &runs);
        outcome.judgement = settle(
            &self.pool.target().known,
            &outcome.plan.id,
            looked.judgement,
        );
        if !outcome.judgement.findings.is_empty() {
            outcome.record = records.get(looked.run).cloned();
        }
        outcome
    }
}

fn control_key(steps: &[Step], settings: &Settings, manner: Manner) -> ControlKey {
    serde_json::to_string(&(steps, settings, manner == Manner::Own)).unwrap_or_default()
}
