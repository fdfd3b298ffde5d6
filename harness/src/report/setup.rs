//! Mistakes of the set-up: what went wrong, the line to change, and what was seen.

use std::fmt::Write as _;

use anstyle::AnsiColor;

use crate::run::{Observed, SetupError};
use crate::scenario::Capability;
use crate::target::Target;

/// A mistake of the set-up, in one screen.
///
/// # Panics
/// Never: a string takes all that is written to it.
pub fn setup(error: &SetupError) -> String {
    let mut text = mistake(error);
    text.push_str(
        "   = 0 scenarios run                                                     exit 3\n",
    );
    text
}

/// The same, for a command that runs no scenario.
///
/// # Panics
/// Never: a string takes all that is written to it.
pub fn mistake(error: &SetupError) -> String {
    let style = AnsiColor::Magenta.on_default().bold();
    let mut text = format!("{style}set-up{style:#}: {}\n", error.title);
    for line in &error.seen {
        writeln!(text, "   {line}").expect("a string takes all");
    }
    if !error.output.is_empty() {
        text.push_str("   the last lines of its output:\n");
        for line in &error.output {
            writeln!(text, "   │ {line}").expect("a string takes all");
        }
    }
    match (&error.place, &error.advice) {
        (Some(place), _) => writeln!(text, "{}", place.render_place(true)),
        (None, Some(advice)) => writeln!(text, "   = {advice}"),
        (None, None) => Ok(()),
    }
    .expect("a string takes all");
    text
}

/// What a target claims and a clean login did not show, with the place of the claim.
pub fn unseen_claims(target: &Target, observed: &Observed) -> Option<String> {
    let unseen = observed.unseen(target);
    if unseen.is_empty() {
        return None;
    }
    let place = target.source.as_ref().map_or(String::new(), |source| {
        let line = source
            .value(&["can"])
            .map_or(1, |span| source.line(span.start));
        format!("   ({}:{line})", source.path)
    });
    Some(format!("{}, and not seen{place}", names(&unseen)))
}

/// What to know of a client that fetches no keys from an issuer without TLS.
pub fn unsigned(target: &Target, observed: &Observed) -> Option<&'static str> {
    let trusts_unseen =
        target.can.contains(&Capability::Oidc) && !target.provider.tls && observed.keys == 0;
    trusts_unseen.then_some(
        "the client fetches no keys, so it checks no signature of an ID token: over plain http \
         that fails; where your issuer is https, which may stand for the signature, write \
         tls = true under [provider]",
    )
}

/// Capabilities as a target file has them, without the brackets.
pub(super) fn names(capabilities: &[Capability]) -> String {
    let word = |it| serde_json::to_value(it).unwrap_or_default();
    let words: Vec<String> = (capabilities.iter())
        .map(|it| word(it).as_str().unwrap_or_default().to_owned())
        .collect();
    words.join(", ")
}
