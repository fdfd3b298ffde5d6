//! JOSE by hand, on one cryptographic library: keys, signatures and encryption (RFC 7515 to 7518).
//! A JWT library cannot say what faults have to say, and would parse a key for each signature.

mod algorithm;
mod certificate;
mod der;
pub(crate) mod jwe;
pub(crate) mod jwk;
pub(crate) mod jws;
pub(crate) mod key;
mod known;
mod own;
pub(crate) mod public;
mod ring;
mod source;
mod turns;
pub(crate) mod verify;

pub use algorithm::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
pub(crate) use jws::{
    Secret, Signer, half_hash, own_claims, sign_with, unpublished_jwk, with_certificates,
};
pub use own::{OwnKey, OwnKeyError};
pub(crate) use ring::{KeyRing, RingState};
pub use source::KeySource;
pub use turns::{KeyInfo, KeyState, KeyStep};
