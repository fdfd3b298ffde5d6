//! Algorithms in client metadata.

use super::members::Members;
use super::offer::Offer;
use super::{Refusal, wrong};
use crate::endpoint::Call;
use crate::jose::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use crate::names::AuthMethod;
use crate::parties::Encryption;

/// What is signed and encrypted for a client, and what it signs.
pub(super) struct Algorithms<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) members: Members<'a>,
    pub(super) offer: &'a Offer,
    pub(super) has_secret: bool,
}

impl Algorithms<'_> {
    /// What the keys support is good where anything is offered, even if no key for it is published
    /// yet.
    pub(super) fn signing(
        &self,
        member: &str,
        list: &str,
    ) -> Result<Option<SigningAlgorithm>, Refusal> {
        let Some(name) = self.members.text(member)? else {
            return Ok(None);
        };
        let list = format!("{list}_alg_values_supported");
        let algorithm = SigningAlgorithm::from_name(name);
        let by_key = algorithm.is_some_and(|it| self.call.issuer.keys.supports(it));
        if !(by_key && self.offer.has(&list)) {
            self.offer.demand(member, &list, name)?;
        }
        let algorithm = algorithm.ok_or_else(|| wrong(member, "is no signing algorithm"))?;
        if algorithm.is_symmetric() && !self.has_secret {
            return Err(wrong(
                member,
                "is keyed with a secret, and the client has none",
            ));
        }
        Ok(Some(algorithm))
    }

    pub(super) fn encryption(&self, what: &str) -> Result<Option<Encryption>, Refusal> {
        let [alg, enc] = ["alg", "enc"].map(|it| format!("{what}_encrypted_response_{it}"));
        let Some(name) = self.members.text(&alg)? else {
            if self.members.has(&enc) {
                return Err(wrong(&enc, &format!("needs `{alg}` beside it")));
            }
            return Ok(None);
        };
        let list = |it: &str| format!("{what}_encryption_{it}_values_supported");
        self.offer.demand(&alg, &list("alg"), name)?;
        let algorithm = KeyManagementAlgorithm::from_name(name);
        let algorithm = algorithm.ok_or_else(|| wrong(&alg, "is unknown"))?;
        let content = match self.members.text(&enc)? {
            None => ContentEncryption::default(),
            Some(name) => {
                self.offer.demand(&enc, &list("enc"), name)?;
                let known = ContentEncryption::ALL.into_iter();
                let content = known.into_iter().find(|it| it.as_str() == name);
                content.ok_or_else(|| wrong(&enc, "is unknown"))?
            }
        };
        Ok(Some(Encryption { algorithm, content }))
    }
}

/// What the client's assertions are signed with, as far as its method of authentication can be
/// (OIDC Dynamic Client Registration 1.0 §2).
pub(super) fn assertion_algorithm(
    (members, offer): (Members<'_>, &Offer),
    method: AuthMethod,
) -> Result<Option<SigningAlgorithm>, Refusal> {
    const MEMBER: &str = "token_endpoint_auth_signing_alg";
    const LIST: &str = "token_endpoint_auth_signing_alg_values_supported";
    let Some(name) = members.text(MEMBER)? else {
        return Ok(None);
    };
    offer.demand(MEMBER, LIST, name)?;
    let algorithm = SigningAlgorithm::from_name(name);
    let algorithm = algorithm.ok_or_else(|| wrong(MEMBER, "is no signing algorithm"))?;
    let fits = match method {
        AuthMethod::ClientSecretJwt => algorithm.is_symmetric(),
        AuthMethod::PrivateKeyJwt => !algorithm.is_symmetric(),
        // Such a client makes no assertions.
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::TlsClientAuth
        | AuthMethod::SelfSignedTlsClientAuth
        | AuthMethod::None => true,
    };
    if fits {
        return Ok(Some(algorithm));
    }
    let problem = format!("has `{name}`, which is none for {}", method.as_str());
    Err(wrong(MEMBER, &problem))
}
