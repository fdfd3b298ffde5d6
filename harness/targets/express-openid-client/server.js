// Sign in with openid-client, in the steps of its example for OpenID Connect: PKCE always, a nonce
// where the provider is not known to support PKCE, and userinfo.
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'

const redirect_uri = `${process.env.APP_URL}/callback`
const config = await client.discovery(
  new URL(process.env.OIDC_ISSUER),
  process.env.OIDC_CLIENT_ID,
  process.env.OIDC_CLIENT_SECRET,
)

const app = express()
app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false }))

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))

app.get('/login', async (req, res) => {
  const code_verifier = client.randomPKCECodeVerifier()
  const parameters = {
    redirect_uri,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: 'S256',
  }
  let nonce
  if (!config.serverMetadata().supportsPKCE()) {
    nonce = client.randomNonce()
    parameters.nonce = nonce
  }
  req.session.code_verifier = code_verifier
  req.session.nonce = nonce
  res.redirect(client.buildAuthorizationUrl(config, parameters).href)
})

app.get('/callback', async (req, res) => {
  const tokens = await client.authorizationCodeGrant(
    config,
    new URL(req.originalUrl, process.env.APP_URL),
    {
      pkceCodeVerifier: req.session.code_verifier,
      expectedNonce: req.session.nonce,
      idTokenExpected: true,
    },
  )
  const { sub } = tokens.claims()
  const user = await client.fetchUserInfo(config, tokens.access_token, sub)
  req.session.regenerate(() => {
    req.session.user = user
    req.session.save(() => res.redirect('/profile'))
  })
})

app.get('/profile', (req, res) => {
  if (!req.session.user) return res.redirect('/')
  res.json(req.session.user)
})

app.get('/logout', (req, res) => {
  req.session.destroy(() => res.redirect('/'))
})

app.listen(process.env.PORT, '127.0.0.1')
