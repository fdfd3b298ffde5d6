// oauth4webapi where clients have keys, and where a profile demands them.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'

import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as undici from 'undici'

import {
  OPTIONS,
  authorization,
  discovered,
  granted,
  introspected,
  logIn,
  redeem,
  refused,
} from './oauth4webapi-flows.mjs'
import {
  CERTIFIED,
  ISSUER,
  REDIRECT_URI,
  SPA,
  TLS_ISSUER,
  certificate,
  ownKey,
  recorded,
  sentForTokens,
  signIn,
  trustedCa,
  visit,
  vouched,
} from './support.mjs'

/** The issuer of a name, and a client that registers itself there. */
async function registered(metadata, name = '') {
  const as = await discovered('oidc', name ? `${ISSUER}/${name}` : ISSUER)
  const all = { redirect_uris: [REDIRECT_URI], ...metadata }
  const response = await oauth.dynamicClientRegistrationRequest(as, all, OPTIONS)
  return { as, client: await oauth.processDynamicClientRegistrationResponse(response) }
}

/** Sends a request again with the nonce that it has to have (RFC 9449 §8). */
async function withNonce(request, process) {
  try {
    return await process(await request())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return process(await request())
  }
}

/** The tokens of a callback, bound to the key of the proofs. */
async function redeemWithProofs(as, client, authentication, callback, kept, proofs) {
  const parameters = oauth.validateAuthResponse(as, client, callback, kept.state)
  const tokens = await withNonce(
    () =>
      oauth.authorizationCodeGrantRequest(
        as,
        client,
        authentication,
        parameters,
        REDIRECT_URI,
        kept.codeVerifier,
        { ...OPTIONS, ...proofs },
      ),
    (response) =>
      oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: kept.nonce }),
  )
  assert.equal(tokens.token_type, 'dpop')
  return tokens
}

/** What userinfo says, with the signature that the library leaves to those who ask. */
async function userinfo(as, client, accessToken, decrypt) {
  const response = await oauth.userInfoRequest(as, client, accessToken, OPTIONS)
  const claims = await oauth.processUserInfoResponse(as, client, 'alice', response, decrypt)
  await oauth.validateApplicationLevelSignature(as, response, OPTIONS)
  return claims
}

async function push(as, client, authentication, parameters, proofs) {
  const pushed = await withNonce(
    () =>
      oauth.pushedAuthorizationRequest(as, client, authentication, parameters, {
        ...OPTIONS,
        ...proofs,
      }),
    (response) => oauth.processPushedAuthorizationResponse(as, client, response),
  )
  const url = new URL(as.authorization_endpoint)
  const { request_uri } = pushed
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri })
  return url
}

async function expectError(error, url) {
  const location = await visit(url)
  assert.equal(location.searchParams.get('error'), error, String(location))
}

export const flows = {
  async 'private-key-jwt'() {
    const metadata = { token_endpoint_auth_method: 'private_key_jwt' }
    for (const alg of ['ES256', 'PS256', 'RS256', 'EdDSA']) {
      const { jwks, ...own } = await ownKey(alg)
      const { as, client } = await registered({ ...metadata, jwks })
      await logIn(as, client, oauth.PrivateKeyJwt(own))
      const [sent] = await sentForTokens(client.client_id)
      assert.ok(sent.includes('client_assertion') && !sent.includes('client_secret'), sent)
      const { key } = await ownKey(alg)
      const other = logIn(as, client, oauth.PrivateKeyJwt({ key, kid: own.kid }))
      await assert.rejects(other, refused('invalid_client', 401))
    }
  },

  async 'client-secret-jwt'() {
    const metadata = { token_endpoint_auth_method: 'client_secret_jwt' }
    const { as, client } = await registered(metadata)
    await logIn(as, client, oauth.ClientSecretJwt(client.client_secret))
    const [sent] = await sentForTokens(client.client_id)
    assert.ok(sent.includes('client_assertion') && !sent.includes('client_secret'), sent)
    const other = logIn(as, client, oauth.ClientSecretJwt('x'.repeat(32)))
    await assert.rejects(other, refused('invalid_client', 401))
  },

  async 'mutual-tls'() {
    const pem = certificate()
    const over = (connect) => {
      const dispatcher = new undici.Agent({ connect: { ca: trustedCa(), ...connect } })
      const send = (url, options) => undici.fetch(url, { ...options, dispatcher })
      return { [oauth.customFetch]: send }
    }
    const own = over({ cert: pem, key: pem })
    const issuer = new URL(TLS_ISSUER)
    const discovery = await oauth.discoveryRequest(issuer, own)
    const as = await oauth.processDiscoveryResponse(issuer, discovery)
    const client = { client_id: CERTIFIED, use_mtls_endpoint_aliases: true }
    const authentication = oauth.TlsClientAuth()
    const ask = async (options) => {
      const response = await oauth.clientCredentialsGrantRequest(
        as,
        client,
        authentication,
        {},
        options,
      )
      return oauth.processClientCredentialsResponse(as, client, response)
    }
    const { access_token } = await ask(own)
    const response = await oauth.introspectionRequest(as, client, authentication, access_token, own)
    const known = await oauth.processIntrospectionResponse(as, client, response)
    const { fingerprint256 } = new X509Certificate(pem)
    const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
    assert.deepEqual(known.cnf, { 'x5t#S256': thumbprint })
    await assert.rejects(ask(over({})), refused('invalid_client', 401))
  },

  async 'jwt-bearer'() {
    const { jwks, ...own } = await ownKey('ES256')
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const metadata = { grant_types: [grant], response_types: [], redirect_uris: [], jwks }
    const { as, client } = await registered(metadata)
    const authentication = oauth.ClientSecretBasic(client.client_secret)
    const parameters = { assertion: await vouched(client.client_id, own), scope: 'openid' }
    const tokens = await granted(as, client, authentication, grant, parameters)
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice')
    // An assertion is good for once.
    const again = granted(as, client, authentication, grant, parameters)
    await assert.rejects(again, refused('invalid_grant', 400))
  },

  async 'signed-request'() {
    const { jwks, ...own } = await ownKey('ES256')
    const metadata = { jwks, request_object_signing_alg: 'ES256' }
    metadata.require_signed_request_object = true
    const { as, client } = await registered(metadata)
    const authentication = oauth.ClientSecretBasic(client.client_secret)
    const kept = await authorization(as, client)
    const parameters = kept.url.searchParams
    const signed = async (key) => {
      const request = await oauth.issueRequestObject(as, client, parameters, key)
      const url = new URL(as.authorization_endpoint)
      url.search = new URLSearchParams({ client_id: client.client_id, request })
      return url
    }
    await redeem(as, client, authentication, await signIn(await signed(own)), kept)
    await expectError('invalid_request', kept.url)
    const { key } = await ownKey('ES256')
    await expectError('invalid_request_object', await signed({ key, kid: own.kid }))
  },

  async dpop() {
    const as = await discovered('oidc', `${ISSUER}/dpop`)
    const client = { client_id: SPA }
    const keyPair = await oauth.generateKeyPair('ES256', { extractable: true })
    const DPoP = oauth.DPoP(client, keyPair)
    const kept = await authorization(as, client)
    const callback = await signIn(kept.url)
    const tokens = await redeemWithProofs(as, client, oauth.None(), callback, kept, { DPoP })
    const exchanges = await recorded(SPA, 'token', 'dpop')
    const errors = exchanges.map(({ response }) => response.body.error)
    assert.ok(errors.includes('use_dpop_nonce'), errors)
    const claims = await withNonce(
      () => oauth.userInfoRequest(as, client, tokens.access_token, { ...OPTIONS, DPoP }),
      (response) => oauth.processUserInfoResponse(as, client, 'alice', response),
    )
    assert.equal(claims.sub, 'alice')
    // Without its key the token is worth nothing.
    const unproved = await oauth.userInfoRequest(as, client, tokens.access_token, OPTIONS)
    await assert.rejects(
      oauth.processUserInfoResponse(as, client, 'alice', unproved),
      oauth.WWWAuthenticateChallengeError,
    )
  },

  async 'signed-userinfo'() {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const { as, client } = await registered({ userinfo_signed_response_alg: alg })
      const authentication = oauth.ClientSecretBasic(client.client_secret)
      const { access_token } = await logIn(as, client, authentication, { scope: 'openid email' })
      const claims = await userinfo(as, client, access_token)
      assert.equal(claims.email, 'alice@example.com')
      assert.equal(claims.aud, client.client_id)
    }
  },

  async encryption() {
    for (const [alg, enc] of [
      ['RSA-OAEP-256', 'A256GCM'],
      ['ECDH-ES', 'A128CBC-HS256'],
    ]) {
      const { jwks, key } = await ownKey(alg, 'enc')
      const { as, client } = await registered({
        jwks,
        id_token_encrypted_response_alg: alg,
        id_token_encrypted_response_enc: enc,
        userinfo_signed_response_alg: 'RS256',
        userinfo_encrypted_response_alg: alg,
        userinfo_encrypted_response_enc: enc,
      })
      const decrypted = []
      const decrypt = {
        [oauth.jweDecrypt]: async (jwe) => {
          const { plaintext, protectedHeader } = await jose.compactDecrypt(jwe, key)
          decrypted.push([protectedHeader.alg, protectedHeader.enc])
          return new TextDecoder().decode(plaintext)
        },
      }
      const kept = await authorization(as, client)
      const callback = await signIn(kept.url)
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        oauth.ClientSecretBasic(client.client_secret),
        oauth.validateAuthResponse(as, client, callback, kept.state),
        REDIRECT_URI,
        kept.codeVerifier,
        OPTIONS,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
        expectedNonce: kept.nonce,
        requireIdToken: true,
        ...decrypt,
      })
      assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice')
      await userinfo(as, client, tokens.access_token, decrypt)
      assert.deepEqual(decrypted, [
        [alg, enc],
        [alg, enc],
      ])
    }
  },

  'back-channel-logout': 'no call for it',

  async oauth21() {
    const as = await discovered('oidc', `${ISSUER}/oauth21`)
    const client = { client_id: SPA }
    await logIn(as, client, oauth.None())
    const { url } = await authorization(as, client)
    url.searchParams.delete('code_challenge')
    url.searchParams.delete('code_challenge_method')
    await expectError('invalid_request', url)
  },

  async fapi2() {
    const { jwks, ...own } = await ownKey('PS256')
    const metadata = {
      jwks,
      token_endpoint_auth_method: 'private_key_jwt',
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
    }
    const { as, client } = await registered(metadata, 'fapi2')
    const authentication = oauth.PrivateKeyJwt(own)
    const keyPair = await oauth.generateKeyPair('ES256', { extractable: true })
    const DPoP = oauth.DPoP(client, keyPair)
    const kept = await authorization(as, client)
    const url = await push(as, client, authentication, kept.url.searchParams, { DPoP })
    const callback = await signIn(url)
    const tokens = await redeemWithProofs(as, client, authentication, callback, kept, { DPoP })
    const known = await introspected(as, client, authentication, tokens.access_token)
    const jwk = await jose.exportJWK(keyPair.publicKey)
    assert.deepEqual(known.cnf, { jkt: await jose.calculateJwkThumbprint(jwk) })
    // What is not pushed, and what is not proved.
    await expectError('invalid_request', kept.url)
    const other = await authorization(as, client)
    const unproved = await signIn(await push(as, client, authentication, other.url.searchParams))
    await assert.rejects(
      redeemWithProofs(as, client, authentication, unproved, other),
      refused('invalid_request', 400),
    )
  },
}
