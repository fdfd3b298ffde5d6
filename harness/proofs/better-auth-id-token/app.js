// Better Auth with its plugin for any OAuth provider; users and sessions are in memory.
const http = require('node:http')
const { betterAuth } = require('better-auth')
const { fromNodeHeaders, toNodeHandler } = require('better-auth/node')
const { genericOAuth } = require('better-auth/plugins')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env
const auth = betterAuth({
  baseURL: APP,
  secret: require('node:crypto').randomBytes(32).toString('hex'),
  plugins: [genericOAuth({
    config: [{
      providerId: 'provider',
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
      scopes: ['openid', 'profile', 'email'],
      redirectURI: `${APP}/callback`,
      pkce: true,
    }],
  })],
})
// The plugin has endpoints of its own before 1.7.0, and shares those of social providers from then on.
const own = auth.api.signInWithOAuth2
const handler = toNodeHandler(auth)

http.createServer(async (request, response) => {
  const headers = fromNodeHeaders(request.headers)
  const { pathname } = new URL(request.url, APP)
  if (pathname === '/callback') {
    request.url = request.url.replace('/callback', own ? '/api/auth/oauth2/callback/provider' : '/api/auth/callback/provider')
    return handler(request, response)
  }
  if (pathname.startsWith('/api/auth/')) return handler(request, response)
  if (pathname === '/login') {
    const which = own ? { providerId: 'provider' } : { provider: 'provider' }
    const begin = own || auth.api.signInSocial
    const begun = await begin({ body: { ...which, callbackURL: '/profile' }, headers, returnHeaders: true })
    return response.writeHead(302, { location: begun.response.url, 'set-cookie': begun.headers.getSetCookie() }).end()
  }
  const session = await auth.api.getSession({ headers })
  response.writeHead(200, { 'content-type': 'text/plain' })
  return response.end(session ? `Signed in as ${session.user.name}.` : 'Welcome.')
}).listen(PORT, '127.0.0.1')
