// openid-client where clients have keys, and where a profile demands them.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'

import * as jose from 'jose'
import * as client from 'openid-client'
import * as undici from 'undici'

import { OPTIONS, authorization, discovered, logIn, prepared, refused } from './openid-client-flows.mjs'
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

/** A client that registers itself, at the issuer of this name. */
function registered(metadata, authentication, name = '') {
  const all = { redirect_uris: [REDIRECT_URI], ...metadata }
  const issuer = new URL(name ? `${ISSUER}/${name}` : ISSUER)
  return client.dynamicClientRegistration(issuer, all, authentication, OPTIONS)
}

const idOf = (config) => config.clientMetadata().client_id

/** The same client with another key. */
const withAnother = (config, authentication) => {
  const { issuer } = config.serverMetadata()
  return discovered(idOf(config), authentication, config.clientMetadata(), issuer)
}

/** A login whose requests are proved with a key, and perhaps pushed. */
async function logInWithProofs(config, DPoP, build = client.buildAuthorizationUrl) {
  const { parameters, checks } = await prepared()
  const url = await build(config, parameters, { DPoP })
  const callback = await signIn(url)
  const tokens = await client.authorizationCodeGrant(config, callback, checks, {}, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  assert.equal(tokens.claims().sub, 'alice')
  return tokens
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
      const config = await registered({ ...metadata, jwks }, client.PrivateKeyJwt(own))
      await logIn(config)
      const [sent] = await sentForTokens(idOf(config))
      assert.ok(sent.includes('client_assertion') && !sent.includes('client_secret'), sent)
      const { key } = await ownKey(alg)
      const other = await withAnother(config, client.PrivateKeyJwt({ key, kid: own.kid }))
      await assert.rejects(logIn(other), refused('invalid_client', 401))
    }
  },

  async 'client-secret-jwt'() {
    const metadata = { token_endpoint_auth_method: 'client_secret_jwt' }
    const config = await registered(metadata, client.ClientSecretJwt())
    await logIn(config)
    const [sent] = await sentForTokens(idOf(config))
    assert.ok(sent.includes('client_assertion') && !sent.includes('client_secret'), sent)
    const other = await withAnother(config, client.ClientSecretJwt('x'.repeat(32)))
    await assert.rejects(logIn(other), refused('invalid_client', 401))
  },

  async 'mutual-tls'() {
    const pem = certificate()
    const configured = (connect) => {
      const dispatcher = new undici.Agent({ connect: { ca: trustedCa(), ...connect } })
      return client.discovery(
        new URL(TLS_ISSUER),
        CERTIFIED,
        { use_mtls_endpoint_aliases: true },
        client.TlsClientAuth(),
        { [client.customFetch]: (url, options) => undici.fetch(url, { ...options, dispatcher }) },
      )
    }
    const config = await configured({ cert: pem, key: pem })
    const { access_token } = await client.clientCredentialsGrant(config)
    const known = await client.tokenIntrospection(config, access_token)
    const { fingerprint256 } = new X509Certificate(pem)
    const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
    assert.deepEqual(known.cnf, { 'x5t#S256': thumbprint })
    const without = await configured({})
    await assert.rejects(client.clientCredentialsGrant(without), refused('invalid_client', 401))
  },

  async 'jwt-bearer'() {
    const { jwks, ...own } = await ownKey('ES256')
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const metadata = { grant_types: [grant], response_types: [], redirect_uris: [], jwks }
    metadata.token_endpoint_auth_method = 'client_secret_post'
    const config = await registered(metadata)
    const parameters = { assertion: await vouched(idOf(config), own), scope: 'openid' }
    const tokens = await client.genericGrantRequest(config, grant, parameters)
    assert.equal(tokens.claims().sub, 'alice')
    // An assertion is good for once.
    await assert.rejects(
      client.genericGrantRequest(config, grant, parameters),
      refused('invalid_grant', 400),
    )
  },

  async 'signed-request'() {
    const { jwks, ...own } = await ownKey('ES256')
    const metadata = { jwks, request_object_signing_alg: 'ES256' }
    metadata.require_signed_request_object = true
    metadata.token_endpoint_auth_method = 'client_secret_post'
    const config = await registered(metadata)
    const { parameters, checks } = await prepared()
    const url = await client.buildAuthorizationUrlWithJAR(config, parameters, own)
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request'])
    const tokens = await client.authorizationCodeGrant(config, await signIn(url), checks)
    assert.equal(tokens.claims().sub, 'alice')
    await expectError('invalid_request', client.buildAuthorizationUrl(config, parameters))
    const { key } = await ownKey('ES256')
    const other = { key, kid: own.kid }
    const forged = await client.buildAuthorizationUrlWithJAR(config, parameters, other)
    await expectError('invalid_request_object', forged)
  },

  async dpop() {
    const keyPair = await client.randomDPoPKeyPair('ES256', { extractable: true })
    const config = await discovered(SPA, client.None(), {}, `${ISSUER}/dpop`)
    const DPoP = client.getDPoPHandle(config, keyPair)
    const tokens = await logInWithProofs(config, DPoP)
    const exchanges = await recorded(SPA, 'token', 'dpop')
    const errors = exchanges.map(({ response }) => response.body.error)
    assert.ok(errors.includes('use_dpop_nonce'), errors)
    const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice', { DPoP })
    assert.equal(claims.sub, 'alice')
    // Without its key the token is worth nothing.
    const unproved = client.fetchUserInfo(config, tokens.access_token, 'alice')
    await assert.rejects(unproved, client.WWWAuthenticateChallengeError)
    const jwk = await jose.exportJWK(keyPair.publicKey)
    assert.equal(await DPoP.calculateThumbprint(), await jose.calculateJwkThumbprint(jwk))
  },

  async 'signed-userinfo'() {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const metadata = { userinfo_signed_response_alg: alg }
      metadata.token_endpoint_auth_method = 'client_secret_post'
      const config = await registered(metadata)
      // Without it the library trusts TLS, and leaves the signature alone.
      client.enableNonRepudiationChecks(config)
      const tokens = await logIn(config, { scope: 'openid email' })
      const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice')
      assert.equal(claims.email, 'alice@example.com')
      assert.equal(claims.aud, idOf(config))
    }
  },

  async encryption() {
    for (const [alg, enc] of [
      ['RSA-OAEP-256', 'A256GCM'],
      ['ECDH-ES', 'A128CBC-HS256'],
    ]) {
      const { jwks, key, kid } = await ownKey(alg, 'enc')
      const config = await registered({
        jwks,
        token_endpoint_auth_method: 'client_secret_post',
        id_token_encrypted_response_alg: alg,
        id_token_encrypted_response_enc: enc,
        userinfo_signed_response_alg: 'RS256',
        userinfo_encrypted_response_alg: alg,
        userinfo_encrypted_response_enc: enc,
      })
      client.enableDecryptingResponses(config, [enc], { key, alg, kid })
      client.enableNonRepudiationChecks(config)
      const tokens = await logIn(config)
      const { epk, ...header } = jose.decodeProtectedHeader(tokens.id_token)
      assert.deepEqual(header, { alg, enc, kid, cty: 'JWT' })
      const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice')
      assert.equal(claims.sub, 'alice')
      const [{ response }] = await recorded(idOf(config), 'userinfo')
      const type = response.headers.find(([name]) => name === 'content-type')
      assert.deepEqual(type, ['content-type', 'application/jwt'])
    }
  },

  'back-channel-logout': 'no call for it',

  async oauth21() {
    const config = await discovered(SPA, client.None(), {}, `${ISSUER}/oauth21`)
    await logIn(config)
    const { parameters } = await prepared()
    const { code_challenge, code_challenge_method, ...without } = parameters
    await expectError('invalid_request', client.buildAuthorizationUrl(config, without))
  },

  async fapi2() {
    const { jwks, ...own } = await ownKey('PS256')
    const metadata = {
      jwks,
      token_endpoint_auth_method: 'private_key_jwt',
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
    }
    const config = await registered(metadata, client.PrivateKeyJwt(own), 'fapi2')
    client.enableNonRepudiationChecks(config)
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const pushed = client.buildAuthorizationUrlWithPAR
    const tokens = await logInWithProofs(config, DPoP, pushed)
    await client.fetchUserInfo(config, tokens.access_token, 'alice', { DPoP })
    // What is not pushed, and what is not proved.
    const { url } = await authorization(config)
    await expectError('invalid_request', url)
    const { parameters, checks } = await prepared()
    const callback = await signIn(await pushed(config, parameters))
    await assert.rejects(
      client.authorizationCodeGrant(config, callback, checks),
      refused('invalid_request', 400),
    )
  },
}
