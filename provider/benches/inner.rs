//! What the pieces of a provider cost, through the public API. `cargo bench -p
//! oauth-gauntlet-provider`; `scripts/compare-peers` reads `builder_start` and `new_issuer`.
//!
//! What goes over HTTP is measured over one kept loopback connection, the thread switch included.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has nothing to say"
)]

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use oauth_gauntlet_provider::{
    Client, Issuer, IssuerSettings, MockProvider, MockProviderBuilder, SigningAlgorithm,
};
use tokio::runtime::{Builder, Runtime};

const CALLBACK: &str = "http://localhost:3000/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The algorithms that the token exchange is measured with: one of each kind.
const ALGORITHMS: [SigningAlgorithm; 4] = [
    SigningAlgorithm::Rs256,
    SigningAlgorithm::Ps256,
    SigningAlgorithm::Es256,
    SigningAlgorithm::EdDsa,
];

/// The start of a provider in a test, until it listens; its end is not measured.
fn builder_start(c: &mut Criterion) {
    let runtime = runtime();
    c.bench_function("builder_start", |b| {
        b.iter_batched(
            builder,
            |builder| runtime.block_on(builder.start()).unwrap(),
            BatchSize::PerIteration,
        );
    });
    c.bench_function("builder_start_to_discovery", |b| {
        b.iter_batched(
            builder,
            |builder| {
                let provider = runtime.block_on(builder.start()).unwrap();
                let mut wire = Wire::to(&provider);
                wire.get("/.well-known/openid-configuration");
                provider
            },
            BatchSize::PerIteration,
        );
    });
}

/// One more issuer in a provider that runs; its removal is not measured.
fn new_issuer(c: &mut Criterion) {
    let provider = provider(SigningAlgorithm::Rs256);
    c.bench_function("new_issuer", |b| {
        b.iter_batched(
            || {
                provider.remove_issuer("new");
                settings(SigningAlgorithm::Rs256)
            },
            |settings| provider.create_issuer("new", settings).unwrap(),
            BatchSize::PerIteration,
        );
    });
}

/// A sign-in without a browser and without HTTP: from the authorization request to the code.
fn headless_login(c: &mut Criterion) {
    let provider = provider(SigningAlgorithm::Rs256);
    c.bench_function("headless_login", |b| {
        b.iter(|| code(provider.issuer()));
    });
}

/// From a code to tokens, over HTTP. What differs between the algorithms is the signature.
fn token_exchange(c: &mut Criterion) {
    let mut group = c.benchmark_group("token_exchange");
    for algorithm in ALGORITHMS {
        let provider = provider(algorithm);
        let mut wire = Wire::to(&provider);
        group.bench_function(algorithm.as_str(), |b| {
            b.iter_batched(
                || {
                    format!(
                        "grant_type=authorization_code&client_id=app&client_secret=secret\
                         &redirect_uri={}&code_verifier={VERIFIER}&code={}",
                        encoded(CALLBACK),
                        code(provider.issuer())
                    )
                },
                |form| wire.post("/token", &form),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Documents that are the same every time, over HTTP.
fn documents(c: &mut Criterion) {
    let provider = provider(SigningAlgorithm::Rs256);
    let mut wire = Wire::to(&provider);
    c.bench_function("discovery", |b| {
        b.iter(|| wire.get("/.well-known/openid-configuration"));
    });
    c.bench_function("jwks", |b| b.iter(|| wire.get("/jwks")));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn settings(algorithm: SigningAlgorithm) -> IssuerSettings {
    IssuerSettings {
        clients: vec![Client::confidential("app", "secret").redirect_uri(CALLBACK)],
        algorithm,
        ..IssuerSettings::default()
    }
}

fn builder() -> MockProviderBuilder {
    MockProvider::builder().settings(settings(SigningAlgorithm::Rs256))
}

fn provider(algorithm: SigningAlgorithm) -> MockProvider {
    let builder = MockProvider::builder().settings(settings(algorithm));
    runtime().block_on(builder.start()).unwrap()
}

/// A fresh code for alice.
fn code(issuer: &Issuer) -> String {
    let request = format!(
        "{}/authorize?response_type=code&client_id=app&redirect_uri={}&scope=openid%20profile\
         &state=state&nonce=nonce&code_challenge={CHALLENGE}&code_challenge_method=S256",
        issuer.url(),
        encoded(CALLBACK)
    );
    let callback = issuer.login(&request, "alice").unwrap();
    let (_, query) = callback.split_once('?').unwrap();
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    code.unwrap().to_owned()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A kept connection, with just enough HTTP.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    fn to(provider: &MockProvider) -> Self {
        let address = provider.base_url().strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 64 * 1024],
        }
    }

    fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.exchange(request.as_bytes()).unwrap();
    }

    fn post(&mut self, path: &str, form: &str) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        self.exchange(request.as_bytes()).unwrap();
    }

    /// Reads to the end of the response, whose status has to be 200.
    fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            assert!(read > 0, "the connection was closed");
            filled += read;
            let text = String::from_utf8_lossy(&self.buffer[..filled]);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            assert!(head.starts_with("HTTP/1.1 200"), "{text}");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse::<usize>().ok())
                .expect("our responses say how long they are");
            if body.len() >= length {
                return Ok(());
            }
        }
    }
}

criterion_group! {
    name = inner;
    config = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1));
    targets = builder_start, new_issuer, headless_login, token_exchange, documents
}
criterion_main!(inner);
