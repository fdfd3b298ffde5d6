// Sign in with Auth.js in Express, set up as its documentation has it, with a provider of one's own.
import express from 'express'
import { Auth, setEnvDefaults, skipCSRFCheck } from '@auth/core'
import { ExpressAuth, getSession } from '@auth/express'

const config = {
  basePath: '/auth',
  providers: [
    {
      id: 'provider',
      name: 'Provider',
      type: 'oidc',
      issuer: process.env.OIDC_ISSUER,
      clientId: process.env.OIDC_CLIENT_ID,
      clientSecret: process.env.OIDC_CLIENT_SECRET,
    },
  ],
}
setEnvDefaults(process.env, config)

const app = express()
app.set('trust proxy', true)
app.use('/auth/*', ExpressAuth(config))

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))

// Starts a login by itself, as the function `signIn` does in Auth.js for other frameworks.
app.get('/login', async (req, res) => {
  const start = new Request(`${process.env.APP_URL}/auth/signin/provider`, {
    method: 'POST',
    headers: { cookie: req.headers.cookie ?? '' },
    body: new URLSearchParams({ callbackUrl: `${process.env.APP_URL}/profile` }),
  })
  const started = await Auth(start, { ...config, skipCSRFCheck })
  for (const cookie of started.headers.getSetCookie()) res.append('set-cookie', cookie)
  res.redirect(started.headers.get('location'))
})

app.get('/profile', async (req, res) => {
  const session = await getSession(req, config)
  if (!session?.user) return res.redirect('/')
  res.json(session.user)
})

app.listen(process.env.PORT, '127.0.0.1')
