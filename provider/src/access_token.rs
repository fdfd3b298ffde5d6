//! Access tokens: what one stands for, sealed into the token itself, so that a million of them
//! cost no memory and any replica can read them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// What an access token is good for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    /// By which this one token can be revoked.
    pub(crate) id: String,
    /// The grant that it was issued for.
    pub(crate) grant: String,
    pub(crate) client_id: String,
    /// Whose data it opens, as the issuer knows them.
    pub(crate) sub: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// The resources that it is meant for (RFC 8707 §2); empty for the issuer's own.
    pub(crate) audience: Vec<String>,
    /// Unix seconds.
    pub(crate) issued_at: u64,
    /// Unix seconds.
    pub(crate) expires_at: u64,
    /// The generation of access tokens that it belongs to.
    pub(crate) generation: u64,
    /// Whether it is honoured at all.
    pub(crate) honoured: bool,
    /// Claims for the userinfo response that were asked for by name.
    pub(crate) asked: Vec<String>,
    pub(crate) login_hint: Option<String>,
    pub(crate) bound_to: Binding,
    /// When the user signed in, in Unix seconds.
    pub(crate) auth_time: Option<u64>,
    /// Who acts for the user: the present actor, then those before it (RFC 8693 §4.1).
    pub(crate) actors: Vec<String>,
    /// The parallel test that it belongs to.
    pub(crate) test: Option<String>,
}

/// Whom a token is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Binding {
    /// Nobody: whoever bears it may use it.
    #[default]
    Bearer,
    /// The holder of a key, by its thumbprint (RFC 9449 §6).
    DpopKey(String),
    /// The holder of a certificate, by its thumbprint (RFC 8705 §3.1).
    Certificate(String),
}

/// As long as most sealed tokens at most, in bytes.
const ROOM: usize = 256;

/// Seals access tokens and opens them again.
pub(crate) struct Sealer {
    key: LessSafeKey,
    stamps: hmac::Key,
}

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let stamps = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"stamps");
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the size of the cipher's");
        Self {
            key: LessSafeKey::new(key),
            stamps: hmac::Key::new(hmac::HMAC_SHA256, stamps.as_ref()),
        }
    }

    /// A value that only this issuer can make, and makes again at any time.
    pub(crate) fn stamp(&self, purpose: &str, value: u64) -> String {
        let mut mac = hmac::Context::with_key(&self.stamps);
        mac.update(purpose.as_bytes());
        mac.update(&value.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&mac.sign().as_ref()[..16])
    }

    /// The token as a client gets it; the nonce must not come twice.
    pub(crate) fn seal(&self, token: &AccessToken, nonce: [u8; NONCE_LEN]) -> String {
        let mut sealed = Vec::with_capacity(ROOM);
        sealed.extend_from_slice(&nonce);
        let mut sealed = postcard::to_extend(token, sealed)
            .expect("the type has nothing that cannot be written");
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = (self.key)
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut sealed[NONCE_LEN..])
            .expect("the token is far smaller than the cipher's limit");
        sealed.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// What a token that was sealed here stands for.
    pub(crate) fn open(&self, token: &str) -> Option<AccessToken> {
        let mut room = [0; 2 * ROOM];
        let mut long = Vec::new();
        let sealed = if let Ok(length) = URL_SAFE_NO_PAD.decode_slice(token, &mut room) {
            &mut room[..length]
        } else {
            URL_SAFE_NO_PAD.decode_vec(token, &mut long).ok()?;
            &mut long[..]
        };
        let (nonce, body) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::empty(), body).ok()?;
        postcard::from_bytes(opened).ok()
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_any_length_opens() {
        let keeper = Sealer::new(&[7; 32]);
        for scopes in [0, 1, 60, 1_000] {
            let token = AccessToken {
                scopes: vec!["a-scope".to_owned(); scopes],
                ..AccessToken::default()
            };
            let sealed = keeper.seal(&token, [1; NONCE_LEN]);
            assert_eq!(keeper.open(&sealed), Some(token), "{scopes}");
        }
    }

    #[test]
    fn only_what_was_sealed_with_the_key_opens() {
        let keeper = Sealer::new(&[7; 32]);
        let token = AccessToken {
            client_id: "app".to_owned(),
            sub: Some("alice".to_owned()),
            scopes: vec!["openid".to_owned()],
            bound_to: Binding::DpopKey("thumb".to_owned()),
            ..AccessToken::default()
        };
        let sealed = keeper.seal(&token, [1; NONCE_LEN]);
        assert_eq!(keeper.open(&sealed), Some(token));
        assert_eq!(Sealer::new(&[8; 32]).open(&sealed), None);
        let mut bent = sealed.into_bytes();
        bent[30] = if bent[30] == b'A' { b'B' } else { b'A' };
        assert_eq!(keeper.open(&String::from_utf8(bent).unwrap()), None);
        for rubbish in ["", "A", "AAAAAAAAAAAAAAAA", "é", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(keeper.open(rubbish), None, "{rubbish}");
        }
    }
}
