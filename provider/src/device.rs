//! What people say to a device (RFC 8628 §3.3), from wherever they say it: the page, or a test.

use crate::grant::{Decision, Device};
use crate::issuer::{Issuer, IssuerState, Login};
use crate::store::{Dealings, Shelf};

/// The letters of user codes: none looks like another, and they spell no words (RFC 8628 §6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters a user code has, in two halves.
const LENGTH: usize = 8;

/// What somebody says to a device.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict<'a> {
    /// This user says yes, to these of the scopes that it asks for or to all of them.
    Approve {
        sub: &'a str,
        scopes: Option<&'a [String]>,
    },
    /// No.
    Deny,
}

/// Why nothing could be said to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No device waits with this user code.
    #[error("no device waits with the user code `{user_code}`")]
    Unknown {
        /// What was given.
        user_code: String,
    },
    /// The device has waited too long.
    #[error("the user code `{user_code}` has expired")]
    Expired {
        /// What was given.
        user_code: String,
    },
    /// Somebody said yes or no before.
    #[error("the device with the user code `{user_code}` was answered already")]
    Answered {
        /// What was given.
        user_code: String,
    },
    /// Nobody has this `sub`.
    #[error("there is no user `{sub}`")]
    UnknownUser {
        /// What was given.
        sub: String,
    },
    /// The issuer's store cannot be reached.
    #[error("the store cannot be reached")]
    Unreachable,
}

impl Issuer {
    /// Approves the device with this user code, for everything that it asks for or for the scopes
    /// of the [`Login`], as if the user had done so on the page (RFC 8628 §3.3). The code may be
    /// written as people do: small letters, spaces, no dash. The device belongs to the parallel
    /// test that it began in.
    ///
    /// # Errors
    /// If nobody has this `sub`, no device waits with the code, it has waited too long, or it was
    /// answered already.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{Client, MockProvider};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = MockProvider::builder().client(Client::public("tv")).start().await?;
    /// let issuer = provider.issuer();
    ///
    /// // What your device does:
    /// let http = reqwest::Client::builder().no_proxy().build()?;
    /// let request = http.post(format!("{}/device/authorize", issuer.url()));
    /// let form = [("client_id", "tv"), ("scope", "profile")];
    /// let shown: Value = request.form(&form).send().await?.json().await?;
    /// let user_code = shown["user_code"].as_str().ok_or("a user code")?;
    ///
    /// // What Alice does; the next poll brings tokens.
    /// issuer.approve_device(user_code, "alice")?;
    /// assert!(issuer.deny_device(user_code).is_err(), "it was answered already");
    /// # Ok(())
    /// # }
    /// ```
    pub fn approve_device<'a>(
        &self,
        user_code: &str,
        user: impl Into<Login<'a>>,
    ) -> Result<(), DeviceError> {
        let Login { sub, scope, .. } = user.into();
        if self.state().user(sub).is_none() {
            return Err(DeviceError::UnknownUser {
                sub: sub.to_owned(),
            });
        }
        let scopes: Option<Vec<String>> =
            scope.map(|it| it.split_whitespace().map(str::to_owned).collect());
        let scopes = scopes.as_deref();
        decide(self.state(), user_code, Verdict::Approve { sub, scopes })
    }

    /// Turns the device with this user code away.
    ///
    /// # Errors
    /// As [`Issuer::approve_device`].
    pub fn deny_device(&self, user_code: &str) -> Result<(), DeviceError> {
        decide(self.state(), user_code, Verdict::Deny)
    }
}

/// Says it outside of any request.
fn decide(issuer: &IssuerState, user_code: &str, verdict: Verdict<'_>) -> Result<(), DeviceError> {
    let dealings = Dealings::default();
    dealings.reached(issuer.catch_up());
    let shelf = Shelf::new(&*issuer.store, issuer.now(), &dealings);
    let said = say(issuer, shelf, user_code, verdict);
    match dealings.settle(&*issuer.store) {
        Some(_) => Err(DeviceError::Unreachable),
        None => said,
    }
}

/// Says it in the course of a request.
pub(crate) fn say(
    issuer: &IssuerState,
    shelf: Shelf<'_>,
    user_code: &str,
    verdict: Verdict<'_>,
) -> Result<(), DeviceError> {
    let device = waiting(issuer, shelf, user_code)?;
    let decision = match verdict {
        Verdict::Deny => Decision::Denied,
        Verdict::Approve { sub, scopes } => {
            let mut granted = device.scopes.clone();
            granted.retain(|scope| scopes.is_none_or(|it| it.contains(scope)));
            Decision::Approved(issuer.sign_in(sub), granted)
        }
    };
    if shelf.decide(&device, decision) {
        return Ok(());
    }
    Err(DeviceError::Answered {
        user_code: user_code.to_owned(),
    })
}

/// The device that waits with a user code.
pub(crate) fn waiting(
    issuer: &IssuerState,
    shelf: Shelf<'_>,
    user_code: &str,
) -> Result<Device, DeviceError> {
    let named = || user_code.to_owned();
    let device = canonical(user_code).and_then(|code| shelf.device_of(&code));
    let device = device.ok_or_else(|| DeviceError::Unknown { user_code: named() })?;
    if issuer.now() >= device.expires_at {
        return Err(DeviceError::Expired { user_code: named() });
    }
    if shelf.decision(&device).is_some() {
        return Err(DeviceError::Answered { user_code: named() });
    }
    Ok(device)
}

/// A user code made from random bytes.
pub(crate) fn user_code(random: [u8; 8]) -> String {
    let mut number = u64::from_le_bytes(random);
    let letters = LETTERS.map(char::from);
    let mut code = String::with_capacity(LENGTH + 1);
    for place in 0..LENGTH {
        if place == LENGTH / 2 {
            code.push('-');
        }
        let digit = usize::try_from(number % 20).unwrap_or_default();
        number /= 20;
        code.push(letters[digit]);
    }
    code
}

/// The user code that somebody meant, however they wrote it (RFC 8628 §6.1).
fn canonical(typed: &str) -> Option<String> {
    let letters: String = (typed.chars())
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .take(LENGTH + 1)
        .collect();
    (letters.len() == LENGTH).then(|| {
        let (one, two) = letters.split_at(LENGTH / 2);
        format!("{one}-{two}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_recognised_however_it_is_written() {
        let code = user_code([7, 1, 250, 33, 9, 128, 64, 200]);
        assert_eq!(code.len(), 9);
        let is_letter = |byte: &u8| LETTERS.contains(byte);
        assert!(
            code.replace('-', "").bytes().all(|it| is_letter(&it)),
            "{code}"
        );
        let typed = code.to_ascii_lowercase().replace('-', " ");
        for written in [&code, &typed, &typed.replace(' ', ""), &format!(" {code}.")] {
            assert_eq!(canonical(written).as_ref(), Some(&code), "{written}");
        }
        for wrong in ["", "BCDF", "BCDF-BCDFG", "é"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }
}
