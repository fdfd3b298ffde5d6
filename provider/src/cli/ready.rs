//! The word to other programs that the provider answers, and where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::server::MockProvider;

/// Where a provider that answers is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Ready {
    /// The process.
    pid: u32,
    port: u16,
    /// The identifier of the default issuer.
    issuer: String,
    /// Where clients find out about the rest.
    discovery: String,
    /// Where browsers go.
    public_url: String,
    /// Where clients call.
    internal_url: String,
    /// Where it is reached on this machine.
    local_url: String,
    /// The CA to trust, if one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
}

impl Ready {
    pub(crate) fn of(provider: &MockProvider, ca_file: Option<&Path>) -> Self {
        let state = provider.issuer().state();
        let urls = &state.urls;
        let local = provider.base_url();
        let port = local
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        Self {
            pid: std::process::id(),
            port: port.unwrap_or_default(),
            issuer: urls.issuer.clone(),
            discovery: format!("{}/.well-known/openid-configuration", urls.issuer),
            public_url: urls.front.clone(),
            internal_url: urls.back.clone(),
            local_url: format!("{local}{}", state.path),
            ca_file: ca_file.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.into())),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are plain JSON")
    }
}

/// A file that exists as long as the provider answers.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes the file as a whole: whoever sees it sees all of it.
    pub(crate) fn write(path: &Path, ready: &Ready) -> io::Result<Self> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        fs::write(&beside, ready.to_json() + "\n")?;
        fs::rename(&beside, path).inspect_err(|_| {
            // What could not be put in place is of no use.
            let _ = fs::remove_file(&beside);
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the ready file was not removed");
        }
    }
}
