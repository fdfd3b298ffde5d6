//! What a client needs to know, for the people who started the provider.

use std::io::{self, Write as _};
use std::path::Path;

use super::ready::Ready;
use super::setup::Setup;
use crate::config::LogFormat;
use crate::server::MockProvider;
use crate::settings::{IssuerSettings, Profile, SignIn};
use crate::tls::trust_script;

/// Prints it: as text, or as one line of JSON where the log is JSON.
pub(crate) fn print(setup: &Setup, provider: &MockProvider, ready: &Ready) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if setup.server.log_format == LogFormat::Json {
        writeln!(out, "{}", ready.to_json())?;
        return out.flush();
    }
    let issuer = provider.issuer().url();
    writeln!(out, "Mock provider, issuer {issuer}")?;
    writeln!(
        out,
        "  discovery  {issuer}/.well-known/openid-configuration"
    )?;
    let urls = &provider.issuer().state().urls;
    if urls.front != urls.back {
        writeln!(out, "  browsers   {}", urls.front)?;
        writeln!(out, "  clients    {}", urls.back)?;
    }
    writeln!(out, "  users      {}", users(&setup.default))?;
    writeln!(out, "  clients    {}", clients(&setup.default))?;
    let named: Vec<&str> = setup.named.iter().map(|it| it.name.as_str()).collect();
    match (setup.server.issuers_on_demand, named.as_slice()) {
        (0, []) => {}
        (0, named) => writeln!(out, "  more       {issuer}/{}", named.join(", /"))?,
        (_, []) => writeln!(out, "  more       {issuer}/NAME is an issuer of its own")?,
        (_, named) => writeln!(
            out,
            "  more       {issuer}/{}; any other NAME is an issuer of its own",
            named.join(", /")
        )?,
    }
    match &setup.server.ca_file {
        Some(file) => write_trust(&mut out, file)?,
        None if provider.ca_pem().is_some() => writeln!(
            out,
            "  trust      the CA of this run: `--ca-file FILE` writes it down"
        )?,
        None => {}
    }
    writeln!(out, "Press Ctrl-C to stop.")?;
    out.flush()
}

/// The lines to paste into the shell that starts the client.
fn write_trust(out: &mut impl io::Write, file: &Path) -> io::Result<()> {
    let file = std::path::absolute(file)?;
    writeln!(
        out,
        "  trust      the CA of this run, in the shell of the client:"
    )?;
    for line in trust_script(&file).lines() {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

fn users(settings: &IssuerSettings) -> String {
    match &settings.sign_in {
        SignIn::Page => {
            let users: Vec<&str> = settings.users.iter().map(|it| it.sub.as_str()).collect();
            format!("{} (no password)", users.join(", "))
        }
        SignIn::Auto { sub } => format!("{sub} is always signed in, without a page"),
    }
}

fn clients(settings: &IssuerSettings) -> String {
    let clients: Vec<&str> = settings.clients.iter().map(|it| it.id.as_str()).collect();
    match (settings.profile, clients.is_empty()) {
        (Profile::Lax, _) => "any client id, secret and redirect URI is accepted".to_owned(),
        (_, false) => format!("only {}", clients.join(", ")),
        (_, true) => "none is registered: add [[client]] to a --config file".to_owned(),
    }
}
