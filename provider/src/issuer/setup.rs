//! How an issuer comes to be.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use super::{First, House, Issuer, IssuerState, Shared, people};
use crate::clock::Randomness;
use crate::fault::Faults;
use crate::issue::Prepared;
use crate::jose::{KeyRing, SigningAlgorithm};
use crate::journal::Journal;
use crate::published_keys::PublishedKeys;
use crate::settings::IssuerSettings;

impl Issuer {
    pub(crate) fn new(name: &str, house: &House, settings: IssuerSettings) -> Self {
        let (addresses, stores) = (&house.addresses, &house.stores);
        let own_path = if name.is_empty() {
            String::new()
        } else {
            format!("/{name}")
        };
        // Issuers with one seed do not hand out the same codes. Replicas would, so they have none.
        let seed = settings.seed.filter(|_| !stores.are_shared());
        let seed = seed.map(|seed| {
            (name.bytes()).fold(seed, |seed, byte| {
                seed.wrapping_mul(31).wrapping_add(u64::from(byte))
            })
        });
        let urls = addresses.urls(&house.base_url, &own_path);
        let keys = KeyRing::new(settings.algorithm, settings.keys.clone());
        if stores.are_shared() {
            // No replica can know what another one will sign with.
            for algorithm in SigningAlgorithm::ASYMMETRIC {
                keys.ensure(algorithm);
            }
        }
        let name: Arc<str> = name.into();
        let common = stores.common(&urls.issuer);
        if let Some(common) = &common {
            settings.clock.share(common);
        }
        Self(Arc::new(IssuerState {
            path: format!("{}{own_path}", addresses.base_path),
            store: stores.of(&urls.issuer),
            urls,
            addresses: Arc::clone(addresses),
            tests: Arc::clone(&house.tests),
            speaks_tls: house.base_url.starts_with("https://"),
            outbound: house.outbound.clone(),
            published_keys: PublishedKeys::default(),
            fetches_keys: AtomicBool::new(settings.clients.iter().any(people::publishes_keys)),
            clients: RwLock::new(settings.clients.iter().cloned().map(Arc::new).collect()),
            users: RwLock::new(settings.users.clone()),
            keys,
            metadata: Prepared::default(),
            jwks: Prepared::default(),
            sealer: OnceLock::new(),
            randomness: Randomness::new(seed),
            faults: Faults::of(common.clone()),
            journal: Journal::of(common.clone(), &name),
            shared: common.map(Shared::new),
            name,
            first: First {
                clock: settings.clock.state(),
                faults: Mutex::default(),
            },
            snapshots: Mutex::default(),
            settings,
        }))
    }
}
