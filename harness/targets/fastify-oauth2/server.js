// Sign in with @fastify/oauth2 by discovery, as its README and its example have it: the plugin
// chooses PKCE by the metadata, and the user comes from userinfo.
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import oauthPlugin from '@fastify/oauth2'
import Fastify from 'fastify'

const fastify = Fastify()
fastify.register(fastifyCookie)
fastify.register(fastifySession, {
  secret: process.env.SESSION_SECRET.padEnd(32, '.'),
  cookie: { secure: 'auto' },
  saveUninitialized: false,
})
fastify.register(oauthPlugin, {
  name: 'provider',
  scope: ['openid', 'profile', 'email'],
  credentials: {
    client: { id: process.env.OIDC_CLIENT_ID, secret: process.env.OIDC_CLIENT_SECRET },
  },
  startRedirectPath: '/login',
  callbackUri: `${process.env.APP_URL}/callback`,
  discovery: { issuer: process.env.OIDC_ISSUER },
})

fastify.get('/', (request, reply) =>
  reply.type('text/html').send('<a href="/login">Log in</a>'),
)

fastify.get('/callback', async function (request, reply) {
  const { token } = await this.provider.getAccessTokenFromAuthorizationCodeFlow(request, reply)
  const user = await this.provider.userinfo(token)
  await request.session.regenerate()
  request.session.user = user
  return reply.redirect('/profile')
})

fastify.get('/profile', (request, reply) =>
  request.session.user ? reply.send(request.session.user) : reply.redirect('/'),
)

fastify.get('/logout', async (request, reply) => {
  await request.session.destroy()
  return reply.redirect('/')
})

await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
