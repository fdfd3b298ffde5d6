// An Express app with express-openid-connect, all of whose pages ask for a sign-in.
const crypto = require('node:crypto')
const express = require('express')
const { auth } = require('express-openid-connect')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env

const app = express()
app.use(auth({
  issuerBaseURL: ISSUER,
  baseURL: APP,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  secret: crypto.randomUUID(),
  authorizationParams: { response_type: 'code', scope: 'openid profile email' },
}))
app.get('*', (request, response) => {
  response.type('text').send(`Signed in as ${request.oidc.user.name}.`)
})
app.listen(PORT, '127.0.0.1')
