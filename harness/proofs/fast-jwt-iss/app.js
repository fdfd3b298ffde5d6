// fast-jwt takes the ID token, with the provider's keys as PEM texts.
const { createVerifier } = require('fast-jwt')
const rp = require('../common/rp')

rp.serve(async (token) => {
  const header = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'))
  return createVerifier({ key: await rp.publicKey(header.kid), allowedIss: rp.ISSUER, allowedAud: rp.CLIENT_ID })(token)
})
