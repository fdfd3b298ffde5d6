//! A run: connections, a warm-up, a time that is measured, and the sum of it all.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::task::{JoinSet, LocalSet, yield_now};

use crate::cli::{
    ClientCredentialsArgs, FlowArgs, GetArgs, LoadArgs, PostArgs, Until, UserinfoArgs,
};
use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::provider::Provider;
use crate::report::Report;
use crate::target::Target;
use crate::work::{ClientCredentials, Fixed, Flow, Seen, Tokens, Userinfo, Work};

/// A run is given up after so many errors: nothing that is measured then is worth having.
const MAX_ERRORS: u64 = 100;
/// How many kinds of errors are told apart.
const MAX_KINDS: usize = 5;
/// For how long nothing may come back.
const SILENCE: Duration = Duration::from_secs(30);

pub(crate) async fn get(args: GetArgs) -> anyhow::Result<Report> {
    let target = Target::parse(&args.url)?;
    let requests = (0..args.spread.max(1)).map(|number| target.get(number, ""));
    let seen = Rc::<Seen>::default();
    let work = Fixed::new(requests.collect(), Rc::clone(&seen));
    let connection = || Connection::new(target.address);
    drive(&args.load, &seen, connection, |worker| work.from(worker)).await
}

pub(crate) async fn post(args: PostArgs) -> anyhow::Result<Report> {
    let target = Target::parse(&args.url)?;
    let seen = Rc::<Seen>::default();
    let work = Fixed::new(vec![target.post(0, "", &args.form)], Rc::clone(&seen));
    let connection = || Connection::new(target.address);
    drive(&args.load, &seen, connection, |worker| work.from(worker)).await
}

pub(crate) async fn client_credentials(args: ClientCredentialsArgs) -> anyhow::Result<Report> {
    let provider = Rc::new(Provider::discover(args.provider).await?);
    let seen = Rc::<Seen>::default();
    let work = ClientCredentials::new(Rc::clone(&provider), args.token, Rc::clone(&seen));
    let connection = || provider.connection();
    drive(&args.load, &seen, connection, |worker| work.from(worker)).await
}

pub(crate) async fn flow(args: FlowArgs) -> anyhow::Result<Report> {
    let provider = Rc::new(Provider::discover(args.provider).await?);
    let seen = Rc::<Seen>::default();
    let work = Flow::new(Rc::clone(&provider), args.until, Rc::clone(&seen), None)?;
    let connection = || provider.connection();
    drive(&args.load, &seen, connection, |worker| work.from(worker)).await
}

pub(crate) async fn userinfo(args: UserinfoArgs) -> anyhow::Result<Report> {
    let provider = Rc::new(Provider::discover(args.provider).await?);
    let userinfo = (provider.userinfo.clone()).context("the provider has no userinfo endpoint")?;
    let tokens = Rc::<RefCell<Tokens>>::default();
    let wanted = args.tokens.max(args.load.connections);
    let obtain = LoadArgs {
        count: Some(wanted as u64),
        warm_up: Duration::ZERO,
        connections: args.load.connections.min(16),
        rate: None,
        ..args.load.clone()
    };
    let seen = Rc::<Seen>::default();
    let flow = Flow::new(
        Rc::clone(&provider),
        Until::Token,
        Rc::clone(&seen),
        Some(Rc::clone(&tokens)),
    )?;
    let connection = || provider.connection();
    let obtained = drive(&obtain, &seen, connection, |worker| flow.from(worker)).await?;
    if obtained.errors > 0 || obtained.count != wanted as u64 {
        return Ok(obtained);
    }
    let Tokens { tokens, sub } = tokens.take();
    let work = Userinfo::new(
        &userinfo,
        tokens,
        sub.context("no token was obtained")?,
        Rc::clone(&seen),
    );
    let report = drive(&args.load, &seen, connection, |worker| work.from(worker)).await?;
    Ok(Report {
        obtained: Some(Box::new(obtained)),
        ..report
    })
}

/// What all connections of a run share.
#[derive(Debug)]
struct Run {
    /// From when on it is measured.
    from: Instant,
    until: Option<Instant>,
    /// How many pieces of work may still be begun.
    left: Cell<Option<u64>>,
    histogram: RefCell<Histogram>,
    last: Cell<Instant>,
    errors: Cell<u64>,
    wrong: RefCell<BTreeMap<String, u64>>,
    reconnects: Cell<u64>,
    /// Everything that came to an end, for the watch over silence.
    ended: Cell<u64>,
    /// How long there was nothing to do.
    idle: Cell<Duration>,
}

async fn drive<W: Work + 'static>(
    load: &LoadArgs,
    seen: &Seen,
    connection: impl Fn() -> Connection,
    work: impl Fn(usize) -> W,
) -> anyhow::Result<Report> {
    if load.connections == 0 {
        bail!("no load without a connection");
    }
    let mut connections = Vec::with_capacity(load.connections);
    for number in 0..load.connections {
        let mut connection = connection();
        let made = tokio::time::timeout(SILENCE, connection.open()).await;
        made.context("the server does not accept")
            .and_then(|made| made.map_err(Into::into))
            .with_context(|| format!("connection {} of {}", number + 1, load.connections))?;
        connections.push(connection);
    }
    let now = Instant::now();
    let from = now + load.warm_up;
    let run = Rc::new(Run {
        from,
        until: load.count.is_none().then(|| from + load.seconds),
        left: Cell::new(load.count),
        histogram: RefCell::new(Histogram::new()),
        last: Cell::new(from),
        errors: Cell::new(0),
        wrong: RefCell::default(),
        reconnects: Cell::new(0),
        ended: Cell::new(0),
        idle: Cell::new(Duration::ZERO),
    });
    let local = LocalSet::new();
    let mut workers = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let pace = load
            .rate
            .map(|rate| Pace::new(rate, number, load.connections, now));
        let worker = worker(Rc::clone(&run), connection, work(number), pace);
        workers.spawn_local_on(worker, &local);
    }
    local.spawn_local(stay_awake(Rc::clone(&run)));
    local.run_until(finish(&run, workers)).await;
    Ok(report(load, seen, &run))
}

/// Keeps the driver from sleeping: to be woken would cost the server, whose packets do it. Counts
/// the time in which there was nothing to do.
async fn stay_awake(run: Rc<Run>) {
    let (mut before, mut ended) = (Instant::now(), run.ended.get());
    loop {
        yield_now().await;
        let now = Instant::now();
        if run.ended.get() == ended && before >= run.from {
            run.idle.set(run.idle.get() + (now - before));
        }
        (before, ended) = (now, run.ended.get());
    }
}

/// Waits for the workers, but not for a server that is silent.
async fn finish(run: &Run, mut workers: JoinSet<()>) {
    let mut ended = 0;
    loop {
        tokio::select! {
            next = workers.join_next() => match next {
                Some(Ok(())) => {}
                Some(Err(error)) => run.note_error(&error.to_string()),
                None => return,
            },
            () = tokio::time::sleep(SILENCE) => {
                if run.ended.get() == ended {
                    let seconds = SILENCE.as_secs();
                    run.note_error(&format!("nothing came back for {seconds} seconds"));
                    return;
                }
                ended = run.ended.get();
            }
        }
    }
}

async fn worker<W: Work>(
    run: Rc<Run>,
    mut connection: Connection,
    mut work: W,
    mut pace: Option<Pace>,
) {
    while run.may_begin() {
        if let Some(pace) = &mut pace {
            pace.wait().await;
        }
        let started = Instant::now();
        match work.once(&mut connection).await {
            Ok(()) => run.note_success(started),
            Err(wrong) => run.note_error(&wrong.to_string()),
        }
    }
    let again = connection.made().saturating_sub(1);
    run.reconnects.set(run.reconnects.get() + again);
}

impl Run {
    fn may_begin(&self) -> bool {
        let now = Instant::now();
        if self.errors.get() >= MAX_ERRORS || self.until.is_some_and(|until| now >= until) {
            return false;
        }
        match self.left.get() {
            // The warm-up is not counted.
            Some(_) if now < self.from => true,
            Some(0) => false,
            Some(left) => {
                self.left.set(Some(left - 1));
                true
            }
            None => true,
        }
    }

    fn note_success(&self, started: Instant) {
        self.ended.set(self.ended.get() + 1);
        let now = Instant::now();
        // By the clock, all that end within the time count; by number, all that began in it.
        let counts = match self.until {
            Some(until) => now >= self.from && now <= until,
            None => started >= self.from,
        };
        if counts {
            self.last.set(now);
            self.histogram.borrow_mut().record(now - started);
        }
    }

    fn note_error(&self, wrong: &str) {
        self.ended.set(self.ended.get() + 1);
        self.errors.set(self.errors.get() + 1);
        let mut kinds = self.wrong.borrow_mut();
        if let Some(count) = kinds.get_mut(wrong) {
            *count += 1;
        } else if kinds.len() < MAX_KINDS {
            kinds.insert(wrong.to_owned(), 1);
        }
    }
}

fn report(load: &LoadArgs, seen: &Seen, run: &Run) -> Report {
    let histogram = run.histogram.borrow();
    let end = run.until.unwrap_or(run.last.get());
    let seconds = end.saturating_duration_since(run.from).as_secs_f64();
    let count = histogram.count();
    #[expect(
        clippy::cast_precision_loss,
        reason = "nobody waits for 2^52 pieces of work"
    )]
    let per_second = if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    };
    Report {
        connections: load.connections,
        count,
        errors: run.errors.get(),
        wrong: run.wrong.borrow().clone(),
        seconds,
        per_second,
        latency_us: histogram.latency(),
        head: seen.head.get(),
        body: seen.body.get(),
        signatures_checked: seen.signatures.get(),
        reconnects: run.reconnects.get(),
        driver_core: (1.0 - run.idle.get().as_secs_f64() / seconds).max(0.0),
        obtained: None,
    }
}

/// When a connection's next piece of work is due.
#[derive(Debug)]
struct Pace {
    next: Instant,
    interval: Duration,
}

impl Pace {
    #[expect(clippy::cast_precision_loss, reason = "there are not 2^52 connections")]
    fn new(rate: f64, number: usize, connections: usize, start: Instant) -> Self {
        let interval = Duration::from_secs_f64(connections as f64 / rate);
        Self {
            next: start + interval.mul_f64(number as f64 / connections as f64),
            interval,
        }
    }

    async fn wait(&mut self) {
        tokio::time::sleep_until(self.next.into()).await;
        self.next += self.interval;
    }
}
