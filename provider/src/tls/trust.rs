//! How programs are told to trust a CA.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use super::java::{STORE_PASSWORD, java_options};

/// An environment variable that makes programs trust the CA in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustVariable {
    /// The name.
    pub name: &'static str,
    /// The value: the path of the file.
    pub value: String,
    /// Who reads it.
    pub read_by: &'static str,
}

const VARIABLES: [(&str, &str); 4] = [
    ("CURL_CA_BUNDLE", "curl"),
    (
        "SSL_CERT_FILE",
        "OpenSSL, Go, Ruby, PHP, Rust, .NET, Python's ssl",
    ),
    ("REQUESTS_CA_BUNDLE", "Python's requests"),
    ("NODE_EXTRA_CA_CERTS", "Node"),
];

/// The environment variables by which curl, Go, Node, Python, Ruby and others trust the CA in
/// `ca_file`, a PEM file. Java has a format
/// and a variable of its own: [`crate::java_trust_store`].
///
/// `NODE_EXTRA_CA_CERTS` adds the CA to those that are trusted already; with the others, the
/// program trusts this CA alone. All are read when a program starts.
pub fn trust_variables(ca_file: &Path) -> Vec<TrustVariable> {
    let value = ca_file.display().to_string();
    VARIABLES
        .iter()
        .map(|(name, read_by)| TrustVariable {
            name,
            value: value.clone(),
            read_by,
        })
        .collect()
}

/// Shell commands after which the programs that the shell starts trust the CA in `ca_file`, a PEM
/// file; those for Java make a trust store beside it.
///
/// ```
/// # use std::path::Path;
/// # use oauth_gauntlet_provider::trust_script;
/// let script = trust_script(Path::new("/tmp/ca.pem"));
/// assert!(script.contains("export NODE_EXTRA_CA_CERTS=/tmp/ca.pem"));
/// ```
pub fn trust_script(ca_file: &Path) -> String {
    let mut script = String::new();
    for TrustVariable {
        name,
        value,
        read_by,
    } in trust_variables(ca_file)
    {
        let _ = writeln!(script, "export {name}={}  # {read_by}", quoted(&value));
    }
    let ca = ca_file.display().to_string();
    let store = ca_file.with_extension("p12").display().to_string();
    let options = java_options(Path::new(&store));
    let (ca, store, options) = (quoted(&ca), quoted(&store), quoted(&options));
    let _ = write!(
        script,
        "# Java\n\
         rm -f {store}\n\
         keytool -importcert -noprompt -alias oauth-gauntlet -file {ca} -keystore {store} -storetype PKCS12 -storepass {STORE_PASSWORD}\n\
         export JAVA_TOOL_OPTIONS={options}\n"
    );
    script
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_sets_every_variable_and_makes_a_trust_store() {
        let expected = "\
export CURL_CA_BUNDLE=/tmp/run-1/ca.pem  # curl
export SSL_CERT_FILE=/tmp/run-1/ca.pem  # OpenSSL, Go, Ruby, PHP, Rust, .NET, Python's ssl
export REQUESTS_CA_BUNDLE=/tmp/run-1/ca.pem  # Python's requests
export NODE_EXTRA_CA_CERTS=/tmp/run-1/ca.pem  # Node
# Java
rm -f /tmp/run-1/ca.p12
keytool -importcert -noprompt -alias oauth-gauntlet -file /tmp/run-1/ca.pem -keystore /tmp/run-1/ca.p12 -storetype PKCS12 -storepass changeit
export JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore=/tmp/run-1/ca.p12 -Djavax.net.ssl.trustStorePassword=changeit'
";
        assert_eq!(trust_script(Path::new("/tmp/run-1/ca.pem")), expected);
    }

    #[test]
    fn java_takes_a_path_with_spaces_in_quotes() {
        let script = trust_script(Path::new("/tmp/a run/ca.pem"));
        assert!(script.contains(r#"'-Djavax.net.ssl.trustStore="/tmp/a run/ca.p12" -D"#));
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_run_them() {
        assert_eq!(quoted("/a-b_c.d/1"), "/a-b_c.d/1");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
