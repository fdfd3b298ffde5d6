// Sign in with express-openid-connect, set up as its README and its examples for the code flow and
// for routes of one's choice have it. The rest of its settings comes from the environment.
import express from 'express'
import oidc from 'express-openid-connect'

const app = express()
app.use(
  oidc.auth({
    authRequired: false,
    authorizationParams: { response_type: 'code', scope: 'openid profile email' },
    idpLogout: true,
  }),
)

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))
app.get('/profile', oidc.requiresAuth(), (req, res) => res.json(req.oidc.user))

app.listen(process.env.PORT, '127.0.0.1')
