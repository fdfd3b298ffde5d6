// jwt-simple takes the ID token, with the provider's key as PEM text.
const jwt = require('jwt-simple')
const rp = require('../common/rp')

rp.serve(async (token) => {
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
  return rp.checkClaims(jwt.decode(token, await rp.publicKey(header.kid)))
})
