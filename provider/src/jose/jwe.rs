//! Compact JWE (RFC 7516 §7.1): tokens that only the client can read.

use aws_lc_rs::aead::{self, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::{agreement, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{ContentEncryption, Curve, KeyManagementAlgorithm};
use super::jwk::ClientKeys;
use super::public::PublicKey;
use crate::clock;

/// What the lengths of keys and nonces make sure of.
const FITS: &str = "keys and nonces have the lengths that the algorithm asks for";

/// What is encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// A signed token, which is then nested (RFC 7519 §5.2).
    Jwt(&'a str),
    /// Claims that are not signed, as JSON.
    Claims(&'a str),
}

/// Why nothing was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JweError {
    /// No key of the client serves.
    #[error("the client has no key to encrypt to with `{}`", .0.as_str())]
    NoKey(KeyManagementAlgorithm),
}

/// Encrypts to the client's key for the algorithm.
pub(crate) fn encrypt(
    content: Content<'_>,
    keys: &ClientKeys,
    algorithm: KeyManagementAlgorithm,
    encryption: ContentEncryption,
) -> Result<String, JweError> {
    let key = keys.encryption(algorithm);
    let key = key.ok_or(JweError::NoKey(algorithm))?;
    let mut header = Map::new();
    header.insert("alg".to_owned(), algorithm.as_str().into());
    header.insert("enc".to_owned(), encryption.as_str().into());
    if let Some(kid) = &key.kid {
        header.insert("kid".to_owned(), kid.as_str().into());
    }
    let plaintext = match content {
        Content::Jwt(token) => {
            header.insert("cty".to_owned(), "JWT".into());
            token.as_bytes().to_vec()
        }
        Content::Claims(claims) => claims.as_bytes().to_vec(),
    };
    let no_key = JweError::NoKey(algorithm);
    let (content_key, encrypted_key) = match &key.public {
        PublicKey::Ec { curve, point } => {
            let agreed = agree(*curve, point, encryption);
            let (content_key, ephemeral) = agreed.ok_or(no_key)?;
            header.insert("epk".to_owned(), Value::Object(ephemeral.jwk()));
            // Both sides know the key then, so none is sent (RFC 7516 §5.1, step 5).
            (content_key, Vec::new())
        }
        public @ (PublicKey::Rsa { .. } | PublicKey::Ed25519 { .. }) => {
            let content_key = clock::random_bytes::<KEY_LENGTH>();
            let encrypted_key = encrypt_key(public, &content_key);
            (content_key, encrypted_key.ok_or(no_key)?)
        }
    };
    let protected = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
    let sealed = match encryption {
        ContentEncryption::A256Gcm => {
            seal_gcm(&content_key, clock::random_bytes(), &protected, plaintext)
        }
        ContentEncryption::A128CbcHs256 => {
            seal_cbc(&content_key, clock::random_bytes(), &protected, plaintext)
        }
    };
    let parts = [
        &encrypted_key,
        &sealed.nonce,
        &sealed.ciphertext,
        &sealed.tag,
    ];
    let mut token = protected;
    for part in parts {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
    }
    Ok(token)
}

/// How long the content key is, in bytes: 256 bits for both ways of encryption.
const KEY_LENGTH: usize = 32;

/// RSAES-OAEP with SHA-256 (RFC 7518 §4.3). None where the key turns out not to encrypt.
fn encrypt_key(public: &PublicKey, content_key: &[u8]) -> Option<Vec<u8>> {
    let key = PublicEncryptingKey::from_der(&public.der()).ok()?;
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(&OAEP_SHA256_MGF1SHA256, content_key, &mut encrypted, None);
    let length = sealed.ok()?.len();
    encrypted.truncate(length);
    Some(encrypted)
}

/// The content key that an ephemeral key and the client's agree on, and the former's public half
/// (RFC 7518 §4.6). None where the client's key turns out not to agree.
fn agree(
    curve: Curve,
    point: &[u8],
    encryption: ContentEncryption,
) -> Option<([u8; KEY_LENGTH], PublicKey)> {
    let scheme = curve.agreement()?;
    let ephemeral = agreement::PrivateKey::generate(scheme)
        .expect("key generation fails only without an entropy source");
    let public = ephemeral.compute_public_key().ok()?;
    let peer = agreement::UnparsedPublicKey::new(scheme, point);
    let content_key = agreement::agree(&ephemeral, peer, (), |secret| {
        Ok(derive(secret, encryption.as_str(), [b"", b""]))
    });
    let point = public.as_ref().to_vec();
    Some((content_key.ok()?, PublicKey::Ec { curve, point }))
}

/// The Concat KDF (NIST SP 800-56A §5.8.1, RFC 7518 §4.6.2) for a key of up to 256 bits, which
/// takes one round of SHA-256. The parties are `apu` and `apv`.
fn derive<const N: usize>(secret: &[u8], algorithm: &str, parties: [&[u8]; 2]) -> [u8; N] {
    const { assert!(N <= KEY_LENGTH, "one round gives 256 bits") };
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&number(1));
    hash.update(secret);
    for part in [algorithm.as_bytes(), parties[0], parties[1]] {
        hash.update(&number(part.len()));
        hash.update(part);
    }
    hash.update(&number(N * 8));
    let mut key = [0; N];
    key.copy_from_slice(&hash.finish().as_ref()[..N]);
    key
}

/// What encrypted content comes to.
struct Sealed {
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

/// AES-256 in GCM mode (RFC 7518 §5.3). A nonce is used once with a key.
fn seal_gcm(
    key: &[u8; KEY_LENGTH],
    nonce: [u8; aead::NONCE_LEN],
    protected: &str,
    mut text: Vec<u8>,
) -> Sealed {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect(FITS));
    let tag = key.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(protected),
        &mut text,
    );
    Sealed {
        nonce: nonce.to_vec(),
        ciphertext: text,
        tag: tag.expect(FITS).as_ref().to_vec(),
    }
}

/// AES-128 in CBC mode with HMAC SHA-256 (RFC 7518 §5.2.2.1, §5.2.3).
fn seal_cbc(key: &[u8; KEY_LENGTH], nonce: [u8; 16], protected: &str, mut text: Vec<u8>) -> Sealed {
    let (mac_key, cipher_key) = key.split_at(KEY_LENGTH / 2);
    let cipher = UnboundCipherKey::new(&AES_128, cipher_key).expect(FITS);
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).expect(FITS);
    let context = EncryptionContext::Iv128(FixedLength::from(nonce));
    cipher.less_safe_encrypt(&mut text, context).expect(FITS);
    let bits = u64::try_from(protected.len() * 8).unwrap_or(u64::MAX);
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, mac_key));
    for part in [protected.as_bytes(), &nonce, &text, &bits.to_be_bytes()] {
        mac.update(part);
    }
    Sealed {
        nonce: nonce.to_vec(),
        ciphertext: text,
        tag: mac.sign().as_ref()[..16].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{DecryptionContext, PaddedBlockDecryptingKey};
    use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::jose::algorithm::KeyKind;

    const KEYS: [(KeyKind, &str); 4] = [
        (KeyKind::Rsa, include_str!("../../keys/rsa-1.pem")),
        (
            KeyKind::Ec(Curve::P256),
            include_str!("../../keys/p256-1.pem"),
        ),
        (
            KeyKind::Ec(Curve::P384),
            include_str!("../../keys/p384-1.pem"),
        ),
        (
            KeyKind::Ec(Curve::P521),
            include_str!("../../keys/p521-1.pem"),
        ),
    ];

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn der(pem: &str) -> Vec<u8> {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(base64).unwrap()
    }

    fn keys(pem: &str) -> ClientKeys {
        let mut jwk = crate::OwnKey::from_pem(pem).unwrap().pair().public().jwk();
        jwk.extend([
            ("use".to_owned(), json!("enc")),
            ("kid".to_owned(), json!("k")),
        ]);
        ClientKeys::parse(&json!({"keys": [jwk]})).unwrap()
    }

    /// Header and content, as the client reads them.
    fn decrypt(token: &str, pem: &str) -> Option<(Value, Vec<u8>)> {
        let parts: Vec<&str> = token.split('.').collect();
        let [protected, encrypted_key, nonce, ciphertext, tag] = parts[..] else {
            panic!("{token}");
        };
        let header: Value = serde_json::from_slice(&decode(protected)).unwrap();
        let content_key: [u8; 32] = if header["alg"] == "ECDH-ES" {
            assert_eq!(encrypted_key, "");
            let curve = Curve::from_name(header["epk"]["crv"].as_str().unwrap()).unwrap();
            let peer = PublicKey::from_jwk(header["epk"].as_object().unwrap()).unwrap();
            let PublicKey::Ec { point, .. } = peer else {
                panic!("{header}");
            };
            let scheme = curve.agreement().unwrap();
            let private = agreement::PrivateKey::from_private_key_der(scheme, &der(pem));
            let peer = agreement::UnparsedPublicKey::new(scheme, point);
            let enc = header["enc"].as_str().unwrap();
            let derive = |secret: &[u8]| Ok(derive(secret, enc, [b"", b""]));
            agreement::agree(&private.unwrap(), peer, (), derive).unwrap()
        } else {
            let private = PrivateDecryptingKey::from_pkcs8(&der(pem)).unwrap();
            let private = OaepPrivateDecryptingKey::new(private).unwrap();
            let mut content_key = vec![0; private.min_output_size()];
            let algorithm = &OAEP_SHA256_MGF1SHA256;
            let encrypted_key = decode(encrypted_key);
            let decrypted = private.decrypt(algorithm, &encrypted_key, &mut content_key, None);
            decrypted.unwrap().try_into().unwrap()
        };
        let content = open(&header, &content_key, protected, [nonce, ciphertext, tag]);
        content.map(|content| (header, content))
    }

    fn open(header: &Value, key: &[u8], protected: &str, parts: [&str; 3]) -> Option<Vec<u8>> {
        let [nonce, mut text, tag] = parts.map(decode);
        if header["enc"] == "A256GCM" {
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
            let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
            text.extend(tag);
            let opened = key.open_in_place(nonce, Aad::from(protected), &mut text);
            return opened.ok().map(|it| it.to_vec());
        }
        let length = u64::try_from(protected.len()).unwrap() * 8;
        let length = length.to_be_bytes();
        let signed = [protected.as_bytes(), &nonce, &text, &length].concat();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..16]), &signed);
        if mac.as_ref()[..16] != tag {
            return None;
        }
        let key = UnboundCipherKey::new(&AES_128, &key[16..]).unwrap();
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).unwrap();
        let nonce = FixedLength::try_from(&nonce[..]).unwrap();
        let opened = key.decrypt(&mut text, DecryptionContext::Iv128(nonce));
        opened.ok().map(|it| it.to_vec())
    }

    #[test]
    fn what_is_encrypted_to_a_client_it_can_read_and_nobody_else() {
        let claims = r#"{"sub":"alice"}"#;
        for (kind, pem) in KEYS {
            let algorithm = KeyManagementAlgorithm::ALL
                .into_iter()
                .find(|it| it.takes(kind))
                .unwrap();
            for encryption in ContentEncryption::ALL {
                let keys = keys(pem);
                let encrypt = |content| encrypt(content, &keys, algorithm, encryption).unwrap();
                let token = encrypt(Content::Jwt("a.b.c"));
                let (header, content) = decrypt(&token, pem).unwrap();
                assert_eq!(content, b"a.b.c");
                assert_eq!(header["alg"], algorithm.as_str());
                assert_eq!(header["enc"], encryption.as_str());
                assert_eq!(header["cty"], "JWT");
                assert_eq!(header["kid"], "k");
                assert_eq!(header["epk"].get("d"), None);

                let bare = encrypt(Content::Claims(claims));
                let (header, content) = decrypt(&bare, pem).unwrap();
                assert_eq!(content, br#"{"sub":"alice"}"#);
                assert_eq!(header.get("cty"), None);

                // Nothing repeats, and nothing can be changed.
                assert_ne!(token, encrypt(Content::Jwt("a.b.c")));
                let (start, tag) = token.rsplit_once('.').unwrap();
                let other_tag =
                    URL_SAFE_NO_PAD.encode(decode(tag).iter().map(|it| it ^ 1).collect::<Vec<_>>());
                assert_eq!(decrypt(&format!("{start}.{other_tag}"), pem), None);
            }
        }
    }

    #[test]
    fn without_a_key_that_serves_nothing_is_encrypted() {
        for (kind, pem) in KEYS {
            for algorithm in KeyManagementAlgorithm::ALL {
                let encryption = ContentEncryption::default();
                let outcome = encrypt(Content::Jwt("a.b.c"), &keys(pem), algorithm, encryption);
                assert_eq!(outcome.is_ok(), algorithm.takes(kind), "{kind:?}");
                if let Err(error) = outcome {
                    assert_eq!(error, JweError::NoKey(algorithm));
                }
            }
        }
    }

    #[test]
    fn key_agreement_is_that_of_the_specification() {
        // RFC 7518, Appendix C.
        let private = decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let x = decode("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ");
        let y = decode("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck");
        let curve = Curve::P256.agreement().unwrap();
        let private = agreement::PrivateKey::from_private_key(curve, &private).unwrap();
        let peer = agreement::UnparsedPublicKey::new(curve, [vec![4], x, y].concat());
        let key: [u8; 16] = agreement::agree(&private, peer, (), |secret| {
            Ok(derive(secret, "A128GCM", [b"Alice", b"Bob"]))
        })
        .unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn content_encryption_is_that_of_the_specification() {
        // RFC 7516, Appendix A.3 and B.
        let key = [
            4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124,
            212, 45, 111, 107, 9, 219, 200, 177, 0, 240, 143, 156, 44, 207,
        ];
        let nonce = decode("AxY8DCtDaGlsbGljb3RoZQ").try_into().unwrap();
        let protected = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
        let sealed = seal_cbc(&key, nonce, protected, b"Live long and prosper.".to_vec());
        assert_eq!(
            URL_SAFE_NO_PAD.encode(sealed.ciphertext),
            "KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY"
        );
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed.tag), "U0m_YmjN04DJvceFICbCVQ");
    }
}
