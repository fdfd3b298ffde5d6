// NextAuth.js in an Express app: a provider of one's own that is protected by PKCE and a state.
process.env.NEXTAUTH_URL = process.env.APP
const NextAuth = require('next-auth').default
const express = require('express')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER, PORT } = process.env
const options = {
  secret: require('node:crypto').randomUUID(),
  providers: [{
    id: 'provider',
    name: 'Provider',
    type: 'oauth',
    wellKnown: `${ISSUER}/.well-known/openid-configuration`,
    authorization: { params: { scope: 'openid profile email' } },
    idToken: true,
    checks: ['pkce', 'state'],
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    profile: (profile) => ({ id: profile.sub, name: profile.name, email: profile.email }),
  }],
}

const app = express()
app.use('/api/auth', require('express').urlencoded({ extended: false }), (request, response) => {
  // What Next.js does with a route of the name `[...nextauth]`, and with cookies.
  request.query.nextauth = request.path.slice(1).split('/')
  request.cookies = cookies(request)
  return NextAuth(request, response, options)
})

const cookies = (request) => Object.fromEntries((request.headers.cookie || '').split('; ').map((pair) => {
  const [name, ...value] = pair.split('=')
  return [name, decodeURIComponent(value.join('='))]
}))

// What `signIn()` does in a browser: a CSRF token, and the form that carries it.
app.get('/login', async (_request, response) => {
  const asked = await fetch(`${APP}/api/auth/csrf`)
  const cookie = asked.headers.getSetCookie()
  const { csrfToken } = await asked.json()
  const answer = await fetch(`${APP}/api/auth/signin/provider`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookie.map((line) => line.split(';')[0]).join('; ') },
    body: new URLSearchParams({ csrfToken, callbackUrl: `${APP}/profile` }),
  })
  for (const line of [...cookie, ...answer.headers.getSetCookie()]) response.append('set-cookie', line)
  response.redirect(answer.headers.get('location'))
})

app.get('/profile', async (request, response) => {
  const asked = await fetch(`${APP}/api/auth/session`, { headers: { cookie: request.headers.cookie || '' } })
  const { user } = await asked.json()
  if (user) response.type('text').send(`Signed in as ${user.name}.`)
  else response.redirect('/login')
})

app.get('/', (_request, response) => response.send('<a href="/login">Sign in</a>'))
app.listen(PORT, '127.0.0.1')
