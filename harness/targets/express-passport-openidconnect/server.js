// Sign in with passport-openidconnect, set up as its README has it.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

const issuer = process.env.OIDC_ISSUER

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer,
      authorizationURL: `${issuer}/authorize`,
      tokenURL: `${issuer}/token`,
      userInfoURL: `${issuer}/userinfo`,
      clientID: process.env.OIDC_CLIENT_ID,
      clientSecret: process.env.OIDC_CLIENT_SECRET,
      callbackURL: `${process.env.APP_URL}/callback`,
      scope: ['profile', 'email'],
    },
    function verify(issuer, profile, done) {
      return done(null, profile)
    },
  ),
)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false }))
app.use(passport.session())

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))
app.get('/login', passport.authenticate('openidconnect'))
app.get(
  '/callback',
  passport.authenticate('openidconnect', { failureRedirect: '/', failureMessage: true }),
  (req, res) => res.redirect('/profile'),
)
app.get('/profile', (req, res) => {
  if (!req.user) return res.redirect('/')
  res.json(req.user)
})
app.get('/logout', (req, res, next) => {
  req.logout((error) => (error ? next(error) : res.redirect('/')))
})

app.listen(process.env.PORT, '127.0.0.1')
