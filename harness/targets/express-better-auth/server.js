// Sign in with Better Auth and its plugin for any OAuth provider, in Express, as its documentation
// has it. There is no database: users and sessions are in memory.
import express from 'express'
import { betterAuth } from 'better-auth'
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node'
import { genericOAuth } from 'better-auth/plugins'

const auth = betterAuth({
  baseURL: process.env.APP_URL,
  secret: process.env.SESSION_SECRET,
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: 'provider',
          clientId: process.env.OIDC_CLIENT_ID,
          clientSecret: process.env.OIDC_CLIENT_SECRET,
          discoveryUrl: `${process.env.OIDC_ISSUER}/.well-known/openid-configuration`,
          scopes: ['openid', 'profile', 'email'],
        },
      ],
    }),
  ],
})

const app = express()
app.all('/api/auth/*path', toNodeHandler(auth))

// What the client library for browsers does by fetch, as links.
const call = async (res, endpoint, options) => {
  const { headers, response } = await endpoint({ ...options, returnHeaders: true })
  for (const cookie of headers.getSetCookie()) res.append('set-cookie', cookie)
  return response
}

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))
app.get('/login', async (req, res) => {
  const body = { provider: 'provider', callbackURL: '/profile', errorCallbackURL: '/' }
  const { url } = await call(res, auth.api.signInSocial, {
    body,
    headers: fromNodeHeaders(req.headers),
  })
  res.redirect(url)
})
app.get('/profile', async (req, res) => {
  const session = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) })
  if (!session) return res.redirect('/')
  res.json(session.user)
})
app.get('/logout', async (req, res) => {
  await call(res, auth.api.signOut, { headers: fromNodeHeaders(req.headers) })
  res.redirect('/')
})

app.listen(process.env.PORT, '127.0.0.1')
