//! A target's process: its whole group ends with it, and its output is kept, bounded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// The last part of what a program printed. Bytes, not lines, are counted, so that a program that
/// prints megabytes without a line end stays bounded as well.
#[derive(Debug, Clone, Default)]
pub struct LogBuffer(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    text: Vec<u8>,
    /// How much was printed before what is kept.
    dropped: usize,
}

const LOG_LIMIT: usize = 256 * 1024;

impl LogBuffer {
    /// Adds what was printed.
    pub fn push(&self, bytes: &[u8]) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.text.extend_from_slice(bytes);
        if log.text.len() > 2 * LOG_LIMIT {
            let cut = log.text.len() - LOG_LIMIT;
            log.text.drain(..cut);
            log.dropped += cut;
        }
    }

    /// All that is kept.
    pub fn text(&self) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log.text).into_owned()
    }

    /// How much was printed so far.
    pub fn written(&self) -> usize {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.dropped + log.text.len()
    }

    /// What is kept of what was printed between two moments, by what had been written then.
    pub fn between(&self, from: usize, to: usize) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |written: usize| written.saturating_sub(log.dropped).min(log.text.len());
        String::from_utf8_lossy(&log.text[place(from)..place(to.max(from))]).into_owned()
    }

    /// The last lines, each cut at 200 characters.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !is_of_a_stack(line))
            .collect();
        let from = lines.len().saturating_sub(count);
        lines[from..]
            .iter()
            .map(|line| line.chars().take(200).collect())
            .collect()
    }
}

impl std::io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether a line names a place in a program that led to an error, or the runtime, and not the error:
/// with some languages these come last, and there are more of them than are shown.
fn is_of_a_stack(line: &str) -> bool {
    let line = line.trim_start();
    let place = line.starts_with("at ") && (line.contains(':') || line.ends_with(')'));
    let more = line.starts_with("... ") && line.ends_with(" more");
    place || more || line.starts_with("Node.js v") || line.chars().all(|c| "^~ }])".contains(c))
}

/// A running program. Dropping it ends the whole process group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    serial: u64,
}

type Child = Arc<Mutex<Box<dyn ChildWrapper>>>;

/// Every program that runs. An interrupted run drops its tasks whenever the runtime comes to it;
/// this reaches their programs at once.
static LIVE: Mutex<Live> = Mutex::new(Live {
    closed: false,
    serial: 0,
    children: BTreeMap::new(),
});

struct Live {
    closed: bool,
    serial: u64,
    children: BTreeMap<u64, Child>,
}

/// Ends every program that was started, with its group, lets no other one start, and takes away
/// what the run left on disk.
pub fn end_all_programs() {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    live.closed = true;
    for child in std::mem::take(&mut live.children).into_values() {
        end(&child);
    }
    drop(live);
    super::leftover::take_all_away();
}

/// Ends a process group and reaps its leader.
fn end(child: &Child) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // The wrapper's own drop ends the leader alone; this reaches the group. The leader may be gone
    // already, and that is fine.
    drop(child.start_kill());
    // A short wait reaps what has just been killed, so that no zombie outlives the run.
    for _ in 0..50 {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(std::time::Duration::from_millis(2)),
            Ok(Some(_)) | Err(_) => break,
        }
    }
}

impl Process {
    /// Starts a program in its own process group, with its output going to `log`.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub(crate) fn start(
        words: &[String],
        folder: &Path,
        env: &[(String, String)],
        log: &LogBuffer,
    ) -> std::io::Result<Self> {
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| std::io::Error::other("the command is empty"))?;
        // A relative path with a slash is meant from the target file's folder; the operating
        // system would take it from ours.
        let program = if program.contains('/') {
            folder.join(program)
        } else {
            program.into()
        };
        let program = if program.is_relative() && program.components().count() > 1 {
            std::path::absolute(program)?
        } else {
            program
        };
        let mut command = Command::new(program);
        command.args(arguments);
        // What a program prints has to be there when it is looked at.
        command.env("PYTHONUNBUFFERED", "1");
        command.envs(env.iter().cloned());
        if !folder.as_os_str().is_empty() {
            command.current_dir(folder);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut wrapped = CommandWrap::from(command);
        wrapped.wrap(ProcessGroup::leader()).wrap(KillOnDrop);
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        if live.closed {
            return Err(std::io::Error::other("the run is over"));
        }
        let mut child = wrapped.spawn()?;
        if let Some(stdout) = child.stdout().take() {
            tokio::spawn(drain(stdout, log.clone()));
        }
        if let Some(stderr) = child.stderr().take() {
            tokio::spawn(drain(stderr, log.clone()));
        }
        let child = Arc::new(Mutex::new(child));
        live.serial += 1;
        let serial = live.serial;
        live.children.insert(serial, Arc::clone(&child));
        Ok(Self { child, serial })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        live.children.remove(&self.serial);
        drop(live);
        end(&self.child);
    }
}

async fn drain(mut stream: impl AsyncRead + Unpin, log: LogBuffer) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        log.push(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded_and_its_end_is_kept() {
        let log = LogBuffer::default();
        for _ in 0..100 {
            log.push(&[b'x'; 16 * 1024]);
        }
        log.push(b"\nthe last line\n");
        assert!(log.text().len() <= 2 * LOG_LIMIT + 64);
        assert_eq!(log.last_lines(1), ["the last line"]);
    }

    #[test]
    fn an_error_is_not_lost_behind_the_places_that_led_to_it() {
        let log = LogBuffer::default();
        let output = "/srv/app.js:3\n  throw new Error('no issuer')\n  ^\n\nError: no issuer\n    at Object.<anonymous> (/srv/app.js:3:9)\n    at Module._compile (node:internal:1:2)\n  code: 'X'\n}\n\nNode.js v20.11.1\n";
        log.push(output.as_bytes());
        assert_eq!(log.last_lines(2), ["Error: no issuer", "  code: 'X'"]);
    }

    #[test]
    fn what_was_printed_in_between_can_be_had_even_where_the_beginning_is_gone() {
        let log = LogBuffer::default();
        log.push(&vec![b'x'; 3 * LOG_LIMIT]);
        let from = log.written();
        log.push(b"ours\n");
        let to = log.written();
        log.push(b"theirs\n");
        assert_eq!(log.between(from, to), "ours\n");
        assert_eq!(log.between(to, usize::MAX), "theirs\n");
        assert_eq!(log.between(0, 5), "");
    }
}
