//! One connection to the server, and what it takes to say a time in the server's words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError};

use super::super::StoreDown;
use super::link::{Ask, Broken, Job, Operation, Outcome, WAY_BACK, too_slow};
use crate::clock;

const SCRIPT: &str = concat!(include_str!("store.lua"), include_str!("common.lua"));

/// A connection, and what it takes to say a time in the server's words.
#[derive(Clone)]
pub(super) struct Session {
    connection: MultiplexedConnection,
    pub(super) number: u64,
    script: Arc<str>,
    /// The server's time in microseconds, and when it was that.
    server: i64,
    read: Instant,
}

/// Connects and makes the server know the script.
pub(super) async fn open(client: Client, number: u64) -> Result<Session, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let load = redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).to_owned();
    let script: String = load.query_async(&mut connection).await?;
    let mut session = Session {
        connection,
        number,
        script: script.into(),
        server: 0,
        read: clock::instant(),
    };
    session.tell_time().await?;
    Ok(session)
}

impl Session {
    /// Asks what time it is at the server.
    pub(super) async fn tell_time(&mut self) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        let told: (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        self.server = told.0 * 1_000_000 + told.1;
        // It was that time a little earlier, so deadlines are early rather than late.
        self.read = clock::instant();
        Ok(())
    }

    /// When an operation has to be begun by, in the server's microseconds.
    fn deadline(&self, due: Instant) -> i64 {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let since = micros(due.saturating_duration_since(self.read));
        self.server.saturating_add(since) - micros(WAY_BACK)
    }

    pub(super) async fn ask(mut self, job: Job) -> Outcome {
        let left = job.due.saturating_duration_since(clock::instant());
        let command = match &job.ask {
            Ask::Read(command) => command.clone(),
            Ask::Script(operation) => self.command(operation, job.due),
        };
        let sent = self.connection.req_packed_command(&command);
        let (broken, again) = match tokio::time::timeout(left, sent).await {
            Ok(Ok(value)) => {
                job.answer(Ok(value));
                (None, None)
            }
            Ok(Err(error)) if is_lost(&error) => {
                // An attempt that comes twice is seen for what it is, so it may be made again.
                let again = if job.again && job.reply.is_some() {
                    job.answer(Err(StoreDown(error.to_string())));
                    None
                } else {
                    Some(Job { again: true, ..job })
                };
                (Some(Broken::Gone), again)
            }
            Ok(Err(error)) => {
                job.answer(Err(StoreDown(error.to_string())));
                (None, None)
            }
            Err(_) if job.reply.is_none() => (Some(Broken::Stalled), Some(job)),
            Err(_) => {
                job.answer(Err(too_slow()));
                (Some(Broken::Stalled), None)
            }
        };
        Outcome {
            session: self.number,
            broken,
            again,
        }
    }

    fn command(&self, operation: &Operation, due: Instant) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&*self.script).arg(operation.keys.len());
        for key in &operation.keys {
            command.arg(key);
        }
        command.arg(operation.name).arg(self.deadline(due));
        for argument in &operation.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}

/// Whether a new connection may help: this one ended, the server's time has changed so that
/// everything seems to come late, or it has forgotten the script.
fn is_lost(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.code(),
            Some("LATE" | "NOSCRIPT" | "READONLY" | "LOADING" | "MASTERDOWN")
        )
}
