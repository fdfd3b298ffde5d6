//! Serving until somebody wants it to end.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;

use super::args::ServeArgs;
use super::greeting;
use super::interrupts::Interrupts;
use super::layers::Layered;
use super::log;
use super::print::{self, Secrets};
use super::ready::{Ready, ReadyFile};
use super::setup::{self, Named, Setup};
use crate::config::ConfigError;
use crate::listen;
use crate::server::MockProvider;
use crate::start_error::StartError;

/// Why the provider was not served, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port is taken.
    #[error(
        "port {port} of {host} is in use: stop what listens there, or choose another with `--port` (`--port 0` takes a free one)"
    )]
    PortInUse {
        /// The address.
        host: IpAddr,
        /// The port.
        port: u16,
    },
    /// The provider did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file that others wait for cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The start cannot be reported, or the end not be waited for.
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    /// It was told to end twice, and did not finish what was in flight.
    #[error("told to end twice: what was in flight is cut off")]
    Interrupted,
}

impl ServeError {
    /// The exit code of a program: 2 for a wrong configuration, 3 for what is wrong with the
    /// machine, 130 for an end at once.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::PortInUse { .. } | Self::Start(_) | Self::Write { .. } | Self::Terminal(_) => 3,
            Self::Interrupted => 130,
        }
    }
}

/// The JSON Schema of a configuration file.
#[cfg(feature = "schema")]
pub fn config_schema(generator: schemars::SchemaGenerator) -> schemars::Schema {
    generator.into_root_schema_for::<crate::config::Config>()
}

/// Serves until Ctrl-C. What a client needs to know is printed first; or, where that was asked
/// for, the configuration alone.
///
/// # Errors
/// If the configuration cannot be used, the address not be listened on, or a second Ctrl-C ends it
/// before it has finished.
pub async fn serve(args: ServeArgs) -> Result<(), ServeError> {
    let printed = args.print_config.then_some(if args.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Masked
    });
    let layered = Layered::read(args, std::env::vars())?;
    let setup = Setup::new(&layered)?;
    listen::raise_open_files();
    log::install(setup.server.log, setup.server.log_format);
    for warning in &layered.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(secrets) = printed {
        let text = print::print(&layered, &setup, secrets);
        let written = io::stdout().lock().write_all(text.as_bytes());
        return written.map_err(ServeError::Terminal);
    }
    setup::check_build(&layered)?;
    let provider = start(&setup).await?;
    // Before the greeting, since whoever reads it may want to end this at once.
    let mut interrupts = Interrupts::new().map_err(ServeError::Terminal)?;
    let ca_file = setup.server.ca_file.as_deref();
    if let Some(path) = ca_file {
        (provider.write_ca_pem(path)).map_err(|source| cannot_write(path.into(), source))?;
    }
    let ready = Ready::of(&provider, ca_file);
    let _ready_file = match &setup.server.ready_file {
        Some(path) => {
            let file = ReadyFile::write(path, &ready);
            Some(file.map_err(|source| cannot_write(path.clone(), source))?)
        }
        None => None,
    };
    greeting::print(&setup, &provider, &ready).map_err(ServeError::Terminal)?;
    interrupts.next().await;
    tokio::select! {
        () = provider.shut_down() => Ok(()),
        () = interrupts.next() => Err(ServeError::Interrupted),
    }
}

async fn start(setup: &Setup) -> Result<MockProvider, ServeError> {
    let (host, port) = (setup.server.host, setup.server.port);
    let provider = setup.builder().start().await.map_err(|error| match error {
        StartError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            ServeError::PortInUse { host, port }
        }
        other => ServeError::Start(other),
    })?;
    for Named {
        name,
        settings,
        faults,
    } in &setup.named
    {
        let issuer = provider.create_issuer(name, settings.clone());
        let issuer = issuer.map_err(ConfigError::from)?;
        issuer.arm_first(faults.clone())?;
    }
    Ok(provider)
}

fn cannot_write(path: PathBuf, source: io::Error) -> ServeError {
    ServeError::Write { path, source }
}
