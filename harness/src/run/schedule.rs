//! Which run goes when: scenarios in parallel, each distinct control once, passive checks last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};

use super::known::settle;
use super::{Record, RunError, control, play};
use crate::judge::{Judgement, Verdict, control_defect, judge, passive};
use crate::scenario::{Capability, Plan, Settings, Step};
use crate::target::{InstanceError, Pool, Spec};

/// What became of one scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The plan that was run.
    pub plan: Arc<Plan>,
    /// The judgement.
    pub judgement: Judgement,
    /// How long it took.
    pub took: Duration,
    /// The record of the run that the judgement rests on.
    pub record: Option<Arc<Record>>,
    /// The last lines of the client's output, where it ended or did not start.
    pub output: Vec<String>,
}

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

/// Steps and settings, serialised.
type ControlKey = String;
type Control = Arc<OnceCell<Result<Arc<Record>, String>>>;

struct Runner {
    pool: Pool,
    controls: Mutex<BTreeMap<ControlKey, Control>>,
    records: Mutex<Vec<Arc<Record>>>,
    permits: Semaphore,
    waiting: Semaphore,
}

/// How many runs may wait for a silent provider at the same time: beside all others, since they
/// wait and do nothing else.
const WAITING_AT_ONCE: usize = 16;

/// Runs plans on a target, `jobs` at a time.
pub async fn run_all(
    pool: Pool,
    plans: Vec<Plan>,
    jobs: usize,
    progress: &dyn Progress,
) -> Settled {
    let runner = Arc::new(Runner {
        pool,
        controls: Mutex::default(),
        records: Mutex::default(),
        permits: Semaphore::new(jobs.max(1)),
        waiting: Semaphore::new(WAITING_AT_ONCE),
    });
    let mut slots: Vec<Slot> = Vec::new();
    let mut plans: Vec<Arc<Plan>> = plans.into_iter().map(Arc::new).collect();
    plans.sort_by(|a, b| a.id.cmp(&b.id));
    for plan in &plans {
        let running = runner.starts(plan);
        slots.push(Slot {
            plan: Arc::clone(plan),
            running: running.then(|| spawn(&runner, plan)),
        });
    }
    let mut settled = Settled::default();
    let mut passive_ones = Vec::new();
    for slot in slots {
        let outcome = match slot.running {
            Some(task) => task.await.unwrap_or_else(|error| {
                Outcome::of(
                    &slot.plan,
                    Judgement::because(Verdict::Error, error.to_string()),
                )
            }),
            None => Outcome::of(&slot.plan, runner.skipped(&slot.plan)),
        };
        if outcome.plan.check.is_some() && outcome.judgement.verdict == Verdict::Pass {
            passive_ones.push(outcome);
        } else {
            progress.judged(&outcome);
            settled.outcomes.push(outcome);
        }
    }
    let records = std::mem::take(
        &mut *runner
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
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

fn spawn(runner: &Arc<Runner>, plan: &Arc<Plan>) -> AbortOnDrop {
    let (runner, plan) = (Arc::clone(runner), Arc::clone(plan));
    AbortOnDrop(tokio::spawn(async move {
        let permits = if plan.waits_for_a_time_out() {
            &runner.waiting
        } else {
            &runner.permits
        };
        let _permit = permits
            .acquire()
            .await
            .expect("nobody closes the semaphore");
        let started = Instant::now();
        let mut outcome = runner.run(&plan).await;
        outcome.took = started.elapsed();
        outcome
    }))
}

impl Outcome {
    fn of(plan: &Arc<Plan>, judgement: Judgement) -> Self {
        Self {
            plan: Arc::clone(plan),
            judgement,
            took: Duration::ZERO,
            record: None,
            output: Vec::new(),
        }
    }
}

impl Runner {
    fn missing(&self, plan: &Plan) -> Option<Capability> {
        plan.needs
            .iter()
            .copied()
            .find(|need| !self.pool.target().can(*need))
    }

    fn starts(&self, plan: &Plan) -> bool {
        self.missing(plan).is_none() && self.pool.refuses(&Spec::of(plan)).is_none()
    }

    fn skipped(&self, plan: &Plan) -> Judgement {
        let reason = match self.missing(plan) {
            Some(need) => {
                let need = serde_json::to_value(need).unwrap_or_default();
                format!("needs {}", need.as_str().unwrap_or_default())
            }
            None => self
                .pool
                .refuses(&Spec::of(plan))
                .unwrap_or_default()
                .to_owned(),
        };
        Judgement::because(Verdict::Skip, reason)
    }

    async fn run(&self, plan: &Arc<Plan>) -> Outcome {
        let control = match self.control(plan).await {
            Ok(control) => control,
            Err(reason) => {
                return Outcome::of(plan, Judgement::because(Verdict::Inconclusive, reason));
            }
        };
        if plan.check.is_some() {
            let judgement = match control_defect(plan, &control) {
                Some(reason) => Judgement::because(Verdict::Inconclusive, reason),
                None => Judgement::of(Vec::new()),
            };
            let mut outcome = Outcome::of(plan, judgement);
            outcome.record = Some(control);
            return outcome;
        }
        let instance = match self.pool.acquire(&Spec::of(plan)).await {
            Ok(instance) => instance,
            Err(error) => return not_started(plan, &error),
        };
        let played = play(self.pool.target(), &instance, plan).await;
        let (attack, recovery) = match played {
            Ok(records) => records,
            Err(error) => {
                let verdict = match error {
                    RunError::Fault(_) => Verdict::Error,
                    RunError::Missing { .. } | RunError::Unsaid(_) | RunError::Page(_) => {
                        Verdict::Inconclusive
                    }
                };
                return Outcome::of(plan, Judgement::because(verdict, error.to_string()));
            }
        };
        let judgement = self.known(plan, judge(plan, &control, &attack, &recovery));
        let mut outcome = Outcome::of(plan, judgement);
        if attack.ended.is_some() || recovery.ended.is_some() {
            outcome.output = instance.log.last_lines(8);
        }
        let answered = attack.steps.iter().all(|step| {
            !matches!(
                step.arrival,
                super::Arrived::TimedOut | super::Arrived::Broken
            )
        });
        self.pool.release(instance, answered);
        let attack = Arc::new(attack);
        outcome.record = Some(Arc::clone(&attack));
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend([attack, Arc::new(recovery)]);
        outcome
    }

    fn known(&self, plan: &Plan, judgement: Judgement) -> Judgement {
        settle(&self.pool.target().known, &plan.id, judgement)
    }

    async fn control(&self, plan: &Plan) -> Result<Arc<Record>, String> {
        let (steps, settings) = (plan.control_steps(), plan.control_settings());
        let key = control_key(&steps, &settings);
        let cell = {
            let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(controls.entry(key).or_default())
        };
        let result = cell.get_or_init(|| async {
            let exclusive = steps
                .iter()
                .any(|step| step.act == crate::scenario::Act::RotateKeys);
            let spec = Spec {
                settings: settings.clone(),
                exclusive,
                ..Spec::default()
            };
            let instance = self
                .pool
                .acquire(&spec)
                .await
                .map_err(|error: InstanceError| {
                    format!(
                        "the client did not start for the control run: {}",
                        error.reason
                    )
                })?;
            let record = control(self.pool.target(), &instance, &steps, &settings)
                .await
                .map_err(|error| error.to_string())?;
            self.pool.release(instance, true);
            let record = Arc::new(record);
            self.records
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::clone(&record));
            Ok(record)
        });
        result.await.clone()
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
        outcome.judgement = self.known(&outcome.plan, looked.judgement);
        if !outcome.judgement.findings.is_empty() {
            outcome.record = records.get(looked.run).cloned();
        }
        outcome
    }
}

fn control_key(steps: &[Step], settings: &Settings) -> ControlKey {
    serde_json::to_string(&(steps, settings)).unwrap_or_default()
}

fn not_started(plan: &Arc<Plan>, error: &InstanceError) -> Outcome {
    let mut outcome = Outcome::of(
        plan,
        Judgement::because(Verdict::Inconclusive, error.reason.clone()),
    );
    outcome.output.clone_from(&error.output);
    outcome
}
