//! What can be said on the command line, and by environment variables of the same names.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde_json::Value;

use crate::config::{BasePath, BaseUrl, Log, LogFormat, Moment, Secret};
use crate::jose::SigningAlgorithm;
use crate::names::AccessTokenFormat;
use crate::parties::User;
use crate::settings::Profile;
use crate::urls::Side;

/// What to say below the help of a program that serves.
pub const ENVIRONMENT_HELP: &str = "\
Every option is an environment variable as well: `--public-url` is MOCK_PROVIDER_PUBLIC_URL. An option \
wins over a variable, a variable over the file, and the file over the defaults; `--print-config` \
shows what comes of it. Where an option may be repeated, `;` separates the values of its variable.";

/// What to serve, as said on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeArgs {
    /// Port to listen on; 0 takes a free one [default: 9400]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Address to listen on; anything but loopback lets others sign in as anybody
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<IpAddr>,
    /// TOML file with users, clients, claims, keys, faults and all that follows here
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The text of such a file, where there is no place for one
    #[arg(long, value_name = "TOML", hide = true)]
    pub(crate) config_toml: Option<String>,

    /// Somebody who can sign in, in place of the default users; can be repeated
    #[arg(long, value_name = "NAME[:CLAIM=VALUE,…]", value_parser = parse_user, help_heading = "Who and how")]
    pub(crate) user: Vec<User>,
    /// Always sign this user in, without a page
    #[arg(long, value_name = "SUB", help_heading = "Who and how")]
    pub(crate) auto: Option<String>,
    /// Accept registered clients only, and enforce every rule: `--profile strict`
    #[arg(long, help_heading = "Who and how", conflicts_with = "profile")]
    pub(crate) strict: bool,
    /// Which rules exist: lax, strict, oauth21 or fapi2 [default: lax]
    #[arg(long, value_parser = word::<Profile>, help_heading = "Who and how")]
    pub(crate) profile: Option<Profile>,
    /// Algorithm that signs ID tokens: RS256 to RS512, PS256 to PS512, ES256 to ES512 or EdDSA
    /// [default: RS256]
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm, help_heading = "Who and how")]
    pub(crate) alg: Option<SigningAlgorithm>,
    /// What access tokens look like: opaque or jwt [default: opaque]
    #[arg(long, value_name = "FORMAT", value_parser = word::<AccessTokenFormat>, help_heading = "Who and how")]
    pub(crate) access_token: Option<AccessTokenFormat>,
    /// Make codes and tokens foreseeable, for reproducible runs
    #[arg(long, value_name = "NUMBER", help_heading = "Who and how")]
    pub(crate) seed: Option<u64>,
    /// Let the clock stand still, at `2030-01-31T12:00:00Z` or in Unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_moment, help_heading = "Who and how")]
    pub(crate) clock: Option<Moment>,

    /// Where browsers reach it, such as `http://localhost:9400` [default: where it listens]
    #[arg(long, value_name = "URL", value_parser = parse_url, help_heading = "Addresses")]
    pub(crate) public_url: Option<BaseUrl>,
    /// Where clients in other containers reach it, such as `http://provider:9400`
    /// [default: as --public-url]
    #[arg(long, value_name = "URL", value_parser = parse_url, help_heading = "Addresses")]
    pub(crate) internal_url: Option<BaseUrl>,
    /// Which of both is in the issuer identifier: public or internal [default: internal]
    #[arg(long, value_name = "SIDE", value_parser = word::<Side>, help_heading = "Addresses")]
    pub(crate) issuer_url: Option<Side>,
    /// What stands before every path, such as /auth
    #[arg(long, value_name = "PATH", value_parser = parse_path, help_heading = "Addresses")]
    pub(crate) base_path: Option<BasePath>,
    /// Let X-Forwarded-Proto, -Host, -Port and -Prefix replace the public URL: behind a proxy that
    /// sets them
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Addresses")]
    pub(crate) trust_forwarded: Option<bool>,

    /// Serve HTTPS, with a CA that is made for this run
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "HTTPS")]
    pub(crate) tls: Option<bool>,
    /// One more name that the certificate of this run is for; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "HTTPS")]
    pub(crate) tls_name: Vec<String>,
    /// Serve HTTPS with this certificate and those that lead to its root, a PEM file
    #[arg(long, value_name = "FILE", help_heading = "HTTPS")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, a PEM file
    #[arg(long, value_name = "FILE", help_heading = "HTTPS")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Write the CA of this run here, for clients to trust
    #[arg(long, value_name = "FILE", help_heading = "HTTPS")]
    pub(crate) ca_file: Option<PathBuf>,

    /// What the control API below /_/ asks for; without it, only programs on this machine may use
    /// it. Others can read the command line: `MOCK_PROVIDER_CONTROL_KEY` is safer
    #[arg(long, value_name = "KEY", help_heading = "Operation")]
    pub(crate) control_key: Option<Secret>,
    /// Refuse requests that belong to no parallel test
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Operation")]
    pub(crate) require_test_key: Option<bool>,
    /// Be a replica: share what is handed out, faults, clock and journal in Redis or Valkey, such
    /// as `redis://localhost:6379`. A password is safer in `MOCK_PROVIDER_REDIS`
    #[arg(long, value_name = "URL", help_heading = "Operation")]
    pub(crate) redis: Option<Secret>,
    /// Once it answers, write here as JSON where; the file is removed at the end
    #[arg(long, value_name = "FILE", help_heading = "Operation")]
    pub(crate) ready_file: Option<PathBuf>,
    /// What to log: errors, warnings or requests [default: warnings]. `RUST_LOG` says more
    #[arg(long, value_name = "WHAT", value_parser = word::<Log>, help_heading = "Operation")]
    pub(crate) log: Option<Log>,
    /// How to log: text or json [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = word::<LogFormat>, help_heading = "Operation")]
    pub(crate) log_format: Option<LogFormat>,
    /// How many threads serve requests [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_workers, help_heading = "Operation")]
    pub(crate) workers: Option<usize>,
    /// Print the configuration, and where each value comes from, as a file that can be used again
    #[arg(long, help_heading = "Operation")]
    pub(crate) print_config: bool,
    /// Print secrets, too
    #[arg(long, requires = "print_config", help_heading = "Operation")]
    pub(crate) show_secrets: bool,
}

/// One of the words of a type.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let word: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(word).map_err(|error| error.to_string())
}

fn parse_url(text: &str) -> Result<BaseUrl, String> {
    text.to_owned().try_into()
}

fn parse_path(text: &str) -> Result<BasePath, String> {
    text.to_owned().try_into()
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    text.to_owned().try_into()
}

fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers) if (1..=1_024).contains(&workers) => Ok(workers),
        _ => Err("a number from 1 to 1024 is wanted".to_owned()),
    }
}

/// `dora` or `dora:email=dora@example.com,admin=true`. A value that is JSON is taken as such.
fn parse_user(text: &str) -> Result<User, String> {
    let (sub, claims) = text.split_once(':').unwrap_or((text, ""));
    if sub.is_empty() {
        return Err("the name is missing before `:`".to_owned());
    }
    let mut user = User::from_sub(sub);
    for claim in claims.split(',').filter(|claim| !claim.is_empty()) {
        let (name, value) = claim
            .split_once('=')
            .ok_or_else(|| format!("`{claim}` is not CLAIM=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        user = user.claim(name, value);
    }
    Ok(user)
}

fn parse_algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::ASYMMETRIC
        .into_iter()
        .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let known = SigningAlgorithm::ASYMMETRIC.map(SigningAlgorithm::as_str);
            format!("the algorithms are {}", known.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_with_claims() {
        let user = parse_user("dora:email=dora@x.test,admin=true,age=7").unwrap();
        assert_eq!(user.sub, "dora");
        assert_eq!(user.claims["email"], "dora@x.test");
        assert_eq!(user.claims["admin"], true);
        assert_eq!(user.claims["age"], 7);
        assert_eq!(user.claims["name"], "Dora");
        assert!(parse_user(":a=b").is_err());
        assert!(parse_user("dora:email").is_err());
    }

    #[test]
    fn an_algorithm_is_read_in_any_case() {
        assert_eq!(parse_algorithm("eddsa"), Ok(SigningAlgorithm::EdDsa));
        assert!(parse_algorithm("HS256").is_err());
    }

    #[test]
    fn a_word_is_one_of_its_type() {
        assert_eq!(word("fapi2"), Ok(Profile::Fapi2));
        let error = word::<Side>("front").unwrap_err();
        assert!(error.contains("`public` or `internal`"), "{error}");
    }
}
