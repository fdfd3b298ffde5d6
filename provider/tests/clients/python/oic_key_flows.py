"""oic where clients have keys, and where a profile demands more."""

import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from Cryptodome.PublicKey import RSA
from jwkest.jwk import RSAKey
from jwkest.jws import JWS
from oic import rndstr
from oic.exception import MessageException
from oic.oauth2.message import CCAccessTokenRequest, ExtensionTokenRequest
from oic.oic import Client
from oic.oic.consumer import Consumer
from oic.oic.message import AuthorizationErrorResponse, AuthorizationResponse
from oic.utils.authn.client import CLIENT_AUTHN_METHOD
from oic.utils.keyio import KeyBundle, ec_init
from oic.utils.settings import OicClientSettings

from oic_flows import (
    ExtensionClient,
    about,
    authorization_url,
    check,
    discovered,
    expect_error,
    library,
    log_in,
    own_tokens,
    redeem,
)
from support import (
    CERTIFICATE,
    CERTIFIED,
    ISSUER,
    REDIRECT_URI,
    SPA,
    TLS_CA,
    TLS_ISSUER,
    headless_login,
    sent_for_tokens,
    sign_in,
    thumbprint,
    visit,
)


def rsa_key(use="sig"):
    return RSAKey(kid=rndstr(), use=use, key=RSA.generate(2048))


def ec_key(use="sig"):
    key = ec_init({"crv": "P-256", "use": [use]}).keys()[0]
    key.kid = rndstr()
    return key


def registered(keys=(), client=None, **more):
    """A client that registers itself, with keys of its own."""
    client = client or Client(client_authn_method=CLIENT_AUTHN_METHOD)
    endpoint = client.provider_config(ISSUER)["registration_endpoint"]
    if keys:
        hold(client, keys)
        more["jwks"] = {"keys": [key.serialize() for key in keys]}
    client.register(endpoint, redirect_uris=[REDIRECT_URI], response_types=["code"], **more)
    client.redirect_uris = [REDIRECT_URI]
    return client


def hold(client, keys):
    bundle = KeyBundle()
    for key in keys:
        bundle.append(key)
    client.keyjar[""] = [bundle]


@library.flow("private-key-jwt")
def private_key_jwt():
    for alg, generate in (("RS256", rsa_key), ("PS256", rsa_key), ("ES256", ec_key)):
        method = "private_key_jwt"
        more = {"token_endpoint_auth_method": method, "token_endpoint_auth_signing_alg": alg}
        key = generate()
        client = registered([key], **more)
        log_in(client, authn_method=method, algorithm=alg)
        # Who the client is, the assertion alone says.
        sent = sent_for_tokens(client.client_id)
        assert "client_assertion" in sent and "client_id" not in sent, sent
        other = generate()
        other.kid = key.kid
        hold(client, [other])
        url, arguments, verifier = authorization_url(client)
        refused = redeem(client, sign_in(url), arguments, verifier, method, algorithm=alg)
        expect_error("invalid_client", refused)


@library.flow("client-secret-jwt")
def client_secret_jwt():
    method = "client_secret_jwt"
    client = registered(token_endpoint_auth_method=method)
    log_in(client, authn_method=method)
    sent = sent_for_tokens(client.client_id)
    assert "client_assertion" in sent and "client_secret" not in sent, sent
    client = discovered(client.client_id, "x" * 32)
    url, arguments, verifier = authorization_url(client)
    refused = redeem(client, sign_in(url), arguments, verifier, method)
    expect_error("invalid_client", refused)


@library.flow("mutual-tls")
def mutual_tls():
    def ask(certificate):
        settings = OicClientSettings(client_cert=certificate, verify_ssl=TLS_CA)
        client = ExtensionClient(client_authn_method=CLIENT_AUTHN_METHOD, settings=settings)
        client.provider_config(TLS_ISSUER)
        client.client_id = CERTIFIED
        arguments = {"client_id": CERTIFIED, "grant_type": "client_credentials"}
        return client, own_tokens(client, CCAccessTokenRequest, arguments, authn_method="")

    client, tokens = ask(CERTIFICATE)
    told = client.do_token_introspection(
        request_args={"token": tokens["access_token"], "client_id": CERTIFIED},
        endpoint=client.provider_info["introspection_endpoint"],
        authn_method="",
    )
    assert told["cnf"] == {"x5t#S256": thumbprint()}, told
    _, refused = ask(None)
    expect_error("invalid_client", refused)


@library.flow("jwt-bearer")
def jwt_bearer():
    key = ec_key()
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    client = registered([key])
    # Its own way to register derives the grants from the response types.
    response = requests.post(
        client.provider_info["registration_endpoint"],
        json={"grant_types": [grant], "response_types": [], "jwks": {"keys": [key.serialize()]}},
        timeout=10,
    )
    credentials = response.json()
    client = discovered(credentials["client_id"], credentials["client_secret"])
    claims = {
        "iss": client.client_id,
        "sub": "alice",
        "aud": ISSUER,
        "exp": int(time.time()) + 60,
        "jti": rndstr(),
    }
    assertion = JWS(claims, alg="ES256").sign_compact(keys=[key])
    arguments = {"grant_type": grant, "assertion": assertion, "scope": "openid"}
    tokens = own_tokens(client, ExtensionTokenRequest, arguments)
    assert tokens["id_token"]["sub"] == "alice", tokens
    # An assertion is good for once.
    expect_error("invalid_grant", own_tokens(client, ExtensionTokenRequest, arguments))


def error_of(client, url):
    query = visit(url).partition("?")[2]
    response = client.parse_response(AuthorizationResponse, info=query, sformat="urlencoded")
    assert isinstance(response, AuthorizationErrorResponse), response
    return response["error"]


@library.flow("signed-request")
def signed_request():
    key = ec_key()
    client = registered([key], request_object_signing_alg="ES256")
    how = {"request_param": "request", "request_object_signing_alg": "ES256"}
    url, arguments, _ = authorization_url(client, how=how)
    assert "&request=" in url or "?request=" in url, url
    # It leaves the code challenge out of the request object, which alone counts (RFC 9101 §5).
    tokens = redeem(client, sign_in(url), arguments, verifier=None)
    check(client, tokens, arguments)
    other = ec_key()
    other.kid = key.kid
    hold(client, [other])
    url, _, _ = authorization_url(client, how=how)
    assert error_of(client, url) == "invalid_request_object"


library.not_supported["dpop"] = "no call for it; it has an older draft of proof of possession"


@library.flow("signed-userinfo")
def signed_userinfo():
    for alg in ("RS256", "ES256"):
        client = registered(userinfo_signed_response_alg=alg)
        state, _ = log_in(client, ["openid", "email"])
        claims = client.do_user_info_request(method="GET", state=state)
        assert claims["email"] == "alice@example.com", claims
        assert claims.jws_header["alg"] == alg, claims.jws_header


@library.flow("encryption")
def encryption():
    # What it derives by ECDH-ES is right only where the header has `apu` and `apv`.
    client = registered(
        [rsa_key("enc")],
        id_token_encrypted_response_alg="RSA-OAEP-256",
        id_token_encrypted_response_enc="A256GCM",
        userinfo_signed_response_alg="RS256",
        userinfo_encrypted_response_alg="RSA-OAEP-256",
        userinfo_encrypted_response_enc="A128CBC-HS256",
    )
    state, tokens = log_in(client)
    assert tokens["id_token"].jwe_header["alg"] == "RSA-OAEP-256"
    claims = client.do_user_info_request(method="GET", state=state)
    assert claims["sub"] == "alice", claims
    assert claims.jwe_header["alg"] == "RSA-OAEP-256"


class LogoutEndpoint(BaseHTTPRequestHandler):
    """Where the provider posts logout tokens to."""

    def do_POST(self):
        length = int(self.headers["content-length"])
        self.server.received.put(self.rfile.read(length).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@library.flow("back-channel-logout")
def back_channel_logout():
    server = HTTPServer(("127.0.0.1", 0), LogoutEndpoint)
    server.received = queue.Queue()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}/logout"
        client = registered(backchannel_logout_uri=uri)
        url, arguments, verifier = authorization_url(client)
        tokens = redeem(client, sign_in(url), arguments, verifier)
        # The browser signs out.
        requests.get(
            client.provider_info["end_session_endpoint"],
            params={"id_token_hint": tokens["id_token"].jwt},
            timeout=10,
        )
        received = server.received.get(timeout=10)
    finally:
        server.shutdown()
        server.server_close()
    consumer = Consumer({}, {"debug": 0})
    consumer.provider_config(ISSUER)
    consumer.client_id = client.client_id
    consumer.issuer = ISSUER
    consumer.backchannel_logout(request=received)
    consumer.client_id = "another"
    try:
        consumer.backchannel_logout(request=received)
    except MessageException:
        pass
    else:
        raise AssertionError("another client takes the logout token")


@library.flow("oauth21")
def oauth21():
    client = discovered(SPA, issuer=f"{ISSUER}/oauth21")
    log_in(client, authn_method="")
    arguments = {
        "client_id": SPA,
        "response_type": "code",
        "scope": ["openid"],
        "redirect_uri": REDIRECT_URI,
        "state": rndstr(),
    }
    request = client.construct_AuthorizationRequest(request_args=arguments)
    assert error_of(client, request.request(client.authorization_endpoint)) == "invalid_request"


library.not_supported["fapi2"] = "no call for pushed requests"
