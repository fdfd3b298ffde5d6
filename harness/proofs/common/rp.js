// A relying party with everything but the library that a proof is about: sign-in by the code flow
// with state, nonce and PKCE, a session, and a page. `serve` is given what takes the ID token.
const crypto = require('node:crypto')
const http = require('node:http')

const { APP, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env
const callbackUrl = `${APP}/callback`
const sessions = new Map()
const random = () => crypto.randomBytes(32).toString('base64url')

async function json(url, options) {
  const response = await fetch(url, options)
  if (!response.ok) throw new Error(`${response.status} from ${url}`)
  return response.json()
}

const metadata = () => json(`${ISSUER}/.well-known/openid-configuration`)
const keys = async () => (await json((await metadata()).jwks_uri)).keys

// The published key of that name, as PEM text; nothing if there is none.
async function publicKey(kid) {
  const jwk = (await keys()).find((key) => key.kid === kid)
  return jwk && crypto.createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
}

const pages = {
  '/': async (_query, _session, answer) => answer.page(200, '<a href="/login">Sign in</a>'),

  '/login': async (_query, _session, answer) => {
    const pending = { state: random(), nonce: random(), verifier: random() }
    const url = new URL((await metadata()).authorization_endpoint)
    url.search = new URLSearchParams({
      response_type: 'code', client_id: CLIENT_ID, redirect_uri: callbackUrl, scope: 'openid profile email',
      state: pending.state, nonce: pending.nonce, code_challenge_method: 'S256',
      code_challenge: crypto.createHash('sha256').update(pending.verifier).digest('base64url'),
    })
    answer.go(url.href, pending)
  },

  '/callback': async (query, session, answer, verify) => {
    const { state } = session
    delete session.state
    if (!state || query.get('state') !== state) throw new Error('wrong state')
    const tokens = await json((await metadata()).token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code', code: query.get('code'), redirect_uri: callbackUrl,
        client_id: CLIENT_ID, client_secret: CLIENT_SECRET, code_verifier: session.verifier,
      }),
    })
    const claims = await verify(tokens.id_token)
    if (claims.nonce !== session.nonce) throw new Error('wrong nonce')
    answer.go('/profile', { user: claims.sub })
  },

  '/profile': async (_query, session, answer) => {
    if (session.user) answer.page(200, `Signed in as ${session.user.replace(/[<&]/g, '')}.`)
    else answer.go('/login')
  },
}

// What OpenID Connect Core 1.0 §3.1.3.7 asks of the claims, for libraries that leave it to the app.
function checkClaims(claims) {
  if (claims.iss !== ISSUER) throw new Error('wrong issuer')
  if (![claims.aud].flat().includes(CLIENT_ID)) throw new Error('wrong audience')
  if (!(claims.exp > Date.now() / 1000)) throw new Error('expired')
  return claims
}

// Runs the relying party; `verify` takes an ID token and returns its claims, or throws.
function serve(verify) {
  http.createServer(async (request, response) => {
    const url = new URL(request.url, APP)
    const sid = /(?:^|; )sid=([^;]+)/.exec(request.headers.cookie || '')
    const session = (sid && sessions.get(sid[1])) || {}
    const answer = {
      page: (status, text) => {
        response.writeHead(status, { 'content-type': 'text/html' }).end(`<!doctype html><p>${text}</p>`)
      },
      go: (location, next) => {
        const headers = { location }
        if (next) {
          const id = random()
          sessions.set(id, next)
          headers['set-cookie'] = `sid=${id}; Path=/; HttpOnly; SameSite=Lax`
        }
        response.writeHead(302, headers).end()
      },
    }
    try {
      const page = pages[url.pathname] || pages['/']
      await page(url.searchParams, session, answer, verify)
    } catch (error) {
      // Any reason not to sign in.
      console.error(`refused: ${error.message}`)
      answer.page(400, 'The sign-in failed.')
    }
  }).listen(PORT, '127.0.0.1')
}

module.exports = { checkClaims, keys, publicKey, serve, ISSUER, CLIENT_ID }
