//! The keys of one issuer: which are published, which one signs, and how they take turns.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::algorithm::{KeyKind, SigningAlgorithm};
use super::key::SigningKey;
use super::own::OwnKey;
use super::source::{self, KeySource, LazyKey, Origin};
use super::turns::{Entry, KeyInfo, KeyState, KeyStep, Row};

/// How many threads make keys at most.
const MAX_THREADS: usize = 4;

/// The keys of one issuer. One that was just made has parsed and made none of them.
#[derive(Debug)]
pub(crate) struct KeyRing {
    source: KeySource,
    algorithm: SigningAlgorithm,
    rows: RwLock<Rows>,
    version: AtomicU64,
    /// The version from which on every published key is there without a wait, plus one.
    ready: AtomicU64,
}

/// What a ring was like at some moment.
#[derive(Debug, Clone)]
pub(crate) struct RingState(Rows);

type Rows = BTreeMap<SigningAlgorithm, Row>;

impl KeyRing {
    /// A ring that signs with the algorithm. Where the source does not support it, own keys sign
    /// with what the first of them is for, and others with RS256.
    pub(crate) fn new(algorithm: SigningAlgorithm, source: KeySource) -> Self {
        let source = match source {
            KeySource::Own(keys) if keys.is_empty() => KeySource::Generated,
            source => source,
        };
        let algorithm = match &source {
            source if source.supports(algorithm) => algorithm,
            KeySource::Own(keys) => keys[0].default_algorithm(),
            KeySource::Test | KeySource::OtherTest | KeySource::Generated => {
                SigningAlgorithm::default()
            }
        };
        let ring = Self {
            source,
            algorithm,
            rows: RwLock::default(),
            version: AtomicU64::new(0),
            ready: AtomicU64::new(0),
        };
        let own = match &ring.source {
            KeySource::Own(keys) => keys.iter().map(OwnKey::default_algorithm).collect(),
            KeySource::Test | KeySource::OtherTest | KeySource::Generated => Vec::new(),
        };
        let usual = [
            algorithm,
            SigningAlgorithm::Rs256,
            SigningAlgorithm::Es256,
            SigningAlgorithm::EdDsa,
        ];
        for algorithm in usual.into_iter().chain(own) {
            ring.ensure(algorithm);
        }
        ring
    }

    /// The issuer's own algorithm. It is never a symmetric one.
    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Whether the ring can sign with the algorithm.
    pub(crate) fn supports(&self, algorithm: SigningAlgorithm) -> bool {
        self.source.supports(algorithm)
    }

    /// The algorithms that keys are published for, in the order of [`SigningAlgorithm::ALL`].
    pub(crate) fn algorithms(&self) -> Vec<SigningAlgorithm> {
        self.read().keys().copied().collect()
    }

    /// Publishes a key for the algorithm, if none is yet. False, and nothing happens, where the
    /// ring does not support it.
    pub(crate) fn ensure(&self, algorithm: SigningAlgorithm) -> bool {
        if self.read().contains_key(&algorithm) {
            return true;
        }
        if !self.supports(algorithm) {
            return false;
        }
        let mut rows = self.write();
        if !rows.contains_key(&algorithm) {
            // A new algorithm joins where those before it have come to.
            let turn = signing_turn(&rows, algorithm).unwrap_or(0);
            let key = self.key(&rows, algorithm, turn);
            self.insert(&mut rows, key, turn);
        }
        true
    }

    /// The key that the issuer itself signs with now.
    pub(crate) fn own(&self) -> Arc<SigningKey> {
        let key = self.signing(self.algorithm);
        key.expect("a ring supports its own algorithm")
    }

    /// The key that signs now with the algorithm, published if it was not yet. None where the
    /// ring does not support it.
    pub(crate) fn signing(&self, algorithm: SigningAlgorithm) -> Option<Arc<SigningKey>> {
        let published = || {
            let rows = self.read();
            rows.get(&algorithm)
                .map(|row| Arc::clone(&row.signing().key))
        };
        let key = published().or_else(|| self.ensure(algorithm).then(published).flatten());
        // Outside the lock: the key may have to be made first.
        key.map(|key| key.get())
    }

    /// A published key of another algorithm.
    pub(crate) fn other(&self, algorithm: SigningAlgorithm) -> Arc<SigningKey> {
        let familiar = match algorithm.kind() {
            Some(KeyKind::Rsa) => SigningAlgorithm::Es256,
            Some(KeyKind::Ec(_) | KeyKind::Ed25519) | None => SigningAlgorithm::Rs256,
        };
        let published = self.algorithms();
        let other = (std::iter::once(familiar).filter(|it| published.contains(it)))
            .chain(published.iter().copied())
            .chain(SigningAlgorithm::ASYMMETRIC)
            .find(|it| *it != algorithm && self.supports(*it));
        if let Some(key) = other.and_then(|other| self.signing(other)) {
            return key;
        }
        // Own keys that can do nothing else.
        self.published_or_new(familiar)
    }

    /// The key that signs now with the algorithm. Where the ring has none and supports none, one is
    /// made and published.
    pub(crate) fn published_or_new(&self, algorithm: SigningAlgorithm) -> Arc<SigningKey> {
        if let Some(key) = self.signing(algorithm) {
            return key;
        }
        let key = LazyKey::generated(algorithm);
        let mut rows = self.write();
        if !rows.contains_key(&algorithm) {
            self.insert(&mut rows, Arc::clone(&key), 0);
        }
        drop(rows);
        key.get()
    }

    /// The key that is never published.
    pub(crate) fn unpublished(&self, algorithm: SigningAlgorithm) -> SigningKey {
        source::kept_back(&self.source, algorithm)
    }

    /// The key that was withdrawn last ([`KeyStep::Drop`]). Where none was, one that was never
    /// published.
    pub(crate) fn withdrawn(&self, algorithm: SigningAlgorithm) -> Arc<SigningKey> {
        let rows = self.read();
        let withdrawn = rows.get(&algorithm).and_then(Row::withdrawn).cloned();
        drop(rows);
        withdrawn.map_or_else(|| Arc::new(self.unpublished(algorithm)), |key| key.get())
    }

    /// Every published key.
    pub(crate) fn published(&self) -> Vec<Arc<SigningKey>> {
        let keys = self.each(|entry| Arc::clone(&entry.key));
        keys.iter().map(|key| key.get()).collect()
    }

    /// The key of this name, if the issuer accepts what it signed.
    pub(crate) fn accepted(
        &self,
        algorithm: SigningAlgorithm,
        kid: &str,
    ) -> Option<Arc<SigningKey>> {
        let entries = self.read().get(&algorithm)?.entries().to_vec();
        (entries.iter())
            .filter(|entry| entry.state != KeyState::Retired)
            .map(|entry| entry.key.get())
            .find(|key| key.kid == kid)
    }

    /// Every published key, with how far it has come.
    pub(crate) fn list(&self) -> Vec<KeyInfo> {
        let info = |entry: Entry| KeyInfo {
            kid: entry.key.get().kid.clone(),
            alg: entry.key.algorithm,
            state: entry.state,
        };
        self.each(Entry::clone).into_iter().map(info).collect()
    }

    /// A number that changes whenever [`Self::published`] does. Read it first, then the keys.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Lets the next key of every algorithm sign. The old ones stay published and accepted.
    pub(crate) fn rotate(&self) {
        self.step(KeyStep::Publish);
        self.step(KeyStep::Use);
    }

    /// Takes a step with every algorithm. False if there was nothing to do.
    pub(crate) fn step(&self, step: KeyStep) -> bool {
        let algorithms = self.algorithms();
        let steps = (algorithms.into_iter()).map(|algorithm| self.step_one(algorithm, step));
        steps.fold(false, |any, changed| any | changed)
    }

    /// Takes a step with one algorithm. False if there was nothing to do, or no key is published
    /// for the algorithm.
    pub(crate) fn step_one(&self, algorithm: SigningAlgorithm, step: KeyStep) -> bool {
        let mut rows = self.write();
        match step {
            KeyStep::Publish => {
                let Some(turn) = rows.get(&algorithm).and_then(Row::next_turn) else {
                    return false;
                };
                let key = self.key(&rows, algorithm, turn);
                let publish = |row: &mut Row| row.publish(Arc::clone(&key), turn);
                if rows.get_mut(&algorithm).is_some_and(publish) {
                    self.changed();
                }
                drop(rows);
                make_in_background(key);
                true
            }
            KeyStep::Use => rows.get_mut(&algorithm).is_some_and(Row::let_next_sign),
            KeyStep::Retire => rows.get_mut(&algorithm).is_some_and(Row::retire),
            KeyStep::Drop => {
                let dropped = rows.get_mut(&algorithm).is_some_and(Row::drop_retired);
                if dropped {
                    self.changed();
                }
                dropped
            }
        }
    }

    /// Which keys are published now, and how far they have come.
    pub(crate) fn state(&self) -> RingState {
        RingState(self.read().clone())
    }

    /// Publishes what was published then.
    pub(crate) fn restore(&self, state: &RingState) {
        self.write().clone_from(&state.0);
        self.changed();
    }

    /// Begins anew with the first keys.
    pub(crate) fn reset(&self) {
        self.restore(&Self::new(self.algorithm, self.source.clone()).state());
    }

    /// Whether every published key is there without a wait.
    pub(crate) fn is_ready(&self) -> bool {
        let version = self.version();
        if self.ready.load(Ordering::Acquire) == version + 1 {
            return true;
        }
        let ready = (self.read().values().flat_map(Row::entries)).all(|it| it.key.is_ready());
        if ready {
            self.ready.store(version + 1, Ordering::Release);
        }
        ready
    }

    /// Makes or loads every published key, the issuer's own first.
    pub(crate) fn prepare(&self) {
        self.own();
        self.published();
    }

    /// The how-manieth key of an algorithm.
    fn key(&self, rows: &Rows, algorithm: SigningAlgorithm, turn: usize) -> Arc<LazyKey> {
        match &self.source {
            KeySource::Test => LazyKey::test(algorithm, turn),
            KeySource::OtherTest => LazyKey::test(algorithm, turn + 1),
            KeySource::Generated if turn == 0 => LazyKey::generated(algorithm),
            KeySource::Generated => fresh(rows, algorithm, turn),
            KeySource::Own(keys) => {
                let mut able = keys.iter().filter(|key| key.signs_with(algorithm));
                match able.nth(turn) {
                    Some(key) => {
                        let kid = self.own_kid(key, algorithm);
                        let pair = key.pair();
                        LazyKey::new(algorithm, Origin::Own { kid, pair })
                    }
                    None => fresh(rows, algorithm, turn),
                }
            }
        }
    }

    /// A pair of RSA is published once for each algorithm. Under the issuer's own algorithm, or
    /// else under RS256, it has its plain name.
    fn own_kid(&self, key: &OwnKey, algorithm: SigningAlgorithm) -> String {
        let main = if key.signs_with(self.algorithm) {
            self.algorithm
        } else {
            key.default_algorithm()
        };
        if key.has_one_algorithm() || algorithm == main {
            return key.kid().to_owned();
        }
        format!("{}-{}", key.kid(), algorithm.as_str().to_ascii_lowercase())
    }

    fn insert(&self, rows: &mut Rows, key: Arc<LazyKey>, turn: usize) {
        rows.insert(key.algorithm, Row::new(key, turn));
        self.changed();
    }

    /// Something of every published key.
    fn each<T>(&self, take: impl Fn(&Entry) -> T) -> Vec<T> {
        let rows = self.read();
        let entries = rows.values().flat_map(Row::entries);
        entries.map(take).collect()
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of the key that signs with an algorithm of the same kind, or else of any kind.
fn signing_turn(rows: &Rows, algorithm: SigningAlgorithm) -> Option<usize> {
    let same_kind = (rows.iter()).find(|(it, _)| it.kind() == algorithm.kind());
    let (_, row) = same_kind.or(rows.iter().next())?;
    Some(row.signing().turn)
}

/// A key that was made for this turn. Algorithms of one kind share the pair.
fn fresh(rows: &Rows, algorithm: SigningAlgorithm, turn: usize) -> Arc<LazyKey> {
    let shared = (rows.iter())
        .filter(|(it, _)| it.kind() == algorithm.kind())
        .flat_map(|(_, row)| row.entries())
        .filter(|entry| entry.turn == turn)
        .find_map(|entry| match &entry.key.origin {
            Origin::Generated(pair) => Some(Arc::clone(pair)),
            Origin::Test { .. } | Origin::Own { .. } => None,
        });
    match shared {
        Some(pair) => LazyKey::new(algorithm, Origin::Generated(pair)),
        None => LazyKey::fresh(algorithm),
    }
}

/// So that the first use need not wait. Where no thread can be had, it does.
fn make_in_background(key: Arc<LazyKey>) {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    if !matches!(key.origin, Origin::Generated(_)) {
        return;
    }
    if THREADS.fetch_add(1, Ordering::AcqRel) >= MAX_THREADS {
        THREADS.fetch_sub(1, Ordering::AcqRel);
        return;
    }
    let make = move || {
        key.get();
        THREADS.fetch_sub(1, Ordering::AcqRel);
    };
    if std::thread::Builder::new().spawn(make).is_err() {
        THREADS.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::jose::own_claims;

    fn kids(ring: &KeyRing) -> BTreeSet<String> {
        let published = ring.published();
        published.iter().map(|key| key.kid.clone()).collect()
    }

    fn states(ring: &KeyRing) -> Vec<(String, KeyState)> {
        let list = ring.list();
        list.into_iter().map(|it| (it.kid, it.state)).collect()
    }

    /// A P-384 key of one's own.
    fn own(number: usize) -> OwnKey {
        let pem = match number {
            1 => include_str!("../../keys/p384-1.pem"),
            _ => include_str!("../../keys/p384-2.pem"),
        };
        OwnKey::from_pem(pem)
            .unwrap()
            .with_kid(format!("own-{number}"))
    }

    #[test]
    fn a_rotation_publishes_one_more_key_of_each_algorithm_and_signs_with_it() {
        let ring = KeyRing::new(SigningAlgorithm::Es256, KeySource::Test);
        assert_eq!(ring.published().len(), 3);
        let before = ring.own().kid.clone();
        ring.rotate();
        assert_eq!(ring.published().len(), 6);
        assert_ne!(ring.own().kid, before);
        for _ in 0..5 {
            ring.rotate();
        }
        assert_eq!(ring.published().len(), 9);
        assert_eq!(ring.own().kid, before);
    }

    #[test]
    fn the_other_test_keys_share_none_with_the_first_and_kept_back_ones_are_never_published() {
        let kids = |source| kids(&KeyRing::new(SigningAlgorithm::Rs256, source));
        assert!(kids(KeySource::Test).is_disjoint(&kids(KeySource::OtherTest)));
        assert!(!kids(KeySource::Test).contains("unpublished"));
    }

    #[test]
    fn the_four_steps_are_four_observable_things() {
        let ring = KeyRing::new(SigningAlgorithm::EdDsa, KeySource::Test);
        let sign = || {
            let key = ring.own();
            let header = serde_json::json!({"alg": "EdDSA", "kid": key.kid});
            super::super::jws::compact(&header.to_string(), "{}", |it| key.sign(it))
        };
        let observed = |token: &str| {
            let published = kids(&ring).contains("eddsa-1");
            let accepted = own_claims(&ring, token).is_some();
            (
                published,
                kids(&ring).len(),
                ring.own().kid.clone(),
                accepted,
            )
        };
        let eddsa = |step| ring.step_one(SigningAlgorithm::EdDsa, step);
        let old = sign();
        let (one, two) = ("eddsa-1".to_owned(), "eddsa-2".to_owned());
        assert_eq!(observed(&old), (true, 3, one.clone(), true));
        for out_of_turn in [KeyStep::Use, KeyStep::Retire, KeyStep::Drop] {
            assert!(!eddsa(out_of_turn), "{out_of_turn:?}");
        }
        assert!(eddsa(KeyStep::Publish));
        assert!(!eddsa(KeyStep::Publish));
        assert_eq!(observed(&old), (true, 4, one, true));
        assert!(eddsa(KeyStep::Use));
        assert_eq!(observed(&old), (true, 4, two.clone(), true));
        assert!(eddsa(KeyStep::Retire));
        assert_eq!(observed(&old), (true, 4, two.clone(), false));
        assert!(own_claims(&ring, &sign()).is_some());
        assert!(eddsa(KeyStep::Drop));
        assert_eq!(observed(&old), (false, 3, two, false));
        assert!(!ring.step_one(SigningAlgorithm::Hs256, KeyStep::Publish));
    }

    #[test]
    fn the_list_says_how_far_each_key_has_come() {
        let ring = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        ring.rotate();
        ring.step(KeyStep::Retire);
        ring.step(KeyStep::Publish);
        let rs256: Vec<(String, KeyState)> = states(&ring).into_iter().take(3).collect();
        assert_eq!(
            rs256,
            [
                ("rs256-1".to_owned(), KeyState::Retired),
                ("rs256-2".to_owned(), KeyState::Signing),
                ("rs256-3".to_owned(), KeyState::Next),
            ]
        );
        let first = serde_json::to_value(&ring.list()[0]).unwrap();
        assert_eq!(
            first,
            serde_json::json!({"kid": "rs256-1", "alg": "RS256", "state": "retired"})
        );
    }

    #[test]
    fn the_version_changes_with_what_is_published_and_with_nothing_else() {
        let ring = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        let mut seen = (ring.version(), kids(&ring));
        let mut check = |what: &str| {
            let now = (ring.version(), kids(&ring));
            assert_eq!(now.0 == seen.0, now.1 == seen.1, "{what}");
            seen = now;
        };
        for step in [
            KeyStep::Publish,
            KeyStep::Use,
            KeyStep::Retire,
            KeyStep::Drop,
        ] {
            ring.step(step);
            check(&format!("{step:?}"));
        }
        assert!(ring.ensure(SigningAlgorithm::Ps512));
        check("ensure");
        assert!(ring.ensure(SigningAlgorithm::Ps512));
        check("ensure again");
        assert!(!ring.ensure(SigningAlgorithm::Hs256));
        check("symmetric");
        for number in 0..4 {
            ring.rotate();
            check(&format!("rotation {number}"));
        }
    }

    #[test]
    fn an_algorithm_that_is_asked_for_later_joins_the_others() {
        let ring = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Test);
        ring.rotate();
        assert!(!kids(&ring).contains("ps384-2"));
        assert_eq!(
            ring.signing(SigningAlgorithm::Ps384).unwrap().kid,
            "ps384-2"
        );
        assert!(kids(&ring).contains("ps384-2"));
        let rs256 = ring.own();
        let ps384 = ring.signing(SigningAlgorithm::Ps384).unwrap();
        assert_eq!(rs256.public(), ps384.public());
        assert!(ring.signing(SigningAlgorithm::Hs256).is_none());
    }

    #[test]
    fn a_rotation_of_generated_keys_makes_new_ones_that_algorithms_of_a_kind_share() {
        let ring = KeyRing::new(SigningAlgorithm::Es256, KeySource::Generated);
        let twin = KeyRing::new(SigningAlgorithm::Es256, KeySource::Generated);
        assert_eq!(ring.own().kid, twin.own().kid);
        ring.ensure(SigningAlgorithm::Rs512);
        ring.rotate();
        twin.rotate();
        assert_ne!(ring.own().kid, twin.own().kid);
        let key = |algorithm| ring.signing(algorithm).unwrap();
        let (rs256, rs512) = (key(SigningAlgorithm::Rs256), key(SigningAlgorithm::Rs512));
        assert_eq!(rs256.public(), rs512.public());
        assert_ne!(rs256.kid, rs512.kid);
    }

    #[test]
    fn the_number_of_published_keys_is_bounded() {
        let ring = KeyRing::new(SigningAlgorithm::EdDsa, KeySource::Generated);
        for _ in 0..20 {
            ring.step_one(SigningAlgorithm::EdDsa, KeyStep::Publish);
            ring.step_one(SigningAlgorithm::EdDsa, KeyStep::Use);
        }
        let eddsa = (ring.list().into_iter()).filter(|it| it.alg == SigningAlgorithm::EdDsa);
        assert_eq!(eddsa.count(), 8);
        assert!(kids(&ring).contains(&ring.own().kid));
    }

    #[test]
    fn own_keys_support_what_they_can_do_and_take_turns_before_new_ones_are_made() {
        let source = KeySource::Own(vec![own(1), own(2)]);
        let ring = KeyRing::new(SigningAlgorithm::Rs256, source);
        assert_eq!(ring.algorithm(), SigningAlgorithm::Es384);
        assert_eq!(ring.algorithms(), [SigningAlgorithm::Es384]);
        assert!(!ring.supports(SigningAlgorithm::Rs256));
        assert!(ring.signing(SigningAlgorithm::Es256).is_none());
        assert_eq!(kids(&ring), BTreeSet::from(["own-1".to_owned()]));
        ring.rotate();
        assert_eq!(ring.own().kid, "own-2");
        ring.rotate();
        assert_eq!(ring.own().kid.len(), 16);
        assert_eq!(ring.published().len(), 3);
        // A fault that needs another algorithm gets a key of it, published as it says.
        let other = ring.other(SigningAlgorithm::Es384);
        assert_eq!(other.algorithm, SigningAlgorithm::Rs256);
        assert!(kids(&ring).contains(&other.kid));
    }

    #[test]
    fn an_rsa_key_of_ones_own_has_its_plain_name_for_the_issuers_algorithm() {
        let pem = include_str!("../../keys/rsa-1.pem");
        let key = OwnKey::from_pem(pem).unwrap().with_kid("mine");
        let ring = KeyRing::new(SigningAlgorithm::Ps256, KeySource::Own(vec![key, own(1)]));
        let kids = kids(&ring);
        let expected = ["mine", "mine-rs256", "own-1"].map(str::to_owned);
        assert_eq!(kids, BTreeSet::from(expected));
        assert_eq!(ring.own().kid, "mine");
    }

    #[test]
    fn no_own_key_is_the_same_as_generated_ones() {
        let ring = KeyRing::new(SigningAlgorithm::Es512, KeySource::Own(Vec::new()));
        assert_eq!(ring.algorithm(), SigningAlgorithm::Es512);
        assert_eq!(ring.algorithms().len(), 4);
    }

    #[test]
    fn a_ring_is_ready_once_its_keys_are_there() {
        let ring = KeyRing::new(SigningAlgorithm::Rs256, KeySource::Generated);
        ring.prepare();
        assert!(ring.is_ready());
        ring.rotate();
        ring.prepare();
        assert!(ring.is_ready());
    }
}
