"""Authlib where clients have keys, and where a profile demands more."""

import requests
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc.jwk import ECKey, OKPKey, RSAKey

from authlib_flows import App, expect_error, library, metadata
from support import (
    CERTIFICATE,
    CERTIFIED,
    ISSUER,
    REDIRECT_URI,
    SPA,
    TLS_CA,
    TLS_ISSUER,
    sent_for_tokens,
    thumbprint,
    visit,
)


def registered(**more):
    """A client that the provider registers; Authlib has no call for it."""
    response = requests.post(
        metadata()["registration_endpoint"],
        json={"redirect_uris": [REDIRECT_URI], **more},
        timeout=10,
    )
    assert response.status_code == 201, response.text
    return response.json()


def public_set(key):
    return {"keys": [key.as_dict(private=False)]}


@library.flow("private-key-jwt")
def private_key_jwt():
    for alg, generate in (
        ("RS256", lambda: RSAKey.generate_key(2048, {"kid": "own"})),
        ("PS256", lambda: RSAKey.generate_key(2048, {"kid": "own"})),
        ("ES256", lambda: ECKey.generate_key("P-256", {"kid": "own"})),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519", {"kid": "own"})),
    ):
        key = generate()
        method = "private_key_jwt"
        client = registered(jwks=public_set(key), token_endpoint_auth_method=method)
        settings = {
            "token_endpoint_auth_method": method,
            "auth_methods": [PrivateKeyJWT(metadata()["token_endpoint"], alg=alg)],
        }
        App(client["client_id"], key, **settings).log_in()
        sent = sent_for_tokens(client["client_id"])
        assert "client_assertion" in sent and "client_secret" not in sent, sent
        other = App(client["client_id"], generate(), **settings)
        expect_error("invalid_client", other.log_in)


@library.flow("client-secret-jwt")
def client_secret_jwt():
    method = "client_secret_jwt"
    client = registered(token_endpoint_auth_method=method)
    settings = {
        "token_endpoint_auth_method": method,
        "auth_methods": [ClientSecretJWT(metadata()["token_endpoint"])],
    }
    App(client["client_id"], client["client_secret"], **settings).log_in()
    sent = sent_for_tokens(client["client_id"])
    assert "client_assertion" in sent and "client_secret" not in sent, sent
    other = App(client["client_id"], "x" * 32, **settings)
    expect_error("invalid_client", other.log_in)


@library.flow("mutual-tls")
def mutual_tls():
    client = OAuth2Session(CERTIFIED, token_endpoint_auth_method="none")
    grant = {"grant_type": "client_credentials", "verify": TLS_CA}
    with_own = {"verify": TLS_CA, "cert": CERTIFICATE}
    token = client.fetch_token(f"{TLS_ISSUER}/token", cert=CERTIFICATE, **grant)
    told = client.introspect_token(
        f"{TLS_ISSUER}/introspect", token=token["access_token"], **with_own
    )
    assert told.json()["cnf"] == {"x5t#S256": thumbprint()}, told.text
    expect_error("invalid_client", lambda: client.fetch_token(f"{TLS_ISSUER}/token", **grant))


@library.flow("jwt-bearer")
def jwt_bearer():
    key = ECKey.generate_key("P-256", {"kid": "own"})
    client = registered(
        jwks=public_set(key),
        grant_types=["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        response_types=[],
        redirect_uris=[],
        token_endpoint_auth_method="none",
    )

    def session(subject):
        return AssertionSession(
            metadata()["token_endpoint"],
            client["client_id"],
            subject,
            audience=ISSUER,
            scope="openid profile",
            key=key,
            header={"alg": "ES256", "kid": "own"},
        )

    # It asks for a token of its own accord, before it uses the API.
    response = session("alice").get(metadata()["userinfo_endpoint"])
    assert response.json()["name"] == "Alice Adams", response.text
    try:
        session("nobody").get(metadata()["userinfo_endpoint"])
    except OAuth2Error as refused:
        assert refused.error == "invalid_grant", refused
    else:
        raise AssertionError("somebody unknown gets tokens")


library.not_supported["signed-request"] = "only as a server"
library.not_supported["dpop"] = "no call for it"
library.not_supported["signed-userinfo"] = "reads userinfo as JSON only"
library.not_supported["encryption"] = "reads signed ID tokens only"
library.not_supported["back-channel-logout"] = "no call for it"


@library.flow("oauth21")
def oauth21():
    settings = {"issuer": f"{ISSUER}/oauth21", "token_endpoint_auth_method": "none"}
    App(SPA, **settings).log_in()
    without = App(SPA, **settings, code_challenge_method=None)
    callback = visit(without.start_login())
    expect_error("invalid_request", lambda: without.finish_login(callback))


library.not_supported["fapi2"] = "no call for pushed requests"
