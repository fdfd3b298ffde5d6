//! Each variable: its default, its effect, and what is said when it is wrong.

use super::*;

fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_vars(|name| {
        let found = vars.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn complaint(vars: &[(&str, &str)]) -> String {
    config(vars).expect_err("must be refused").to_string()
}

#[test]
fn without_a_variable_it_fits_the_local_provider() {
    let config = config(&[]).unwrap();
    assert_eq!(config.listen().to_string(), "127.0.0.1:8000");
    assert_eq!(config.redirect_uri(), "http://localhost:8000/callback");
    assert_eq!(config.back_channel_timeout, Duration::from_secs(10));
    let [provider] = config.providers() else {
        panic!("one provider expected")
    };
    assert_eq!(provider.client_id, "client-app");
    assert!(provider.asks_for("offline_access"));
    assert!(matches!(provider.client_auth, ClientAuth::Public));
    let Kind::OpenId {
        issuer, algorithms, ..
    } = &provider.kind
    else {
        panic!("OpenID Connect expected")
    };
    assert_eq!(issuer, "http://127.0.0.1:9400");
    assert_eq!(algorithms, &[Algorithm::Rs256]);
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let config = config(&[("LISTEN", ""), ("OIDC_CLIENT_SECRET", "  ")]).unwrap();
    assert!(matches!(
        config.providers()[0].client_auth,
        ClientAuth::Public
    ));
}

#[test]
fn the_base_url_follows_the_port_that_was_really_bound() {
    let bound = config(&[("LISTEN", "127.0.0.1:0")]).unwrap();
    let bound = bound.bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!(bound.base_url(), "http://localhost:4711");
    let given = config(&[("BASE_URL", "https://app.example/")]).unwrap();
    let given = given.bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!(given.redirect_uri(), "https://app.example/callback");
}

#[test]
fn a_time_out_may_have_decimals() {
    let config = config(&[("BACK_CHANNEL_TIMEOUT", "0.25")]).unwrap();
    assert_eq!(config.back_channel_timeout, Duration::from_millis(250));
}

#[test]
fn the_issuer_is_kept_letter_by_letter() {
    let config = config(&[("OIDC_ISSUER", "https://OP.example/tenant/")]).unwrap();
    let Kind::OpenId { issuer, .. } = &config.providers()[0].kind else {
        panic!("OpenID Connect expected")
    };
    assert_eq!(issuer, "https://OP.example/tenant/");
}

#[test]
fn several_providers_have_their_names_inside_their_variables() {
    let config = config(&[
        ("PROVIDERS", "honest, my-own"),
        ("OIDC_HONEST_ISSUER", "https://honest.example"),
        ("OIDC_HONEST_CLIENT_ID", "one"),
        (
            "OAUTH_MY_OWN_AUTHORIZATION_ENDPOINT",
            "https://own.example/authorize",
        ),
        ("OAUTH_MY_OWN_TOKEN_ENDPOINT", "https://own.example/token"),
        ("OAUTH_MY_OWN_USERINFO_ENDPOINT", "https://own.example/me"),
        ("OAUTH_MY_OWN_CLIENT_ID", "two"),
    ])
    .unwrap();
    let [honest, own] = config.providers() else {
        panic!("two providers expected")
    };
    assert_eq!(
        (honest.name(), honest.client_id.as_str()),
        ("honest", "one")
    );
    assert_eq!((own.name(), own.client_id.as_str()), ("my-own", "two"));
    assert!(matches!(own.kind, Kind::OAuth { .. }));
    assert!(!own.asks_for("openid"));
}

#[test]
fn the_secret_is_not_in_the_debug_output() {
    let config = config(&[("OIDC_CLIENT_SECRET", "hunter2")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_complaint_names_the_variable() {
    let endpoint = ("OAUTH_TOKEN_ENDPOINT", "https://op.example/token");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("LISTEN", "8000")], "LISTEN"),
        (&[("BASE_URL", "http://app.example")], "BASE_URL"),
        (&[("BASE_URL", "https://app.example/sub")], "BASE_URL"),
        (&[("BACK_CHANNEL_TIMEOUT", "0")], "BACK_CHANNEL_TIMEOUT"),
        (&[("BACK_CHANNEL_TIMEOUT", "-1")], "BACK_CHANNEL_TIMEOUT"),
        (&[("BACK_CHANNEL_TIMEOUT", "inf")], "BACK_CHANNEL_TIMEOUT"),
        (&[("OIDC_ISSUER", "http://op.example")], "OIDC_ISSUER"),
        (&[("OIDC_ISSUER", "https://op.example?x=1")], "OIDC_ISSUER"),
        (&[("OIDC_SCOPES", "profile")], "OIDC_SCOPES"),
        (&[("OIDC_ID_TOKEN_ALGS", "none")], "OIDC_ID_TOKEN_ALGS"),
        (
            &[("OIDC_ID_TOKEN_ALGS", "RS256,HS256")],
            "OIDC_ID_TOKEN_ALGS",
        ),
        (
            &[("OIDC_CLIENT_AUTH", "client_secret_post")],
            "OIDC_CLIENT_SECRET",
        ),
        (
            &[("OIDC_CLIENT_AUTH", "mtls"), ("OIDC_CLIENT_SECRET", "s")],
            "OIDC_CLIENT_AUTH",
        ),
        (
            &[("OIDC_JWKS_URI", "https://op.example/jwks")],
            "OIDC_AUTHORIZATION_ENDPOINT",
        ),
        (&[endpoint], "OAUTH_AUTHORIZATION_ENDPOINT"),
        (
            &[endpoint, ("OIDC_ISSUER", "https://op.example")],
            "OIDC_ISSUER",
        ),
        (
            &[("PROVIDERS", "a,a"), ("OIDC_A_ISSUER", "https://a.example")],
            "PROVIDERS",
        ),
        (&[("PROVIDERS", "Honest")], "PROVIDERS"),
        (&[("PROVIDERS", "honest")], "OIDC_HONEST_ISSUER"),
    ];
    for (vars, variable) in cases {
        let complaint = complaint(vars);
        assert!(complaint.contains(variable), "{vars:?}: {complaint}");
        assert!(complaint.contains("hint:"), "{vars:?}: {complaint}");
    }
}
