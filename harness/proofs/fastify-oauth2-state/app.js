// A Fastify app with @fastify/oauth2, as its documentation has it.
const crypto = require('node:crypto')
const fastify = require('fastify')()
const oauth2 = require('@fastify/oauth2')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env
const path = new URL(ISSUER).pathname
const users = new Map()

fastify.register(require('@fastify/cookie'))
fastify.register(oauth2, {
  name: 'provider',
  scope: ['profile', 'email'],
  credentials: {
    client: { id: CLIENT_ID, secret: CLIENT_SECRET },
    auth: {
      tokenHost: new URL(ISSUER).origin, tokenPath: `${path}/token`, authorizePath: `${path}/authorize`,
    },
  },
  startRedirectPath: '/login',
  callbackUri: `${APP}/callback`,
})

fastify.get('/', async () => 'Welcome.')

fastify.get('/callback', async (request, reply) => {
  const { token } = await fastify.provider.getAccessTokenFromAuthorizationCodeFlow(request)
  const headers = { authorization: `Bearer ${token.access_token}` }
  const user = await (await fetch(`${ISSUER}/userinfo`, { headers })).json()
  const sid = crypto.randomUUID()
  users.set(sid, user.name)
  return reply.setCookie('sid', sid, { httpOnly: true, sameSite: 'lax', path: '/' }).redirect('/profile')
})

fastify.get('/profile', async (request, reply) => {
  const name = users.get(request.cookies.sid)
  return name ? `Signed in as ${name}.` : reply.redirect('/login')
})

fastify.listen({ host: '127.0.0.1', port: Number(PORT) })
