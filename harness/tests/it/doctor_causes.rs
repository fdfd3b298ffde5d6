//! What `gauntlet doctor` takes for the cause of a mistake: the line that is wrong and no other one.

use crate::doctor_targets::{Mistake, pages, reference};
use crate::files::Folder;

fn without_callback() -> String {
    pages().replace("callback  = \"/callback\"\n", "")
}

fn json_page() -> String {
    pages().replace("\"/profile\"", "\"/profile.json\"")
}

fn no_openid() -> String {
    let scope = "NO_OPENID = \"1\"\nSCOPE = \"profile email\"\nPORT ";
    pages().replace("PORT ", scope)
}

fn slow_login() -> String {
    pages().replace("\"/login\"", "\"/slow\"")
}

fn slow_app() -> String {
    pages().replace("PORT ", "SLOW = \"1\"\nPORT ")
}

fn are_told(name: &str, mistakes: &[Mistake]) {
    for mistake in mistakes {
        let folder = Folder::new(name);
        let text = mistake.text();
        folder.write("gauntlet.toml", text.as_bytes());
        let (code, told) = folder.gauntlet(&["doctor"]);
        assert_eq!(code, Some(3), "{}:\n{told}", mistake.what);
        mistake.is_told(&text, &told);
    }
}

/// Addresses that are not what they should be.
const ADDRESSES: &[Mistake] = &[
    Mistake {
        what: "the issuer has a slash at its end",
        file: pages,
        from: "\"{issuer}\"",
        to: "\"{issuer}/\"",
        line: "OIDC_ISSUER",
        says: &[
            "where its issuer has no page",
            "write {issuer} alone: a slash at its end counts",
        ],
    },
    Mistake {
        what: "the issuer is the address of its metadata",
        file: reference,
        from: "--issuer {issuer}",
        to: "--issuer {issuer}/.well-known/openid-configuration",
        line: "command =",
        says: &["given     http://127.0.0.1", "write {issuer} alone"],
    },
    Mistake {
        what: "the port is a fixed one, and the app says when it is ready",
        file: pages,
        from: "timeout = \"10s\"\n\n[start.env]\nPORT               = \"{port}\"",
        to: "timeout = \"10s\"\nready = { log = \"listening\" }\n\n[start.env]\nPORT               = \"0\"",
        line: "PORT  ",
        says: &[
            "nothing listens at http://localhost:",
            "its output speaks of port",
            "write PORT = \"{port}\"",
        ],
    },
    Mistake {
        what: "the port is a fixed one",
        file: pages,
        from: "timeout = \"10s\"\n\n[start.env]\nPORT               = \"{port}\"",
        to: "timeout = \"1s\"\n\n[start.env]\nPORT               = \"0\"",
        line: "PORT  ",
        says: &[
            "nothing hands the program its {port}",
            "write PORT = \"{port}\"",
        ],
    },
    Mistake {
        what: "the app makes its own address https",
        file: pages,
        from: "\"{app}\"",
        to: "\"https://localhost:{port}\"",
        line: "BASE_URL",
        says: &["write BASE_URL = \"{app}\""],
    },
    Mistake {
        what: "the app takes the issuer's address for its own",
        file: pages,
        from: "\"{app}\"",
        to: "\"{issuer}\"",
        line: "BASE_URL",
        says: &["write BASE_URL = \"{app}\""],
    },
    Mistake {
        what: "nobody knows the issuer's host",
        file: pages,
        from: "[app]\nlogin     = \"/login\"",
        to: "[provider]\nissuer-host = \"nowhere.invalid\"\n\n[app]\nlogin     = \"/no-such-host\"",
        line: "issuer-host",
        says: &["does not know the host `nowhere.invalid`"],
    },
    Mistake {
        what: "the scope lacks openid",
        file: no_openid,
        from: "[\"plain-oauth2\"",
        to: "[\"oidc\"",
        line: "SCOPE",
        says: &[
            "asked for the scope `profile email`",
            "write SCOPE = \"openid profile email\"",
        ],
    },
];

#[test]
fn an_address_that_is_wrong_is_told_where_it_is_handed_over() {
    are_told("causes-addresses", ADDRESSES);
}

/// Pages that are not what the file says.
const PAGES: &[Mistake] = &[
    Mistake {
        what: "login is another page",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = \"/401\"",
        line: "login     =",
        says: &["that page begins no login", "write login = \"/login\""],
    },
    Mistake {
        what: "login is no form",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = { path = \"/login\", method = \"POST\" }",
        line: "login     =",
        says: &["answers 405 to POST /login", "write login = \"/login\""],
    },
    Mistake {
        what: "login leads on without its form",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = { path = \"/login\", method = \"POST\", csrf = \"_token\" }",
        line: "login     =",
        says: &["the login has no form", "write login = \"/login\""],
    },
    Mistake {
        what: "login is a page with a form",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = \"/in\"",
        line: "login     =",
        says: &["write login = { path = \"/in\", method = \"POST\", csrf = \"_token\" }"],
    },
    Mistake {
        what: "the token has another name",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = { path = \"/in\", method = \"POST\", csrf = \"csrf\" }",
        line: "login     =",
        says: &["the form at /in has `_token`: write csrf = \"_token\""],
    },
    Mistake {
        what: "the page with the form is not there",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = { path = \"/in\", method = \"POST\", csrf = \"_token\", from = \"/gone\" }",
        line: "login     =",
        says: &["no page at GET /gone", "from ="],
    },
    Mistake {
        what: "the page with the link is not there",
        file: pages,
        from: "login     = \"/login\"",
        to: "login     = { open = \"/gone\", click = \"text=Log in\" }",
        line: "login     =",
        says: &["no page at GET /gone", "write open = \"/\""],
    },
    Mistake {
        what: "[signed_out] fits every page",
        file: pages,
        from: "protected = \"/profile\"\nlogout    = \"/logout\"\n",
        to: "[signed_in]\ntext = \"{user.sub}\"\n[signed_out]\ntext = \"Hello\"\n",
        line: "[signed_out]",
        says: &[
            "fits [signed_out] after a clean login",
            "fits the page of a signed-in user as well",
        ],
    },
    Mistake {
        what: "the callback is not in the file",
        file: without_callback,
        from: "\"{app}\"",
        to: "\"{app}/x\"",
        line: "[app]",
        says: &["add callback = \"/x/callback\" under [app]"],
    },
    Mistake {
        what: "[signed_in] wants another status",
        file: pages,
        from: "[app]",
        to: "[signed_in]\ntext = \"{user.email}\"\nstatus = 201\n\n[app]",
        line: "status =",
        says: &["the status is 200"],
    },
    Mistake {
        what: "[signed_in] wants what the page does not show",
        file: json_page,
        from: "[app]",
        to: "[signed_in]\ntext = \"{user.name}\"\n\n[app]",
        line: "text =",
        says: &[
            "the page shows {user.email}",
            "write text = \"{user.email}\"",
        ],
    },
    Mistake {
        what: "[signed_in] wants an element that is not there",
        file: pages,
        from: "[app]",
        to: "[signed_in]\ntext = \"{user.email}\"\ncss = \"#who\"\n\n[app]",
        line: "css =",
        says: &["no element of the page fits"],
    },
    Mistake {
        what: "[signed_in] wants JSON",
        file: pages,
        from: "[app]",
        to: "[signed_in]\njson = { \"$.email\" = \"{user.email}\" }\n\n[app]",
        line: "json =",
        says: &["the page is no JSON"],
    },
    Mistake {
        what: "[signed_in] has a path that is not there",
        file: json_page,
        from: "[app]",
        to: "[signed_in]\njson = { \"$.user.mail\" = \"{user.email}\" }\n\n[app]",
        line: "json =",
        says: &[
            "nothing at `$.user.mail`",
            "write \"$.user.email\" = \"{user.email}\"",
        ],
    },
];

#[test]
fn a_page_that_is_wrong_is_told_with_what_it_has() {
    are_told("causes-pages", PAGES);
}

/// Programs that do not start, or are too slow.
const STARTS: &[Mistake] = &[
    Mistake {
        what: "a variable is left to a shell",
        file: reference,
        from: "{port}",
        to: "$PORT",
        line: "command =",
        says: &["there is no shell: write {port} in place of $PORT"],
    },
    Mistake {
        what: "braces are doubled",
        file: reference,
        from: "{port}",
        to: "{{port}}",
        line: "command =",
        says: &["`{{port}}` is no placeholder: write {port}"],
    },
    Mistake {
        what: "a variable has spaces in its braces",
        file: pages,
        from: "\"{port}\"",
        to: "\"{ port }\"",
        line: "PORT  ",
        says: &["`{ port }` is no placeholder: write {port}"],
    },
    Mistake {
        what: "the program is over at once",
        file: reference,
        from: "command = \"",
        to: "command = \"true\" # \"",
        line: "command =",
        says: &["it said nothing"],
    },
    Mistake {
        what: "the program is not executable",
        file: reference,
        from: "command = \"",
        to: "command = \"./gauntlet.toml ",
        line: "command =",
        says: &["make it executable: chmod +x ./gauntlet.toml"],
    },
    Mistake {
        what: "a step may take no time",
        file: slow_login,
        from: "\"2s\"",
        to: "\"200ms\"",
        line: "time-limit",
        says: &["within 200ms", "raise `time-limit`"],
    },
    Mistake {
        what: "the app is slower than a step may be",
        file: slow_app,
        from: "\"2s\"",
        to: "\"1s\"",
        line: "time-limit",
        says: &["its start page takes as long", "raise `time-limit`"],
    },
];

#[test]
fn a_start_that_fails_is_told_with_its_cause() {
    are_told("causes-starts", STARTS);
}

#[test]
fn a_program_that_answers_late_is_waited_for() {
    let folder = Folder::new("answers-late");
    let text = pages().replace("timeout =", "ready = \"{app}/slow\"\ntimeout =");
    folder.write("gauntlet.toml", text.as_bytes());
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_sign_out_that_signs_nobody_out_is_told_with_its_line() {
    let folder = Folder::new("no-sign-out");
    let text = pages().replace("\"/logout\"", "\"/nobody\"");
    folder.write("gauntlet.toml", text.as_bytes());
    let (code, told) = folder.gauntlet(&["doctor"]);
    assert_eq!(code, Some(2), "{told}");
    let line = text.lines().count();
    let place = format!("let `logout` in [app] (line {line})");
    assert!(told.contains(&place), "`{place}` is not in:\n{told}");
}
