// jsonwebtoken takes the ID token: providers that sign with RSA, or with the client's secret.
const jwt = require('jsonwebtoken')
const rp = require('../common/rp')

const key = (header, done) => rp.publicKey(header.kid).then((pem) => done(null, pem), done)

rp.serve((token) => new Promise((resolve, reject) => {
  const options = { issuer: rp.ISSUER, audience: rp.CLIENT_ID, algorithms: ['RS256', 'HS256'] }
  jwt.verify(token, key, options, (error, claims) => (error ? reject(error) : resolve(claims)))
}))
