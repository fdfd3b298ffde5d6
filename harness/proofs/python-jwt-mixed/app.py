"""python_jwt takes the ID token, with the published key that its header names."""

import python_jwt
import rp
from jwcrypto.jwk import JWK


def verify(token):
    key = JWK(**rp.key_of(token))
    _, claims = python_jwt.verify_jwt(token, key, ["RS256"], checks_optional=True)
    if (claims["iss"], claims["aud"]) != (rp.ISSUER, rp.CLIENT_ID):
        raise ValueError("a token for somebody else")
    return claims


rp.serve(verify)
