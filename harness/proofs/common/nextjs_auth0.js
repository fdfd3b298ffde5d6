// nextjs-auth0 in an Express app, where its handlers are API routes as in Next.js.
const crypto = require('node:crypto')
const express = require('express')
const { initAuth0 } = require('@auth0/nextjs-auth0')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env
const auth0 = initAuth0({
  secret: crypto.randomBytes(32).toString('hex'),
  issuerBaseURL: ISSUER,
  baseURL: APP,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
})
const handlers = auth0.handleAuth()

const app = express()
app.get('/api/auth/:auth0', (request, response) => {
  request.query.auth0 = request.params.auth0
  return handlers(request, response)
})
app.get('/profile', (request, response) => {
  const session = auth0.getSession(request, response)
  if (session) response.type('text').send(`Signed in as ${session.user.name}.`)
  else response.redirect('/api/auth/login?returnTo=/profile')
})
app.get('/', (_request, response) => response.send('<a href="/api/auth/login">Sign in</a>'))
app.listen(PORT, '127.0.0.1')
