// Sign in with passport-oauth2, set up as its README has it: no state, no PKCE. The profile comes
// from userinfo by overriding `userProfile`, which is what a strategy of one's own does.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OAuth2Strategy from 'passport-oauth2'

const issuer = process.env.OIDC_ISSUER

const strategy = new OAuth2Strategy(
  {
    authorizationURL: `${issuer}/authorize`,
    tokenURL: `${issuer}/token`,
    clientID: process.env.OIDC_CLIENT_ID,
    clientSecret: process.env.OIDC_CLIENT_SECRET,
    callbackURL: `${process.env.APP_URL}/callback`,
    scope: ['openid', 'profile', 'email'],
  },
  (accessToken, refreshToken, profile, done) => done(null, profile),
)
strategy._oauth2.useAuthorizationHeaderforGET(true)
strategy.userProfile = function (accessToken, done) {
  this._oauth2.get(`${issuer}/userinfo`, accessToken, (error, body) => {
    if (error) return done(error)
    try {
      done(null, JSON.parse(body))
    } catch (malformed) {
      done(malformed)
    }
  })
}

passport.use(strategy)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false }))
app.use(passport.session())

app.get('/', (req, res) => res.send('<a href="/login">Log in</a>'))
app.get('/login', passport.authenticate('oauth2'))
app.get('/callback', passport.authenticate('oauth2', { failureRedirect: '/' }), (req, res) =>
  res.redirect('/profile'),
)
app.get('/profile', (req, res) => {
  if (!req.user) return res.redirect('/')
  res.json(req.user)
})
app.get('/logout', (req, res, next) => {
  req.logout((error) => (error ? next(error) : res.redirect('/')))
})

app.listen(process.env.PORT, '127.0.0.1')
