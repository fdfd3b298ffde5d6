"""PyJWT takes the ID token, with the key that its own client looks up."""

import jwt
import rp

jwks = jwt.PyJWKClient(rp.metadata()["jwks_uri"])


def verify(token):
    key = jwks.get_signing_key_from_jwt(token).key
    return jwt.decode(token, key, algorithms=["RS256"], audience=rp.CLIENT_ID, issuer=rp.ISSUER)


rp.serve(verify)
