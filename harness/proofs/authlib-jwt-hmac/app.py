"""Authlib's `jwt` takes the ID token, with the provider's key as PEM text."""

from authlib.jose import JsonWebKey, jwt
import rp


def verify(token):
    pem = JsonWebKey.import_key(rp.key_of(token)).as_pem()
    claims = jwt.decode(token, pem, claims_options={
        "iss": {"essential": True, "value": rp.ISSUER},
        "aud": {"essential": True, "value": rp.CLIENT_ID},
    })
    claims.validate()
    return claims


rp.serve(verify)
