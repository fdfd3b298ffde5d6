// node-jose takes the ID token, with the published keys as its key store.
const jose = require('node-jose')
const rp = require('../common/rp')

rp.serve(async (token) => {
  const store = await jose.JWK.asKeyStore({ keys: (await rp.keys()).filter((key) => key.kty === 'RSA') })
  const { payload } = await jose.JWS.createVerify(store).verify(token)
  return rp.checkClaims(JSON.parse(payload))
})
