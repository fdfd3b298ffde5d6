// Sign in with Auth.js in Express, set up as its documentation has it, with a provider of one's own.
import express from 'express'
import { ExpressAuth, getSession } from '@auth/express'

const config = {
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

const app = express()
app.set('trust proxy', true)
app.use('/auth/*', ExpressAuth(config))

app.get('/', (req, res) => res.send('<a href="/auth/signin">Log in</a>'))
app.get('/profile', async (req, res) => {
  const session = await getSession(req, config)
  if (!session?.user) return res.redirect('/')
  res.json(session.user)
})

app.listen(process.env.PORT, '127.0.0.1')
