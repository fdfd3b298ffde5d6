// oauth4webapi.

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

import * as jose from 'jose'
import * as oauth from 'oauth4webapi'

import {
  ALGORITHMS,
  API,
  API_CLIENT,
  CLAIMS,
  ISSUER,
  REDIRECT_URI,
  SPA,
  WEB,
  agree,
  signIn,
  signInWithForm,
  visit,
} from './support.mjs'

// Without it the library refuses URLs that are not https.
export const OPTIONS = { [oauth.allowInsecureRequests]: true }

export async function discovered(algorithm, url = ISSUER) {
  const issuer = new URL(url)
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...OPTIONS })
  return oauth.processDiscoveryResponse(issuer, response)
}

const WEB_CLIENT = { client_id: WEB[0] }
const WEB_BASIC = oauth.ClientSecretBasic(WEB[1])

/** The URL to send the browser to, and what has to be kept until it comes back. */
export async function authorization(as, client, parameters) {
  const codeVerifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid',
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  })
  return { url, codeVerifier, state, nonce }
}

export async function redeem(as, client, authentication, callback, kept) {
  const parameters = oauth.validateAuthResponse(as, client, callback, kept.state)
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    authentication,
    parameters,
    REDIRECT_URI,
    kept.codeVerifier,
    OPTIONS,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: kept.nonce,
    requireIdToken: true,
  })
  // The library leaves the signature to those who want more than TLS (OIDC Core §3.1.3.7).
  await oauth.validateApplicationLevelSignature(as, response, OPTIONS)
  return tokens
}

export async function logIn(as, client, authentication, parameters) {
  const kept = await authorization(as, client, parameters)
  const tokens = await redeem(as, client, authentication, await signIn(kept.url), kept)
  assert.equal(tokens.token_type, 'bearer')
  assert.equal(tokens.expires_in, 3600)
  assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice')
  return tokens
}

async function refreshed(as, refreshToken) {
  const response = await oauth.refreshTokenGrantRequest(
    as,
    WEB_CLIENT,
    WEB_BASIC,
    refreshToken,
    OPTIONS,
  )
  return oauth.processRefreshTokenResponse(as, WEB_CLIENT, response)
}

/** What a grant without a browser gives. */
export async function granted(as, client, authentication, grant, parameters) {
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    authentication,
    grant,
    parameters,
    OPTIONS,
  )
  return oauth.processGenericTokenEndpointResponse(as, client, response)
}

export async function introspected(as, client, authentication, token) {
  const response = await oauth.introspectionRequest(as, client, authentication, token, OPTIONS)
  return oauth.processIntrospectionResponse(as, client, response)
}

/** What the token endpoint answers has to become this error of the library. */
export function refused(error, status) {
  return (thrown) => {
    assert.ok(thrown instanceof oauth.ResponseBodyError, thrown)
    assert.equal(thrown.error, error)
    assert.equal(thrown.status, status)
    assert.ok(thrown.error_description, 'it does not say why')
    return true
  }
}

export const flows = {
  async 'code-basic'() {
    const as = await discovered('oidc')
    const tokens = await logIn(as, WEB_CLIENT, WEB_BASIC, { scope: 'openid profile email' })
    const claims = oauth.getValidatedIdTokenClaims(tokens)
    assert.equal(claims.name, 'Alice Adams')
    assert.equal(claims.email, 'alice@example.com')
    assert.equal(claims.email_verified, true)
  },

  async 'code-post'() {
    // RFC 8414, for a change.
    const as = await discovered('oauth2')
    await logIn(as, WEB_CLIENT, oauth.ClientSecretPost(WEB[1]))
  },

  async 'code-public'() {
    await logIn(await discovered('oidc'), { client_id: SPA }, oauth.None())
  },

  async userinfo() {
    const as = await discovered('oidc')
    const scope = 'openid profile address phone'
    const tokens = await logIn(as, WEB_CLIENT, WEB_BASIC, { scope })
    const request = (token) => oauth.userInfoRequest(as, WEB_CLIENT, token, OPTIONS)
    const response = await request(tokens.access_token)
    const claims = await oauth.processUserInfoResponse(as, WEB_CLIENT, 'alice', response)
    assert.equal(claims.address.locality, 'Springfield')
    assert.equal(claims.phone_number, '+1 555 0100')
    const wrong = await request('wrong')
    await assert.rejects(
      oauth.processUserInfoResponse(as, WEB_CLIENT, 'alice', wrong),
      (thrown) => {
        assert.ok(thrown instanceof oauth.WWWAuthenticateChallengeError, thrown)
        assert.equal(thrown.status, 401)
        assert.equal(thrown.cause[0].parameters.error, 'invalid_token')
        return true
      },
    )
  },

  async refresh() {
    const as = await discovered('oidc')
    const scope = 'openid offline_access'
    const first = await logIn(as, WEB_CLIENT, WEB_BASIC, { scope })
    const second = await refreshed(as, first.refresh_token)
    assert.notEqual(second.refresh_token, first.refresh_token)
    assert.notEqual(second.access_token, first.access_token)
    assert.equal(oauth.getValidatedIdTokenClaims(second).sub, 'alice')
    await assert.rejects(refreshed(as, first.refresh_token), refused('invalid_grant', 400))
    // The replay has ended the whole family (RFC 9700 §4.14.2).
    await assert.rejects(refreshed(as, second.refresh_token), refused('invalid_grant', 400))
  },

  async 'login-required'() {
    const as = await discovered('oidc')
    const kept = await authorization(as, WEB_CLIENT, { prompt: 'none' })
    const callback = await visit(kept.url)
    assert.throws(
      () => oauth.validateAuthResponse(as, WEB_CLIENT, callback, kept.state),
      (thrown) => {
        assert.ok(thrown instanceof oauth.AuthorizationResponseError, thrown)
        assert.equal(thrown.error, 'login_required')
        return true
      },
    )
  },

  async 'invalid-client'() {
    const as = await discovered('oidc')
    const inBody = logIn(as, WEB_CLIENT, oauth.ClientSecretPost('wrong'))
    await assert.rejects(inBody, refused('invalid_client', 401))
    // With the header the answer is a challenge as well (RFC 6749 §5.2).
    const inHeader = logIn(as, WEB_CLIENT, oauth.ClientSecretBasic('wrong'))
    await assert.rejects(inHeader, (thrown) => {
      assert.ok(thrown instanceof oauth.WWWAuthenticateChallengeError, thrown)
      assert.equal(thrown.cause[0].scheme, 'basic')
      return true
    })
  },

  async 'invalid-grant'() {
    const as = await discovered('oidc')
    const kept = await authorization(as, WEB_CLIENT)
    const callback = new URL(REDIRECT_URI)
    callback.search = new URLSearchParams({ code: 'unknown', state: kept.state, iss: ISSUER })
    await assert.rejects(
      redeem(as, WEB_CLIENT, WEB_BASIC, callback, kept),
      refused('invalid_grant', 400),
    )
  },

  logout: 'no call for it; the application builds the URL',

  async 'client-credentials'() {
    const as = await discovered('oidc')
    const request = async (scope) => {
      const response = await oauth.clientCredentialsGrantRequest(
        as,
        WEB_CLIENT,
        WEB_BASIC,
        { scope },
        OPTIONS,
      )
      return oauth.processClientCredentialsResponse(as, WEB_CLIENT, response)
    }
    const tokens = await request('profile')
    assert.equal(tokens.scope, 'profile')
    assert.equal(tokens.refresh_token, undefined)
    await assert.rejects(request('unheard-of'), refused('invalid_scope', 400))
  },

  async claims() {
    const as = await discovered('oidc')
    const tokens = await logIn(as, WEB_CLIENT, WEB_BASIC, { claims: CLAIMS })
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).acr, 'urn:mock:mfa')
    const response = await oauth.userInfoRequest(as, WEB_CLIENT, tokens.access_token, OPTIONS)
    const claims = await oauth.processUserInfoResponse(as, WEB_CLIENT, 'alice', response)
    assert.equal(claims.email, 'alice@example.com')
  },

  async 'id-token-algorithms'() {
    for (const name of ALGORITHMS) {
      const as = await discovered('oidc', `${ISSUER}/${name}`)
      const tokens = await logIn(as, WEB_CLIENT, WEB_BASIC)
      const { alg } = jose.decodeProtectedHeader(tokens.id_token)
      assert.equal(alg.toLowerCase(), name)
    }
  },

  async par() {
    const as = await discovered('oidc')
    const push = async (parameters) => {
      const response = await oauth.pushedAuthorizationRequest(
        as,
        WEB_CLIENT,
        WEB_BASIC,
        parameters,
        OPTIONS,
      )
      return oauth.processPushedAuthorizationResponse(as, WEB_CLIENT, response)
    }
    const kept = await authorization(as, WEB_CLIENT)
    const pushed = await push(kept.url.searchParams)
    assert.ok(pushed.expires_in > 0)
    const url = new URL(as.authorization_endpoint)
    url.search = new URLSearchParams({ client_id: WEB[0], request_uri: pushed.request_uri })
    await redeem(as, WEB_CLIENT, WEB_BASIC, await signIn(url), kept)
    const elsewhere = { ...Object.fromEntries(kept.url.searchParams), redirect_uri: 'http://x.test/' }
    await assert.rejects(push(elsewhere), refused('invalid_request', 400))
  },

  async jarm() {
    const as = await discovered('oidc')
    const jarm = { response_mode: 'jwt' }
    const validated = (callback, { state }) =>
      oauth.validateJwtAuthResponse(as, WEB_CLIENT, callback, state, OPTIONS)
    const kept = await authorization(as, WEB_CLIENT, jarm)
    const parameters = await validated(await signIn(kept.url), kept)
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      WEB_CLIENT,
      WEB_BASIC,
      parameters,
      REDIRECT_URI,
      kept.codeVerifier,
      OPTIONS,
    )
    await oauth.processAuthorizationCodeResponse(as, WEB_CLIENT, response, {
      expectedNonce: kept.nonce,
    })
    const silent = await authorization(as, WEB_CLIENT, { ...jarm, prompt: 'none' })
    await assert.rejects(validated(await visit(silent.url), silent), (thrown) => {
      assert.ok(thrown instanceof oauth.AuthorizationResponseError, thrown)
      assert.equal(thrown.error, 'login_required')
      return true
    })
  },

  async hybrid() {
    const as = await discovered('oidc')
    const kept = await authorization(as, WEB_CLIENT, { response_type: 'code id_token' })
    const parameters = await oauth.validateCodeIdTokenResponse(
      as,
      WEB_CLIENT,
      await signIn(kept.url),
      kept.nonce,
      kept.state,
      undefined,
      OPTIONS,
    )
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      WEB_CLIENT,
      WEB_BASIC,
      parameters,
      REDIRECT_URI,
      kept.codeVerifier,
      OPTIONS,
    )
    await oauth.processAuthorizationCodeResponse(as, WEB_CLIENT, response, {
      expectedNonce: kept.nonce,
    })
  },

  implicit: 'no call for it',

  async 'form-post'() {
    const as = await discovered('oidc')
    const kept = await authorization(as, WEB_CLIENT, { response_mode: 'form_post' })
    const request = await signInWithForm(kept.url)
    const form = new URLSearchParams(await request.text())
    await redeem(as, WEB_CLIENT, WEB_BASIC, form, kept)
  },

  async introspection() {
    const as = await discovered('oidc')
    const { access_token } = await logIn(as, WEB_CLIENT, WEB_BASIC, { scope: 'openid profile' })
    const known = await introspected(as, WEB_CLIENT, WEB_BASIC, access_token)
    assert.equal(known.active, true)
    assert.equal(known.sub, 'alice')
    assert.equal(known.client_id, WEB[0])
    assert.equal(known.scope, 'openid profile')
    assert.equal(known.exp - known.iat, 3600)
    const unknown = await introspected(as, WEB_CLIENT, WEB_BASIC, 'unknown')
    assert.deepEqual(unknown, { active: false })
  },

  async revocation() {
    const as = await discovered('oidc')
    const revoke = async (token) => {
      const response = await oauth.revocationRequest(as, WEB_CLIENT, WEB_BASIC, token, OPTIONS)
      await oauth.processRevocationResponse(response)
    }
    const scope = 'openid offline_access'
    const tokens = await logIn(as, WEB_CLIENT, WEB_BASIC, { scope })
    await revoke(tokens.refresh_token)
    await assert.rejects(refreshed(as, tokens.refresh_token), refused('invalid_grant', 400))
    // The access tokens of the grant end with it (RFC 7009 §2.1).
    const { active } = await introspected(as, WEB_CLIENT, WEB_BASIC, tokens.access_token)
    assert.equal(active, false)
    // A token that nobody knows is as good as revoked (RFC 7009 §2.2).
    await revoke('unknown')
  },

  async resource() {
    const as = await discovered('oidc')
    const { access_token } = await logIn(as, WEB_CLIENT, WEB_BASIC, { resource: API })
    const known = await introspected(as, WEB_CLIENT, WEB_BASIC, access_token)
    assert.deepEqual([known.aud].flat(), [API])
  },

  async 'jwt-access-token'() {
    const as = await discovered('oidc')
    const client = { client_id: API_CLIENT[0] }
    const authentication = oauth.ClientSecretBasic(API_CLIENT[1])
    const parameters = { resource: API, scope: 'openid profile' }
    const { access_token } = await logIn(as, client, authentication, parameters)
    // What a resource server does with the request of a client.
    const headers = { authorization: `Bearer ${access_token}` }
    const request = new Request(API, { headers })
    const claims = await oauth.validateJwtAccessToken(as, request, API, OPTIONS)
    assert.equal(claims.sub, 'alice')
    assert.equal(claims.client_id, API_CLIENT[0])
    assert.equal(claims.scope, 'openid profile')
    await assert.rejects(
      oauth.validateJwtAccessToken(as, request, 'https://another.example.test/', OPTIONS),
      oauth.OperationProcessingError,
    )
  },

  async password() {
    const as = await discovered('oidc')
    const person = { username: 'alice', password: 'any', scope: 'openid' }
    const tokens = await granted(as, WEB_CLIENT, WEB_BASIC, 'password', person)
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice')
  },

  async device() {
    const as = await discovered('oidc')
    const app = { client_id: SPA }
    const none = oauth.None()
    const parameters = { scope: 'openid' }
    const response = await oauth.deviceAuthorizationRequest(as, app, none, parameters, OPTIONS)
    const started = await oauth.processDeviceAuthorizationResponse(as, app, response)
    const poll = async () => {
      const { device_code } = started
      const polled = await oauth.deviceCodeGrantRequest(as, app, none, device_code, OPTIONS)
      return oauth.processDeviceCodeResponse(as, app, polled)
    }
    await assert.rejects(poll(), refused('authorization_pending', 400))
    await agree(started)
    await setTimeout(started.interval * 1000)
    const tokens = await poll()
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice')
  },

  async 'token-exchange'() {
    const as = await discovered('oidc')
    const { access_token } = await logIn(as, WEB_CLIENT, WEB_BASIC)
    const type = 'urn:ietf:params:oauth:token-type:access_token'
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const parameters = { subject_token: access_token, subject_token_type: type }
    const tokens = await granted(as, WEB_CLIENT, WEB_BASIC, grant, parameters)
    assert.equal(tokens.issued_token_type, type)
    assert.notEqual(tokens.access_token, access_token)
    await assert.rejects(
      granted(as, WEB_CLIENT, WEB_BASIC, grant, { ...parameters, subject_token: 'wrong' }),
      refused('invalid_request', 400),
    )
  },

  async registration() {
    const as = await discovered('oidc')
    const register = async (metadata) => {
      const response = await oauth.dynamicClientRegistrationRequest(as, metadata, OPTIONS)
      return oauth.processDynamicClientRegistrationResponse(response)
    }
    const client = await register({ redirect_uris: [REDIRECT_URI] })
    await logIn(as, client, oauth.ClientSecretBasic(client.client_secret))
    const wrong = { redirect_uris: ['not a URI'] }
    await assert.rejects(register(wrong), refused('invalid_redirect_uri', 400))
  },
}
