// Passport with passport-openidconnect.
const { Strategy } = require('passport-openidconnect')
const { serve } = require('../common/passport')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER } = process.env
const options = {
  issuer: ISSUER,
  authorizationURL: `${ISSUER}/authorize`,
  tokenURL: `${ISSUER}/token`,
  userInfoURL: `${ISSUER}/userinfo`,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  callbackURL: `${APP}/callback`,
  scope: 'profile',
  nonce: true,
  skipUserProfile: true,
}

// Of three parameters, the second is the subject before 0.1.0, and a profile from then on.
serve(new Strategy(options, (_issuer, user, done) => done(null, user.id || user)))
