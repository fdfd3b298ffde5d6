//! Signing alone: how often a kept key signs in a second, and so what no provider can exceed.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::Serialize;

use crate::cli::{Algorithm, SignArgs};

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct SignReport {
    alg: &'static str,
    count: u64,
    errors: u64,
    seconds: f64,
    per_second: f64,
}

pub(crate) fn measure(args: &SignArgs) -> anyhow::Result<SignReport> {
    let sign = signer(args.alg)?;
    let input = vec![b'x'; args.bytes];
    sign(&input)?;
    let mut count = 0_u32;
    let started = Instant::now();
    while started.elapsed() < args.seconds {
        sign(black_box(&input))?;
        count += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(SignReport {
        alg: args.alg.as_str(),
        count: count.into(),
        errors: 0,
        seconds,
        per_second: f64::from(count) / seconds,
    })
}

type Sign = Box<dyn Fn(&[u8]) -> anyhow::Result<()>>;

fn signer(algorithm: Algorithm) -> anyhow::Result<Sign> {
    let random = SystemRandom::new();
    Ok(match algorithm {
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).context("no RSA key was made")?;
            let size = pair.public_modulus_len();
            Box::new(move |input| {
                let mut signature = vec![0; size];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)
                    .context("RS256 did not sign")?;
                black_box(signature);
                Ok(())
            })
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .context("no EC key was made")?;
            Box::new(move |input| {
                black_box(pair.sign(&random, input).context("ES256 did not sign")?);
                Ok(())
            })
        }
    })
}
