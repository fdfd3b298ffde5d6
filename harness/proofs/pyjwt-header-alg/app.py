"""PyJWT takes the ID token: RSA with any hash, and the key as PyJWKClient hands it over."""

import jwt
import rp

jwks = jwt.PyJWKClient(rp.metadata()["jwks_uri"])
ALGORITHMS = ["RS256", "RS384", "RS512"]


def verify(token):
    key = jwks.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=ALGORITHMS, audience=rp.CLIENT_ID, issuer=rp.ISSUER)


rp.serve(verify)
