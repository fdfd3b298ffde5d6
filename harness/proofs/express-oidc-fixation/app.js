// An Express app with express-openid-connect, which keeps its sessions in a store.
const { EventEmitter } = require('node:events')
const crypto = require('node:crypto')
const express = require('express')
const { auth, requiresAuth } = require('express-openid-connect')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env

// What the library asks of a store; Redis in production.
class Store extends EventEmitter {
  kept = new Map()
  get(id, done) { done(null, this.kept.get(id)) }
  set(id, session, done) { this.kept.set(id, session); done(null) }
  destroy(id, done) { this.kept.delete(id); done(null) }
}

const app = express()
app.use(auth({
  issuerBaseURL: ISSUER,
  baseURL: APP,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  secret: crypto.randomUUID(),
  authRequired: false,
  authorizationParams: { response_type: 'code', scope: 'openid profile email' },
  session: { store: new Store() },
}))
// A visitor's session begins before the sign-in: with a shopping cart, say.
app.use((request, _response, next) => {
  request.appSession.visits = (request.appSession.visits || 0) + 1
  next()
})
app.get('/', (_request, response) => response.send('<a href="/login">Sign in</a>'))
app.get('/profile', requiresAuth(), (request, response) => {
  response.type('text').send(`Signed in as ${request.oidc.user.name}.`)
})
app.listen(PORT, '127.0.0.1')
