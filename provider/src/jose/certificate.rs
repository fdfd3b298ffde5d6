//! Certificates for signing keys, as some providers publish them beside the keys (`x5c`, RFC 7517
//! §4.7). Nobody vouches for them, and they are the same at each call.

use super::algorithm::SigningAlgorithm;
use super::der::{tagged, unsigned};
use super::key::SigningKey;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xa0;

/// The body of 1.2.840.113549.1.1, and what each signature with PKCS#1 v1.5 adds (RFC 4055 §5).
const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// The body of 2.5.4.3, `commonName` (RFC 5280, Appendix A.1).
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// A certificate that the key signed itself, as DER (RFC 5280 §4.1). None for keys that do not sign
/// with PKCS#1 v1.5.
pub(super) fn certificate(key: &SigningKey) -> Option<Vec<u8>> {
    let signs_with = match key.algorithm {
        SigningAlgorithm::Rs256 => 11,
        SigningAlgorithm::Rs384 => 12,
        SigningAlgorithm::Rs512 => 13,
        _ => return None,
    };
    let oid = [&PKCS1[..], &[signs_with]].concat();
    let algorithm = sequence(&[tagged(OBJECT_IDENTIFIER, &oid), tagged(NULL, &[])]);
    let common_name = [
        tagged(OBJECT_IDENTIFIER, &COMMON_NAME),
        tagged(UTF8_STRING, b"OAuth Gauntlet test key"),
    ];
    let name = sequence(&[tagged(SET, &sequence(&common_name))]);
    let validity = ["200101000000Z", "491231235959Z"].map(|it| tagged(UTC_TIME, it.as_bytes()));
    let signed = sequence(&[
        tagged(VERSION, &tagged(INTEGER, &[2])),
        tagged(INTEGER, &unsigned(&[1])),
        algorithm.clone(),
        name.clone(),
        sequence(&validity),
        name,
        key.public().der(),
    ]);
    let signature = [&[0][..], &key.sign(&signed)].concat();
    Some(sequence(&[
        signed,
        algorithm,
        tagged(BIT_STRING, &signature),
    ]))
}

fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &values.concat())
}
