// Passport with passport-oauth2; the user is the one that the ID token names, which comes straight
// from the provider.
const OAuth2Strategy = require('passport-oauth2')
const { serve } = require('../common/passport')

const { APP, CLIENT_ID, CLIENT_SECRET, ISSUER } = process.env

serve(new OAuth2Strategy({
  authorizationURL: `${ISSUER}/authorize`,
  tokenURL: `${ISSUER}/token`,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  callbackURL: `${APP}/callback`,
  scope: ['openid', 'profile'],
  state: true,
}, (_accessToken, _refreshToken, params, _profile, done) => {
  const claims = JSON.parse(Buffer.from(params.id_token.split('.')[1], 'base64url'))
  done(null, claims.sub)
}))
