// Passport with passport-oauth2; the user comes from userinfo.
const OAuth2Strategy = require('passport-oauth2')
const { serve } = require('../common/passport')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER } = process.env
const strategy = new OAuth2Strategy({
  authorizationURL: `${ISSUER}/authorize`,
  tokenURL: `${ISSUER}/token`,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  callbackURL: `${APP}/callback`,
  scope: ['profile'],
  state: true,
}, (_accessToken, _refreshToken, profile, done) => done(null, profile.sub))

strategy.userProfile = (accessToken, done) => {
  const headers = { authorization: `Bearer ${accessToken}` }
  fetch(`${ISSUER}/userinfo`, { headers }).then((answer) => answer.json()).then((user) => done(null, user), done)
}

serve(strategy)
