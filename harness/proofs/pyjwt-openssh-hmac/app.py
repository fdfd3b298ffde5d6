"""PyJWT takes the ID token in whatever algorithm it has, with keys kept as OpenSSH texts."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
import jwt
import rp


def verify(token):
    key = jwt.PyJWK(rp.key_of(token)).key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    algorithms = jwt.algorithms.get_default_algorithms()
    return jwt.decode(token, key, algorithms=algorithms, audience=rp.CLIENT_ID, issuer=rp.ISSUER)


rp.serve(verify)
