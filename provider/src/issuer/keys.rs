//! What an issuer does with its signing keys when it is told to.

use super::Issuer;
use crate::jose::{KeyInfo, KeyStep, SigningAlgorithm};

impl Issuer {
    /// Publishes a key for the algorithm beside those that are there, and names it in the
    /// metadata. False, and nothing happens, where the issuer's own keys cannot sign with it, or it
    /// is keyed with a secret.
    pub fn publish_key(&self, algorithm: SigningAlgorithm) -> bool {
        !algorithm.is_symmetric() && self.0.keys.ensure(algorithm)
    }

    /// Lets a new key sign. The old ones stay published. The shipped test keys come in turns of
    /// three, so the third rotation comes back to the first key.
    pub fn rotate_keys(&self) {
        self.0.keys.rotate();
    }

    /// Takes one step of a rotation with the keys of every algorithm. False if there was nothing
    /// to do, such as no published key that waits to be used.
    ///
    /// ```
    /// use oauth_gauntlet_provider::{KeyState, KeyStep, MockProvider};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = MockProvider::builder().start().await?;
    /// let issuer = provider.issuer();
    /// // A client that caches the key set can learn of the next key before it signs.
    /// issuer.step_keys(KeyStep::Publish);
    /// assert_eq!(issuer.keys()[0].state, KeyState::Signing);
    /// assert_eq!(issuer.keys()[1].state, KeyState::Next);
    /// issuer.step_keys(KeyStep::Use);
    /// issuer.step_keys(KeyStep::Retire);
    /// issuer.step_keys(KeyStep::Drop);
    /// assert_eq!(issuer.keys()[0].kid, "rs256-2");
    /// # Ok(())
    /// # }
    /// ```
    pub fn step_keys(&self, step: KeyStep) -> bool {
        self.0.keys.step(step)
    }

    /// Every published key, and how far it has come. Waits for keys that are still being made.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.0.keys.list()
    }
}
