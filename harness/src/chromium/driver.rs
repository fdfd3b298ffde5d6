//! Starting the browser: chromedriver, a session with it, and what all windows share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use thirtyfour::bidi::BiDi;
use thirtyfour::{
    CapabilitiesHelper, ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities,
    WebDriver,
};

use super::events::{EVENTS, listen};
use super::tabs::Tabs;
use super::{ChromiumError, Options, Window};
use crate::target::{LogBuffer, Process, TemporaryFolder};
use crate::user_agent::PAGE_LIMIT;

/// Programs that will do: first Chromium without the windows that nobody sees, which starts tabs
/// in half the time.
const PROGRAMS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// How long the start may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// A browser. It ends with its last clone.
#[derive(Debug, Clone)]
pub struct Chromium(Arc<Running>);

#[derive(Debug)]
pub(super) struct Running {
    pub(super) bidi: BiDi,
    pub(super) tabs: Arc<Tabs>,
    pub(super) settle: Duration,
    listening: tokio::task::JoinHandle<()>,
    session: Option<WebDriver>,
    /// Ended before the folder is removed that it writes to.
    _process: Process,
    _folder: TemporaryFolder,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listening.abort();
        // The program is ended below, and its browser with it.
        if let Some(Err(quit)) = self.session.take().map(WebDriver::leak) {
            tracing::debug!(?quit, "the session is over already");
        }
    }
}

impl Chromium {
    /// Starts it.
    ///
    /// # Errors
    /// Where it is not installed, or does not start.
    pub async fn start(options: &Options) -> Result<Self, ChromiumError> {
        let program = (options.program.clone())
            .or_else(|| installed(&PROGRAMS))
            .ok_or(ChromiumError::NotInstalled("chromium"))?;
        let driver = (options.driver.clone())
            .or_else(|| installed(&["chromedriver"]))
            .ok_or(ChromiumError::NotInstalled("chromedriver"))?;
        let failed = |error: &dyn std::fmt::Display| ChromiumError::Start(error.to_string());
        let folder = TemporaryFolder::new().map_err(|error| failed(&error))?;
        let log = LogBuffer::default();
        let words = [driver.display().to_string(), "--port=0".to_owned()];
        let home = folder.path().display().to_string();
        // What it keeps elsewhere than in its profile goes to the same place.
        let mut names = vec!["XDG_CONFIG_HOME", "XDG_CACHE_HOME"];
        if cfg!(target_os = "linux") {
            // Elsewhere the path of a socket there may be too long.
            names.push("TMPDIR");
        }
        let env = names
            .into_iter()
            .map(|name| (name.to_owned(), home.clone()));
        let env: Vec<_> = env.collect();
        let process = Process::start(&words, folder.path(), &env, &log)
            .map_err(|error| failed(&format_args!("{}: {error}", driver.display())))?;
        let port = port(&process, &log).await.map_err(|error| failed(&error))?;
        let wanted = capabilities(options, &program, &home).map_err(|error| failed(&error))?;
        let session = WebDriver::builder(format!("http://127.0.0.1:{port}"), wanted)
            .request_timeout(PATIENCE)
            .connect()
            .await
            .map_err(|error| failed(&error))?;
        let bidi = session.bidi().await.map_err(|error| failed(&error))?;
        let tabs = Arc::new(Tabs::default());
        let listening = tokio::spawn(listen(bidi.clone(), Arc::clone(&tabs)));
        let kept =
            json!({ "dataTypes": ["response", "request"], "maxEncodedDataSize": PAGE_LIMIT });
        for (method, command) in [
            ("session.subscribe", json!({ "events": EVENTS })),
            (
                "network.addIntercept",
                json!({ "phases": ["beforeRequestSent"] }),
            ),
            ("network.addDataCollector", kept),
            (
                "network.setCacheBehavior",
                json!({ "cacheBehavior": "bypass" }),
            ),
        ] {
            let done = bidi.send_raw(method, command).await;
            done.map_err(|error| failed(&format_args!("{method}: {error}")))?;
        }
        Ok(Self(Arc::new(Running {
            bidi,
            tabs,
            settle: options.settle,
            listening,
            session: Some(session),
            _process: process,
            _folder: folder,
        })))
    }

    /// Opens a window that shares nothing with others.
    ///
    /// # Errors
    /// Where the browser does not.
    pub async fn window(&self) -> Result<Window, String> {
        Window::new(Arc::clone(&self.0)).await
    }
}

/// The first of these programs that is on the `PATH`.
fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = names
        .iter()
        .flat_map(|name| folders.iter().map(move |it| it.join(name)));
    { all }.find(|program| program.is_file())
}

/// The port that chromedriver says it listens on.
async fn port(process: &Process, log: &LogBuffer) -> Result<u16, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = log.text();
        // The first line repeats what it was asked for, which is any.
        let said = text.split("on port ").skip(1).find_map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok().filter(|port| *port != 0)
        });
        if let Some(port) = said {
            return Ok(port);
        }
        if let Some(status) = process.ended() {
            let last = log.last_lines(1).concat();
            return Err(format!("chromedriver ended ({status}) {last}"));
        }
        if Instant::now() > until {
            return Err("chromedriver does not say which port it listens on".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn capabilities(
    options: &Options,
    program: &std::path::Path,
    home: &str,
) -> thirtyfour::error::WebDriverResult<ChromeCapabilities> {
    let mut wanted = DesiredCapabilities::chrome();
    wanted.enable_bidi()?;
    wanted.accept_insecure_certs(true)?;
    wanted.set("unhandledPromptBehavior", "dismiss")?;
    wanted.set_binary(&program.display().to_string())?;
    // Nothing but what the pages ask for, and nothing beyond this machine.
    let mut rules = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, \
                     EXCLUDE [::1]"
        .to_owned();
    if let Some((host, address)) = &options.host {
        rules = format!("MAP {host} {address}, {rules}");
    }
    for argument in [
        "--headless=new",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
        "--password-store=basic",
        "--use-mock-keychain",
        // Windows in the background are as fast as the one in front.
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        &format!("--user-data-dir={home}/profile"),
        &format!("--host-resolver-rules={rules}"),
    ] {
        wanted.add_arg(argument)?;
    }
    if is_root() {
        // Chromium refuses to start as root with its sandbox.
        wanted.add_arg("--no-sandbox")?;
    }
    Ok(wanted)
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
