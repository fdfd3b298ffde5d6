//! Making tokens: the honest artefact, through the faults, signed or sealed.

use serde_json::{Map, Value};

use crate::access_token::{AccessToken, Binding};
use crate::fault::{AccessTokenDraft, DocumentDraft, Draft, Moment, Object};
use crate::grant::{Grant, Member};
use crate::issue::{self, FrontChannel, Issuance};
use crate::jose::jwe::{self, Content};
use crate::jose::jws::compact;
use crate::jose::verify::Jws;
use crate::jose::{self, Signer, SigningAlgorithm};
use crate::names::AccessTokenFormat;
use crate::parties::{Client, Encryption};

use super::Call;
use super::client_keys::client_keys;

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
            honoured: self.tamper(worth).honoured,
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
                let draft = self.tamper(draft);
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
        let (call, client) = (self.call, self.client);
        let signer = issue::signer(issuer, client, client.id_token_algorithm);
        let draft = issue::id_token(call.at(), &signer, &issuance)?;
        let draft = self.tamper(draft);
        self.join_session();
        let signer = draft.signer(signer, client.secret.as_deref());
        let token = jose::sign_with(&issuer.keys, &signer, draft);
        Some(match client.id_token_encryption {
            Some(how) => encrypted(call, client, Content::Jwt(&token), how),
            None => token,
        })
    }

    /// Remembers to tell the client when the session ends.
    fn join_session(&self) {
        let wants_to_know = self.client.backchannel_logout_uri.is_some()
            || self.client.frontchannel_logout_uri.is_some();
        if let Some(user) = self.grant.user.as_ref().filter(|_| wants_to_know) {
            let member = Member {
                sid: user.sid.clone(),
                client_id: self.client.id.clone(),
                sub: user.sub.clone(),
            };
            let seconds = self.call.issuer.settings.session_lifetime.as_secs();
            self.call.shelf().join_session(&member, seconds);
        }
    }

    /// The draft as it leaves.
    pub(super) fn tamper<D: Draft>(&self, draft: D) -> D {
        let faults = &self.call.issuer.faults;
        if faults.is_idle() {
            return draft;
        }
        faults.tamper(&self.moment(), draft)
    }

    /// The circumstances, with the redirect URI of the grant.
    fn moment(&self) -> Moment<'_> {
        Moment {
            redirect_uri: Some(&self.grant.redirect_uri),
            ..self.call.moment()
        }
    }
}

/// The userinfo response as the client wants it: JSON, signed, encrypted, or both (OIDC Core
/// §5.3.2).
pub(super) fn userinfo(call: &Call<'_>, client: &Client, draft: DocumentDraft) -> DocumentDraft {
    if client.userinfo_algorithm.is_none() && client.userinfo_encryption.is_none() {
        return draft;
    }
    draft.written("application/jwt", |claims| {
        let signed = client.userinfo_algorithm.map(|_| {
            let signer = issue::signer(call.issuer, client, client.userinfo_algorithm);
            let header = Object::from(&issue::jose_header(&signer, "JWT"));
            compact(&header.text(), claims, |message| signer.sign(message))
        });
        let content = match &signed {
            Some(token) => Content::Jwt(token),
            None => Content::Claims(claims),
        };
        match client.userinfo_encryption {
            Some(how) => encrypted(call, client, content, how),
            None => signed.unwrap_or_default(),
        }
    })
}

/// What only the client can read. Where it has no key for that, the request cannot be answered.
fn encrypted(call: &Call<'_>, client: &Client, content: Content<'_>, how: Encryption) -> String {
    let encrypted = client_keys(call, client)
        .map_err(|error| error.to_string())
        .and_then(|keys| {
            jwe::encrypt(content, &keys, how.algorithm, how.content)
                .map_err(|error| error.to_string())
        });
    encrypted.unwrap_or_else(|reason| {
        call.unable.replace(Some(reason));
        String::new()
    })
}

/// The claims of an ID token of this issuer, however old. No other token is taken for one.
pub(super) fn own_id_token(call: &Call<'_>, token: &str) -> Option<Map<String, Value>> {
    let jws = Jws::parse(token).ok()?;
    let is_keyed = jws.algorithm().is_some_and(SigningAlgorithm::is_symmetric);
    let verified = if is_keyed {
        // Its key is the secret of the client that it says it is for.
        let client_id = jws.unverified_claims().get("aud")?.as_str()?;
        let client = call.issuer.client(client_id)?;
        let algorithm = client.id_token_algorithm?;
        let secret = client.secret.as_ref()?;
        jws.verify_with_secret(secret.as_bytes(), &[algorithm])
            .ok()?
    } else {
        jose::jws::own_token(&call.issuer.keys, token)?
    };
    let is_id_token = verified.header.get("typ").is_none_or(|typ| typ == "JWT");
    is_id_token.then_some(verified.claims)
}

/// What an access token stands for, if the issuer honours it now.
pub(super) fn honoured(call: &Call<'_>, token: &str) -> Option<AccessToken> {
    let known = read(call, token)?;
    let shelf = call.shelf();
    let holds = known.honoured
        && call.now < known.expires_at
        && shelf.honours_generation(known.generation)
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
