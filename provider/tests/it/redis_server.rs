//! A Redis server of a test's own, on a free port, gone with the test.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running `redis-server`, ended when this is dropped.
pub(crate) struct RedisServer {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl RedisServer {
    /// Starts one; none where the program is missing, which is said.
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    pub(crate) fn start(test: &str) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        if Command::new("redis-server")
            .arg("--version")
            .output()
            .is_err()
        {
            eprintln!("SKIPPED redis::{test}: apt-get install redis-server");
            return None;
        }
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = format!("gauntlet-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        // Somebody else may be faster to take the port.
        let started = (0..10).find_map(|_| {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            Some((run(port, &folder)?, port))
        });
        let (child, port) = started.expect("a free port is found in ten attempts");
        Some(Self {
            child,
            port,
            folder,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server as a power failure would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed server again; it knows what it knew.
    pub(crate) fn restart(&mut self) {
        let started = (0..10).find_map(|_| run(self.port, &self.folder));
        self.child = started.expect("the port is still free");
    }

    /// Lets the server stand still: it takes connections and answers nothing.
    pub(crate) fn stall(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Forgets everything, as a server without a disk does when it is restarted.
    pub(crate) fn forget(&self) {
        let port = self.port.to_string();
        let mut client = Command::new("redis-cli");
        let done = client.args(["-p", &port, "FLUSHALL"]).output().unwrap();
        assert!(done.status.success());
    }

    /// What a command prints.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let mut client = Command::new("redis-cli");
        let done = client.args(["-p", &port]).args(command).output().unwrap();
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

/// A server that is ready; none if it did not come so far.
fn run(port: u16, folder: &PathBuf) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "no"])
        .args(["--save", "", "--daemonize", "no"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    if lines.any(|line| line.contains("Ready to accept connections")) {
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        return Some(child);
    }
    child.wait().unwrap();
    None
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
