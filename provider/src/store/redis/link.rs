//! The way to a Redis or Valkey server: one connection, on a thread of its own, that threads of any
//! kind can ask and that says within a time limit what came of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Cmd, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::{Kept, StoreDown};
use super::session::{Session, open};
use crate::clock;

/// How long an operation may take, from the question to the answer.
pub(super) const LIMIT: Duration = Duration::from_millis(500);
/// How much of that is left for the answer to come back: what the server has not begun by then, it
/// does not do.
pub(super) const WAY_BACK: Duration = Duration::from_millis(100);
/// How long to wait between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// How often an idle connection is tried.
const BEAT: Duration = Duration::from_secs(1);
/// How many questions may wait to be sent.
const QUEUE: usize = 1_024;
/// How many amends are remembered while the server cannot be reached.
const AMENDS: usize = 10_000;

/// A way to the server. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(crate) struct Link {
    jobs: mpsc::Sender<Job>,
    state: Arc<Mutex<State>>,
}

/// Whether the server can be reached, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Connecting,
    Up,
    Down(String),
}

/// An operation of the script: the keys that it is about, and what it needs to know.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) keys: [String; 2],
    pub(super) arguments: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub(super) enum Ask {
    Script(Operation),
    /// Something that changes nothing.
    Read(Cmd),
}

/// A question on its way.
pub(super) struct Job {
    pub(super) ask: Ask,
    pub(super) due: Instant,
    /// Whether it was sent before, over a connection that then broke.
    pub(super) again: bool,
    /// Nobody waits for an amend, and it is never given up.
    pub(super) reply: Option<SyncSender<Kept<Value>>>,
}

impl Link {
    /// A way to the server that a URL names; it is connected in the background.
    pub(crate) fn open(client: Client) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let state = Arc::new(Mutex::new(State::Connecting));
        let link = Self { jobs, state };
        let driver = Driver {
            client,
            jobs: waiting,
            state: Arc::clone(&link.state),
            running: JoinSet::new(),
            amends: VecDeque::new(),
            session: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("mock-provider-store".to_owned())
            .spawn(move || runtime.block_on(driver.run()))?;
        Ok(link)
    }

    /// Does an operation, or says that nothing is known of it.
    pub(super) fn script(&self, operation: Operation) -> Kept<Value> {
        self.ask(Ask::Script(operation))
    }

    /// Asks for something that changes nothing.
    pub(super) fn read(&self, command: Cmd) -> Kept<Value> {
        self.ask(Ask::Read(command))
    }

    /// Has an operation done before any that is asked for later, as soon as the server can be
    /// reached.
    pub(super) fn amend(&self, operation: Operation) {
        let job = Job {
            ask: Ask::Script(operation),
            due: clock::instant() + LIMIT,
            again: false,
            reply: None,
        };
        if self.jobs.try_send(job).is_err() {
            tracing::warn!("too much waits for the store: a failed request is not taken back");
        }
    }

    fn ask(&self, ask: Ask) -> Kept<Value> {
        let (reply, answer) = sync_channel(1);
        let job = Job {
            ask,
            due: clock::instant() + LIMIT,
            again: false,
            reply: Some(reply),
        };
        let crowded = |_| StoreDown("too many requests wait for it".to_owned());
        self.jobs.try_send(job).map_err(crowded)?;
        // The driver answers in time; the little more is for a machine that is busy.
        answer
            .recv_timeout(LIMIT + WAY_BACK)
            .unwrap_or_else(|_| Err(too_slow()))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Link({state:?})")
    }
}

pub(super) fn too_slow() -> StoreDown {
    StoreDown(format!("no answer within {} ms", LIMIT.as_millis()))
}

/// Sends questions and hands out answers. It connects, serves until the connection breaks, and
/// connects again.
struct Driver {
    client: Client,
    jobs: mpsc::Receiver<Job>,
    state: Arc<Mutex<State>>,
    running: JoinSet<Outcome>,
    /// What has to be done first, oldest first.
    amends: VecDeque<Job>,
    /// The number of the connection.
    session: u64,
}

/// What came of a question.
pub(super) struct Outcome {
    pub(super) session: u64,
    /// Why the connection is of no use any more.
    pub(super) broken: Option<Broken>,
    /// The question, if it has to be asked again.
    pub(super) again: Option<Job>,
}

#[derive(Debug)]
pub(super) enum Broken {
    /// The connection ended, or is to be made anew: the server may be there.
    Gone,
    /// The server does not answer.
    Stalled,
}

/// All that asked are gone.
struct Ended;

impl Driver {
    async fn run(mut self) {
        let mut waiting = Vec::new();
        let mut patient = true;
        loop {
            let Ok((session, first)) = self.connect(waiting, patient).await else {
                return;
            };
            match self.serve(session, first).await {
                Ok((broken, again)) => {
                    patient = matches!(broken, Broken::Gone);
                    waiting = again;
                    if let Broken::Stalled = broken {
                        self.set(State::Down(too_slow().0));
                    }
                }
                Err(Ended) => return,
            }
        }
    }

    fn set(&self, state: State) {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state {
            _ if *known == state => {}
            State::Up => tracing::info!("the store can be reached"),
            State::Down(reason) => tracing::error!(%reason, "the store cannot be reached"),
            State::Connecting => {}
        }
        *known = state;
    }

    /// Connects, however long it takes. Questions wait for the first attempt if there is hope, and
    /// are turned away from then on.
    async fn connect(
        &mut self,
        mut waiting: Vec<Job>,
        mut patient: bool,
    ) -> Result<(Session, Vec<Job>), Ended> {
        if !patient {
            turn_away(&mut waiting, &too_slow());
        }
        loop {
            self.session += 1;
            let opening = tokio::time::timeout(LIMIT, open(self.client.clone(), self.session));
            tokio::pin!(opening);
            let mut down = too_slow();
            loop {
                let job = tokio::select! {
                    opened = &mut opening => match opened {
                        Ok(Ok(session)) => {
                            self.set(State::Up);
                            return Ok((session, waiting));
                        }
                        Ok(Err(error)) => {
                            down = StoreDown(error.to_string());
                            break;
                        }
                        Err(_) => break,
                    },
                    Some(Ok(outcome)) = self.running.join_next() => match outcome.again {
                        Some(job) => job,
                        None => continue,
                    },
                    job = self.jobs.recv() => job.ok_or(Ended)?,
                };
                match job {
                    job if job.reply.is_none() => self.remember(job),
                    job if patient => waiting.push(job),
                    job => job.answer(Err(down.clone())),
                }
            }
            patient = false;
            turn_away(&mut waiting, &down);
            self.set(State::Down(down.0.clone()));
            let pause = tokio::time::sleep(PAUSE);
            tokio::pin!(pause);
            loop {
                let job = tokio::select! {
                    () = &mut pause => break,
                    job = self.jobs.recv() => job.ok_or(Ended)?,
                };
                match job {
                    job if job.reply.is_none() => self.remember(job),
                    job => job.answer(Err(down.clone())),
                }
            }
        }
    }

    /// Keeps an amend for the next connection.
    fn remember(&mut self, amend: Job) {
        if self.amends.len() >= AMENDS {
            tracing::warn!("too much waits for the store: a failed request is not taken back");
            self.amends.pop_front();
        }
        self.amends.push_back(amend);
    }

    /// Sends questions until the connection breaks: why, and what has to be asked again.
    async fn serve(
        &mut self,
        mut session: Session,
        first: Vec<Job>,
    ) -> Result<(Broken, Vec<Job>), Ended> {
        while let Some(mut amend) = self.amends.pop_front() {
            amend.due = clock::instant() + LIMIT;
            amend.again = false;
            let outcome = session.clone().ask(amend).await;
            if let Some(amend) = outcome.again {
                self.amends.push_front(amend);
            }
            if let Some(broken) = outcome.broken {
                return Ok((broken, first));
            }
        }
        for job in first {
            self.running.spawn(session.clone().ask(job));
        }
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                Some(Ok(outcome)) = self.running.join_next() => {
                    let again = outcome.again;
                    match outcome.broken {
                        Some(broken) if outcome.session == session.number => {
                            return Ok((broken, again.into_iter().collect()));
                        }
                        Some(_) | None => {
                            if let Some(job) = again {
                                self.running.spawn(session.clone().ask(job));
                            }
                        }
                    }
                }
                job = self.jobs.recv() => {
                    let job = job.ok_or(Ended)?;
                    self.running.spawn(session.clone().ask(job));
                }
                _ = beat.tick() => match tokio::time::timeout(LIMIT, session.tell_time()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Ok((Broken::Gone, Vec::new())),
                    Err(_) => return Ok((Broken::Stalled, Vec::new())),
                },
            }
        }
    }
}

fn turn_away(waiting: &mut Vec<Job>, down: &StoreDown) {
    for job in waiting.drain(..) {
        job.answer(Err(down.clone()));
    }
}

impl Job {
    pub(super) fn answer(self, kept: Kept<Value>) {
        if let Some(reply) = self.reply {
            // Who asked may have given up.
            let _ = reply.send(kept);
        }
    }
}
