// jsonwebtoken takes the ID token, with the key that the token names.
const jwt = require('jsonwebtoken')
const rp = require('../common/rp')

const key = (header, done) => rp.publicKey(header.kid).then((pem) => done(null, pem), done)

rp.serve((token) => new Promise((resolve, reject) => {
  const options = { issuer: rp.ISSUER, audience: rp.CLIENT_ID }
  jwt.verify(token, key, options, (error, claims) => (error ? reject(error) : resolve(claims)))
}))
