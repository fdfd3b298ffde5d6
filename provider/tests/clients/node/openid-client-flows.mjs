// openid-client.

import assert from 'node:assert/strict'

import * as jose from 'jose'
import * as client from 'openid-client'

import {
  ALGORITHMS,
  API,
  CLAIMS,
  ISSUER,
  REDIRECT_URI,
  SIGNED_OUT_URI,
  SPA,
  WEB,
  agree,
  signIn,
  signInWithForm,
  visit,
} from './support.mjs'

// Without it the library refuses URLs that are not https.
export const OPTIONS = { execute: [client.allowInsecureRequests] }

export function discovered(clientId, authentication, metadata, issuer = ISSUER) {
  return client.discovery(new URL(issuer), clientId, metadata, authentication, OPTIONS)
}

const web = () => discovered(WEB[0], client.ClientSecretBasic(WEB[1]))

/** The parameters of a request, and what has to be kept until the browser comes back. */
export async function prepared() {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const parameters = {
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  }
  return { parameters, checks: { pkceCodeVerifier, expectedState, expectedNonce } }
}

export async function authorization(config, more) {
  const { parameters, checks } = await prepared()
  return { url: client.buildAuthorizationUrl(config, { ...parameters, ...more }), checks }
}

export async function logIn(config, parameters) {
  const { url, checks } = await authorization(config, parameters)
  const tokens = await client.authorizationCodeGrant(config, await signIn(url), {
    ...checks,
    idTokenExpected: true,
  })
  assert.equal(tokens.token_type, 'bearer')
  assert.equal(tokens.expires_in, 3600)
  assert.equal(tokens.claims().sub, 'alice')
  return tokens
}

/** What the token endpoint answers has to become this error of the library. */
export function refused(error, status) {
  return (thrown) => {
    assert.ok(thrown instanceof client.ResponseBodyError, thrown)
    assert.equal(thrown.error, error)
    assert.equal(thrown.status, status)
    assert.ok(thrown.error_description, 'it does not say why')
    return true
  }
}

export const flows = {
  async 'code-basic'() {
    const tokens = await logIn(await web(), { scope: 'openid profile email' })
    assert.equal(tokens.claims().name, 'Alice Adams')
    assert.equal(tokens.claims().email, 'alice@example.com')
    assert.equal(tokens.claims().email_verified, true)
  },

  async 'code-post'() {
    await logIn(await discovered(WEB[0], client.ClientSecretPost(WEB[1])))
  },

  async 'code-public'() {
    await logIn(await discovered(SPA, client.None()))
  },

  async userinfo() {
    const config = await web()
    const tokens = await logIn(config, { scope: 'openid profile address phone' })
    const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice')
    assert.equal(claims.address.locality, 'Springfield')
    assert.equal(claims.phone_number, '+1 555 0100')
    await assert.rejects(client.fetchUserInfo(config, 'wrong', 'alice'), (thrown) => {
      assert.ok(thrown instanceof client.WWWAuthenticateChallengeError, thrown)
      assert.equal(thrown.status, 401)
      assert.equal(thrown.cause[0].parameters.error, 'invalid_token')
      return true
    })
  },

  async refresh() {
    const config = await web()
    const first = await logIn(config, { scope: 'openid offline_access' })
    const second = await client.refreshTokenGrant(config, first.refresh_token)
    assert.notEqual(second.refresh_token, first.refresh_token)
    assert.notEqual(second.access_token, first.access_token)
    assert.equal(second.claims().sub, 'alice')
    await assert.rejects(
      client.refreshTokenGrant(config, first.refresh_token),
      refused('invalid_grant', 400),
    )
    // The replay has ended the whole family (RFC 9700 §4.14.2).
    await assert.rejects(
      client.refreshTokenGrant(config, second.refresh_token),
      refused('invalid_grant', 400),
    )
  },

  async 'login-required'() {
    const config = await web()
    const { url, checks } = await authorization(config, { prompt: 'none' })
    await assert.rejects(
      client.authorizationCodeGrant(config, await visit(url), checks),
      (thrown) => {
        assert.ok(thrown instanceof client.AuthorizationResponseError, thrown)
        assert.equal(thrown.error, 'login_required')
        return true
      },
    )
  },

  async 'invalid-client'() {
    const config = await discovered(WEB[0], client.ClientSecretPost('wrong'))
    await assert.rejects(logIn(config), refused('invalid_client', 401))
    // With the header the answer is a challenge as well (RFC 6749 §5.2).
    const basic = await discovered(WEB[0], client.ClientSecretBasic('wrong'))
    await assert.rejects(logIn(basic), (thrown) => {
      assert.ok(thrown instanceof client.WWWAuthenticateChallengeError, thrown)
      assert.equal(thrown.cause[0].scheme, 'basic')
      return true
    })
  },

  async 'invalid-grant'() {
    const config = await web()
    const { checks } = await authorization(config)
    const callback = new URL(REDIRECT_URI)
    callback.search = new URLSearchParams({
      code: 'unknown',
      state: checks.expectedState,
      iss: ISSUER,
    })
    await assert.rejects(
      client.authorizationCodeGrant(config, callback, checks),
      refused('invalid_grant', 400),
    )
  },

  async logout() {
    const config = await web()
    const tokens = await logIn(config)
    const state = client.randomState()
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: SIGNED_OUT_URI,
      state,
    })
    assert.equal(String(await visit(url)), `${SIGNED_OUT_URI}?state=${state}`)
  },

  async 'client-credentials'() {
    const config = await web()
    const tokens = await client.clientCredentialsGrant(config, { scope: 'profile' })
    assert.equal(tokens.scope, 'profile')
    assert.equal(tokens.refresh_token, undefined)
    assert.equal(tokens.id_token, undefined)
    await assert.rejects(
      client.clientCredentialsGrant(config, { scope: 'unheard-of' }),
      refused('invalid_scope', 400),
    )
  },

  async claims() {
    const config = await web()
    const tokens = await logIn(config, { claims: CLAIMS })
    assert.equal(tokens.claims().acr, 'urn:mock:mfa')
    const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice')
    assert.equal(claims.email, 'alice@example.com')
  },

  async 'id-token-algorithms'() {
    for (const name of ALGORITHMS) {
      const authentication = client.ClientSecretBasic(WEB[1])
      const config = await discovered(WEB[0], authentication, {}, `${ISSUER}/${name}`)
      // The library leaves the signature to those who want more than TLS (OIDC Core §3.1.3.7).
      client.enableNonRepudiationChecks(config)
      const tokens = await logIn(config)
      const { alg } = jose.decodeProtectedHeader(tokens.id_token)
      assert.equal(alg.toLowerCase(), name)
    }
  },

  async par() {
    const config = await web()
    const { parameters, checks } = await prepared()
    const url = await client.buildAuthorizationUrlWithPAR(config, parameters)
    assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
    const tokens = await client.authorizationCodeGrant(config, await signIn(url), checks)
    assert.equal(tokens.claims().sub, 'alice')
    const elsewhere = { ...parameters, redirect_uri: 'http://elsewhere.test/' }
    await assert.rejects(
      client.buildAuthorizationUrlWithPAR(config, elsewhere),
      refused('invalid_request', 400),
    )
  },

  async jarm() {
    const config = await web()
    client.useJwtResponseMode(config)
    await logIn(config)
    const { url, checks } = await authorization(config, { prompt: 'none' })
    await assert.rejects(
      client.authorizationCodeGrant(config, await visit(url), checks),
      (thrown) => {
        assert.ok(thrown instanceof client.AuthorizationResponseError, thrown)
        assert.equal(thrown.error, 'login_required')
        return true
      },
    )
  },

  async hybrid() {
    const config = await web()
    client.useCodeIdTokenResponseType(config)
    await logIn(config)
  },

  async implicit() {
    const config = await discovered(SPA, client.None())
    client.useIdTokenResponseType(config)
    const nonce = client.randomNonce()
    const state = client.randomState()
    const parameters = { redirect_uri: REDIRECT_URI, scope: 'openid profile', nonce, state }
    const url = client.buildAuthorizationUrl(config, parameters)
    const checks = { expectedState: state }
    const claims = await client.implicitAuthentication(config, await signIn(url), nonce, checks)
    assert.equal(claims.sub, 'alice')
    assert.equal(claims.name, 'Alice Adams')
  },

  async 'form-post'() {
    const config = await web()
    const { url, checks } = await authorization(config, { response_mode: 'form_post' })
    const tokens = await client.authorizationCodeGrant(config, await signInWithForm(url), checks)
    assert.equal(tokens.claims().sub, 'alice')
  },

  async introspection() {
    const config = await web()
    const { access_token } = await logIn(config, { scope: 'openid profile' })
    const known = await client.tokenIntrospection(config, access_token)
    assert.equal(known.active, true)
    assert.equal(known.sub, 'alice')
    assert.equal(known.client_id, WEB[0])
    assert.equal(known.scope, 'openid profile')
    assert.equal(known.exp - known.iat, 3600)
    assert.deepEqual(await client.tokenIntrospection(config, 'unknown'), { active: false })
  },

  async revocation() {
    const config = await web()
    const tokens = await logIn(config, { scope: 'openid offline_access' })
    await client.tokenRevocation(config, tokens.refresh_token)
    await assert.rejects(
      client.refreshTokenGrant(config, tokens.refresh_token),
      refused('invalid_grant', 400),
    )
    // The access tokens of the grant end with it (RFC 7009 §2.1).
    const { active } = await client.tokenIntrospection(config, tokens.access_token)
    assert.equal(active, false)
    // A token that nobody knows is as good as revoked (RFC 7009 §2.2).
    await client.tokenRevocation(config, 'unknown')
  },

  async resource() {
    const config = await web()
    const { url, checks } = await authorization(config, { resource: API })
    const callback = await signIn(url)
    const parameters = { resource: API }
    const tokens = await client.authorizationCodeGrant(config, callback, checks, parameters)
    const known = await client.tokenIntrospection(config, tokens.access_token)
    assert.deepEqual([known.aud].flat(), [API])
  },

  'jwt-access-token': 'for resource servers, which it leaves to oauth4webapi',

  async password() {
    const config = await web()
    const person = { username: 'alice', password: 'any', scope: 'openid' }
    const tokens = await client.genericGrantRequest(config, 'password', person)
    assert.equal(tokens.claims().sub, 'alice')
  },

  async device() {
    const config = await discovered(SPA, client.None())
    const started = await client.initiateDeviceAuthorization(config, { scope: 'openid' })
    const polling = client.pollDeviceAuthorizationGrant(config, started)
    await agree(started)
    const tokens = await polling
    assert.equal(tokens.claims().sub, 'alice')
  },

  async 'token-exchange'() {
    const config = await web()
    const { access_token } = await logIn(config)
    const type = 'urn:ietf:params:oauth:token-type:access_token'
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const parameters = { subject_token: access_token, subject_token_type: type }
    const tokens = await client.genericGrantRequest(config, grant, parameters)
    assert.equal(tokens.issued_token_type, type)
    const claims = await client.fetchUserInfo(config, tokens.access_token, 'alice')
    assert.equal(claims.sub, 'alice')
    await assert.rejects(
      client.genericGrantRequest(config, grant, { ...parameters, subject_token: 'wrong' }),
      refused('invalid_request', 400),
    )
  },

  async registration() {
    const metadata = {
      redirect_uris: [REDIRECT_URI],
      client_name: 'Registered',
      // Its default; that of RFC 7591 §2 is `client_secret_basic`.
      token_endpoint_auth_method: 'client_secret_post',
    }
    const config = await client.dynamicClientRegistration(
      new URL(ISSUER),
      metadata,
      undefined,
      OPTIONS,
    )
    assert.equal(config.clientMetadata().client_name, 'Registered')
    await logIn(config)
    const wrong = { redirect_uris: ['not a URI'] }
    await assert.rejects(
      client.dynamicClientRegistration(new URL(ISSUER), wrong, undefined, OPTIONS),
      refused('invalid_redirect_uri', 400),
    )
  },
}
