//! Starting a program: its issuers are there before it is, so that faults can wait for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::sync::OwnedSemaphorePermit;

use super::instance::{Instance, InstanceError, Running, Spec};
use super::leftover::WrittenFile;
use super::load::split_command;
use super::placeholder::Values;
use super::pool::Pool;
use super::process::Process;
use super::ready::{Ready, Sign, port_for_a_program, wait_until_ready};
use super::start_error::Attempt;
use super::{Reach, Start};

/// A program that is about to be started.
#[derive(Debug)]
pub struct Draft {
    /// What it will be part of.
    pub instance: Instance,
    values: Values,
    port: u16,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A program that is about to be started.
    ///
    /// # Errors
    /// Where there is no place for it.
    pub async fn draft_program(&self, spec: &Spec) -> Result<Draft, InstanceError> {
        // One that waits for a silent provider uses nothing that others need.
        let turn = if spec.short_time_out {
            None
        } else {
            Arc::clone(&self.starting).acquire_owned().await.ok()
        };
        let port = port_for_a_program()?;
        let (instance, values) = self.draft(spec, port).await?;
        Ok(Draft {
            instance,
            values,
            port,
            _turn: turn,
        })
    }

    /// Starts a program, and returns what it is part of even where it does not become ready: its
    /// issuers know what it asked them.
    pub async fn start_program(
        &self,
        draft: Draft,
        spec: &Spec,
    ) -> (Instance, Result<(), InstanceError>) {
        let Draft {
            mut instance,
            values,
            port,
            _turn,
        } = draft;
        let started = self.launch(&instance, &values, port, spec).await;
        let started = started.map(|running| instance.runs(running));
        (instance, started)
    }

    async fn launch(
        &self,
        instance: &Instance,
        values: &Values,
        port: u16,
        spec: &Spec,
    ) -> Result<Running, InstanceError> {
        let Reach::Command {
            folder,
            start,
            timeout,
        } = &self.target.reach
        else {
            return Err(InstanceError::new("the client is no program"));
        };
        let env = self.environment(start, values, spec);
        let words: Vec<String> = split_command(&start.command)
            .iter()
            .map(|word| values.fill(word))
            .collect();
        // Files are there once, so a program that reads some runs once at a time.
        let turn = if start.files.is_empty() {
            None
        } else {
            Arc::clone(&self.turn).acquire_owned().await.ok()
        };
        let files = write_files(folder, start, values)?;
        let attempt = Attempt {
            start,
            folder,
            words: &words,
            port,
        };
        let process = Process::start(&words, folder, &env, &instance.log)
            .map_err(|error| attempt.refused(&error))?;
        let sign = sign(start, instance, values, port)?;
        if let Err(not_ready) = wait_until_ready(&process, &instance.log, &sign, *timeout).await {
            // The output of a program that has just died may still be on its way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Err(attempt.not_ready(&not_ready, &instance.log));
        }
        Ok(Running::Process {
            process,
            _files: files,
            _turn: turn,
        })
    }

    fn environment(&self, start: &Start, values: &Values, spec: &Spec) -> Vec<(String, String)> {
        let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
        if let Some(trust) = &self.reached.trust {
            let trust = trust.variables.iter();
            variables.extend(trust.map(|(name, value)| (*name, value.as_str())));
        }
        variables.extend(texts(&start.env));
        if spec.settings.plain_oauth2 {
            variables.extend(texts(&start.env_plain_oauth2));
        }
        if spec.settings.two_issuers {
            variables.extend(texts(&start.env_two_issuers));
        }
        variables
            .into_iter()
            // An empty value takes a variable out again.
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), values.fill(value)))
            .collect()
    }
}

/// Writes the files that a program reads.
fn write_files(
    folder: &Path,
    start: &Start,
    values: &Values,
) -> Result<Vec<WrittenFile>, InstanceError> {
    let files = start.files.iter();
    let written = files.map(|(path, file)| {
        file.write(folder, path, values).map_err(|error| {
            InstanceError::new(format!(
                "`{path}` of [start.files] cannot be written: {error}"
            ))
        })
    });
    written.collect()
}

/// What says that a program is ready.
fn sign(
    start: &Start,
    instance: &Instance,
    values: &Values,
    port: u16,
) -> Result<Sign, InstanceError> {
    Ok(match &start.ready {
        Ready::Url(url) => {
            let url = values.fill(url);
            Sign::Url(match &instance.behind_proxy {
                Some(inside) => url.replacen(&instance.app, inside, 1),
                None => url,
            })
        }
        Ready::Log(line) => {
            Sign::Log(Regex::new(line).map_err(|error| InstanceError::new(error.to_string()))?)
        }
        Ready::Port => Sign::Port(port),
    })
}

fn texts(env: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    env.iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}
