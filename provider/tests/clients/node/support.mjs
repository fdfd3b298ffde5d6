// What the flows have in common: the provider, the browser, and how a flow is told.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

import * as jose from 'jose'

// Where the provider sends the browser back to. Nothing listens there: the flows read the URL.
export const REDIRECT_URI = 'http://127.0.0.1:8765/callback'
export const SIGNED_OUT_URI = 'http://127.0.0.1:8765/signed-out'

// The identifiers and secrets of provider.toml.
export const WEB = ['web', 'web-secret']
export const SPA = 'spa'
export const API_CLIENT = ['api-client', 'api-client-secret']

/** A named issuer for each algorithm that every library here knows. */
export const ALGORITHMS = ['rs512', 'ps256', 'es256', 'es384', 'eddsa']

/** What a resource server calls itself. */
export const API = 'https://api.example.test/'

/** Wishes that no scope has: an authentication context, and a claim (OIDC Core §5.5). */
export const CLAIMS = JSON.stringify({
  id_token: { acr: { essential: true, value: 'urn:mock:mfa' } },
  userinfo: { email: null },
})

export const ISSUER = process.env.ISSUER ?? ''

/** The same provider over HTTPS, and the CA that its certificate is from. */
export const TLS_ISSUER = process.env.TLS_ISSUER ?? ''
export const trustedCa = () => readFileSync(process.env.TLS_CA)

/** A client that is known by the subject of its certificate, and the certificate with its key. */
export const CERTIFIED = 'certified'
export const certificate = () => readFileSync(new URL('../certificate.pem', import.meta.url))

/** A key pair of a client: the private half, and a set with the public one. */
export async function ownKey(alg, use = 'sig') {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg)
  const kid = `own-${alg}`
  const jwk = { ...(await jose.exportJWK(publicKey)), kid, use, alg }
  return { key: privateKey, kid, jwks: { keys: [jwk] } }
}

/** What a client signs to vouch for alice (RFC 7523 §3). */
export function vouched(clientId, { key, kid }, audience = ISSUER) {
  return new jose.SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(clientId)
    .setSubject('alice')
    .setAudience(audience)
    .setExpirationTime('1m')
    .setJti(jose.base64url.encode(crypto.getRandomValues(new Uint8Array(16))))
    .sign(key)
}

/** What the provider recorded of a client at an endpoint, oldest first. */
export async function recorded(clientId, endpoint, name = 'default') {
  const query = new URLSearchParams({ client_id: clientId, endpoint })
  const response = await fetch(`${ISSUER}/_/issuers/${name}/exchanges?${query}`)
  assert.equal(response.status, 200)
  const { exchanges } = await response.json()
  assert.notEqual(exchanges.length, 0, 'nothing is recorded')
  return exchanges
}

/** What a client sent to the token endpoint, as its names alone. */
export async function sentForTokens(clientId, name) {
  const exchanges = await recorded(clientId, 'token', name)
  return exchanges.map(({ request }) => request.body.map(([parameter]) => parameter))
}

/** Signs alice in without a browser. */
async function headlessLogin(authorizationUrl) {
  const [issuer] = String(authorizationUrl).split('/authorize?')
  const response = await fetch(`${issuer}/headless-login`, {
    method: 'POST',
    body: new URLSearchParams({ authorization_url: String(authorizationUrl), sub: 'alice' }),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

/** Signs alice in: the URL that the browser is sent back to. */
export async function signIn(authorizationUrl) {
  return new URL((await headlessLogin(authorizationUrl)).callback_url)
}

/** Signs alice in: the form that the browser posts to the application. */
export async function signInWithForm(authorizationUrl) {
  const { callback_url, form } = await headlessLogin(authorizationUrl)
  return new Request(callback_url, { method: 'POST', body: new URLSearchParams(form) })
}

/** Agrees, as alice, on the page that a device sends people to. */
export async function agree({ verification_uri, verification_uri_complete }) {
  const page = await (await fetch(verification_uri_complete)).text()
  const [, interaction] = page.match(/name="interaction" value="([^"]+)"/)
  const body = new URLSearchParams({ interaction, sub: 'alice' })
  const answer = await fetch(verification_uri, { method: 'POST', body })
  assert.equal(answer.status, 200, await answer.text())
}

/** Where the browser is sent when it opens the URL. */
export async function visit(url) {
  const response = await fetch(url, { redirect: 'manual' })
  assert.ok(response.headers.has('location'), await response.text())
  return new URL(response.headers.get('location'))
}

/** Runs the flows of a library, or names them. One that is a string says why there is none. */
export async function run(library, flows, onlyList) {
  const manifest = new URL(`node_modules/${library}/package.json`, import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest))
  const tell = (status, flow, detail = '') =>
    console.log([status, library, version, flow, detail].join('\t'))
  for (const name of knownFlows()) {
    const flow = flows[name]
    if (typeof flow === 'string') {
      tell('not supported', name, flow)
    } else if (flow === undefined) {
      tell('FAIL', name, 'neither a flow nor a reason why there is none')
    } else if (onlyList) {
      tell('runs', name)
    } else {
      try {
        await flow()
        tell('ok', name)
      } catch (error) {
        console.error(error)
        tell('FAIL', name, `${error.name}: ${error.message}`.replace(/\s+/g, ' '))
      }
    }
  }
}

function knownFlows() {
  const text = readFileSync(new URL('../flows.txt', import.meta.url), 'utf8')
  return text.split('\n').filter(Boolean).map((line) => line.split(/\s/)[0])
}
