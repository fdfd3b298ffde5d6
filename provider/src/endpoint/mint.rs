//! Making tokens: the honest artefact, through the faults, signed or sealed.

use crate::access_token::{AccessToken, Binding};
use crate::fault::{AccessTokenDraft, Moment};
use crate::grant::Grant;
use crate::issue::{self, FrontChannel, Issuance};
use crate::jose::{self, Secret, Signer, SigningAlgorithm};
use crate::names::AccessTokenFormat;
use crate::parties::Client;

use super::Call;

/// What tokens are made from.
#[derive(Debug)]
pub(super) struct Mint<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) client: &'a Client,
    pub(super) grant: &'a Grant,
    /// The scopes of the tokens; no more than those of the grant.
    pub(super) scopes: &'a [String],
    /// The resources that the access token is for (RFC 8707 §2.2).
    pub(super) audience: &'a [String],
    pub(super) bound_to: Binding,
}

impl Mint<'_> {
    /// How many seconds an access token lives.
    pub(super) fn access_token_lifetime(&self) -> u64 {
        let issuers = self.call.issuer.settings.access_token_lifetime;
        (self.client.access_token_lifetime)
            .unwrap_or(issuers)
            .as_secs()
    }

    /// An access token as it goes out.
    pub(super) fn access_token(&self) -> String {
        let (call, grant) = (self.call, self.grant);
        let issuer = call.issuer;
        let worth = AccessTokenDraft { honoured: true };
        let token = AccessToken {
            id: issuer.randomness.id(),
            grant: grant.id.clone(),
            client_id: grant.client_id.clone(),
            sub: grant.sub().map(str::to_owned),
            scopes: self.scopes.to_vec(),
            audience: self.audience.to_vec(),
            issued_at: call.now,
            expires_at: call.now.saturating_add(self.access_token_lifetime()),
            generation: call.shelf().generation(),
            honoured: issuer.faults.tamper(&self.moment(), worth).honoured,
            asked: grant.claims.userinfo.keys().cloned().collect(),
            login_hint: grant.login_hint.clone(),
            bound_to: self.bound_to.clone(),
            auth_time: grant.user.as_ref().map(|user| user.auth_time),
            actors: grant.actors.clone(),
            test: grant.test.clone(),
        };
        let Some(keeper) = call.reached(issuer.sealer()) else {
            return String::new();
        };
        let sealed = keeper.seal(&token, issuer.randomness.bytes());
        let own = self.client.access_token_format;
        match own.unwrap_or(issuer.settings.access_token_format) {
            AccessTokenFormat::Opaque => sealed,
            AccessTokenFormat::Jwt => {
                let signer = Signer::Key(issuer.keys.own());
                let draft =
                    issue::access_token(call.at(), &signer, self.client, grant, &token, &sealed);
                let draft = issuer.faults.tamper(&self.moment(), draft);
                jose::sign_with(&issuer.keys, &signer, draft)
            }
        }
    }

    /// An ID token as it goes out; none where nobody signed in.
    pub(super) fn id_token(
        &self,
        nonce: Option<&str>,
        access_token: Option<&str>,
        front: Option<FrontChannel<'_>>,
    ) -> Option<String> {
        let issuer = self.call.issuer;
        let issuance = Issuance {
            client: self.client,
            grant: self.grant,
            scopes: self.scopes,
            nonce,
            access_token,
            front,
        };
        let signer = signer(self.call, self.client, self.client.id_token_algorithm);
        let draft = issue::id_token(self.call.at(), &signer, &issuance)?;
        let draft = issuer.faults.tamper(&self.moment(), draft);
        Some(jose::sign_with(&issuer.keys, &signer, draft))
    }

    /// The circumstances, with the redirect URI of the grant.
    pub(super) fn moment(&self) -> Moment<'_> {
        Moment {
            redirect_uri: Some(&self.grant.redirect_uri),
            ..self.call.moment()
        }
    }
}

/// What signs for a client: as it registered, or else as the issuer has it. A symmetric algorithm
/// is keyed with the client secret (OIDC Core §10.1).
pub(super) fn signer(call: &Call<'_>, client: &Client, own: Option<SigningAlgorithm>) -> Signer {
    let keys = &call.issuer.keys;
    let registered = own.and_then(|algorithm| match &client.secret {
        Some(secret) if algorithm.is_symmetric() => {
            Secret::new(algorithm, secret.as_bytes()).map(Signer::Secret)
        }
        _ => keys.signing(algorithm).map(Signer::Key),
    });
    registered.unwrap_or_else(|| Signer::Key(keys.own()))
}

/// What an access token stands for, if the issuer honours it now.
pub(super) fn honoured(call: &Call<'_>, token: &str) -> Option<AccessToken> {
    let known = read(call, token)?;
    let shelf = call.shelf();
    let holds = known.honoured
        && call.now < known.expires_at
        && known.generation == shelf.generation()
        && !shelf.is_revoked(&known.grant)
        && !shelf.is_revoked(&known.id);
    holds.then_some(known)
}

/// What an access token of this issuer stands for, whether it is still honoured or not.
pub(super) fn read(call: &Call<'_>, token: &str) -> Option<AccessToken> {
    let sealer = call.reached(call.issuer.sealer())?;
    let known = if token.contains('.') {
        let claims = jose::own_claims(&call.issuer.keys, token)?;
        sealer.open(claims.get("jti")?.as_str()?)
    } else {
        sealer.open(token)
    }?;
    call.note_flow(&known.grant);
    call.note_test(known.test.as_deref());
    Some(known)
}

/// What an access token that is a JWT says in its `jti`.
pub(super) fn jti(call: &Call<'_>, token: &str) -> Option<String> {
    if !token.contains('.') {
        return None;
    }
    let claims = jose::own_claims(&call.issuer.keys, token)?;
    Some(claims.get("jti")?.as_str()?.to_owned())
}
