//! What the pages say, in every language that they speak.

use serde::Serialize;

/// The languages, as they are advertised.
pub(crate) const LANGUAGES: [&str; 2] = [ENGLISH.lang, GERMAN.lang];

/// The texts of the pages in one language. A text beside a name follows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Texts {
    /// The language tag (RFC 5646 §2).
    pub(super) lang: &'static str,
    pub(super) this_is_a_mock: &'static str,
    pub(super) no_password: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) who_are_you: &'static str,
    /// Follows the name of the client.
    pub(super) asks_you_to_sign_in: &'static str,
    pub(super) let_me_choose: &'static str,
    pub(super) somebody_else: &'static str,
    pub(super) sub_of_somebody_else: &'static str,
    pub(super) deny: &'static str,
    pub(super) nobody: &'static str,
    pub(super) no_subject: &'static str,
    pub(super) somebody_else_is_meant: &'static str,
    pub(super) what_to_share: &'static str,
    /// Precedes the name of the user.
    pub(super) what_may_it_see: &'static str,
    /// Follows the name of the client.
    pub(super) asks_for_this: &'static str,
    pub(super) share: &'static str,
    pub(super) openid: &'static str,
    pub(super) offline_access: &'static str,
}

pub(super) const ENGLISH: Texts = Texts {
    lang: "en",
    this_is_a_mock: "This is a mock.",
    no_password: "No password is checked.",
    sign_in: "Sign in",
    who_are_you: "Who are you today?",
    asks_you_to_sign_in: "asks you to sign in.",
    let_me_choose: "Let me choose what to share",
    somebody_else: "somebody else",
    sub_of_somebody_else: "Subject identifier of somebody else",
    deny: "Deny, and go back to the application",
    nobody: "Choose somebody, or type a name.",
    no_subject: "A subject identifier has at most 255 letters, all of them ASCII.",
    somebody_else_is_meant: "The application asks for somebody else.",
    what_to_share: "What to share",
    what_may_it_see: "What may it see,",
    asks_for_this: "asks for this. Leave out what you do not want to share.",
    share: "Share and go on",
    openid: "who you are here (sub)",
    offline_access: "access while you are away (a refresh token)",
};

const GERMAN: Texts = Texts {
    lang: "de",
    this_is_a_mock: "Das ist eine Attrappe.",
    no_password: "Es wird kein Passwort geprüft.",
    sign_in: "Anmelden",
    who_are_you: "Wer bist du heute?",
    asks_you_to_sign_in: "möchte, dass du dich anmeldest.",
    let_me_choose: "Ich möchte wählen, was ich teile",
    somebody_else: "jemand anderes",
    sub_of_somebody_else: "Kennung (sub) von jemand anderem",
    deny: "Ablehnen und zurück zur Anwendung",
    nobody: "Wähle jemanden aus, oder gib einen Namen ein.",
    no_subject: "Eine Kennung hat höchstens 255 Zeichen, alle davon ASCII.",
    somebody_else_is_meant: "Die Anwendung fragt nach jemand anderem.",
    what_to_share: "Was du teilst",
    what_may_it_see: "Was darf sie sehen,",
    asks_for_this: "fragt danach. Lass weg, was du nicht teilen möchtest.",
    share: "Teilen und weiter",
    openid: "wer du hier bist (sub)",
    offline_access: "Zugriff, während du fort bist (ein Refresh-Token)",
};

/// The texts in the first of these languages that there is; English otherwise.
pub(super) fn of(locales: &[String]) -> &'static Texts {
    static ALL: [Texts; 2] = [ENGLISH, GERMAN];
    let spoken = |locale: &String| {
        let language = locale.split('-').next().unwrap_or_default();
        ALL.iter()
            .find(|texts| texts.lang.eq_ignore_ascii_case(language))
    };
    locales.iter().find_map(spoken).unwrap_or(&ALL[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_is_spoken_counts_whatever_the_region() {
        let lang = |locales: &[&str]| {
            let locales: Vec<String> = locales.iter().map(|it| (*it).to_owned()).collect();
            of(&locales).lang
        };
        assert_eq!(lang(&[]), "en");
        assert_eq!(lang(&["fr", "de-AT", "en"]), "de");
        assert_eq!(lang(&["EN-gb", "de"]), "en");
        assert_eq!(lang(&["", "-", "nl"]), "en");
    }
}
