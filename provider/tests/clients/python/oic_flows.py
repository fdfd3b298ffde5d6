"""oic, also known as pyoidc."""

import logging

from oic import rndstr
from oic.exception import PyoidcError
from oic.oauth2.message import CCAccessTokenRequest, ErrorResponse
from oic.oic import Client
from oic.oic.message import (
    AccessTokenResponse,
    AuthorizationErrorResponse,
    AuthorizationResponse,
    RegistrationResponse,
)
from oic.utils.authn.client import CLIENT_AUTHN_METHOD

from support import ISSUER, REDIRECT_URI, SIGNED_OUT_URI, SPA, WEB, Library, sign_in, visit

# It logs what it then reports.
logging.disable(logging.CRITICAL)

library = Library("oic")


def discovered(client_id, client_secret=""):
    client = Client(client_authn_method=CLIENT_AUTHN_METHOD)
    client.provider_config(ISSUER)
    registered = {"client_id": client_id, "redirect_uris": [REDIRECT_URI]}
    if client_secret:
        registered["client_secret"] = client_secret
    client.store_registration_info(RegistrationResponse(**registered))
    client.redirect_uris = [REDIRECT_URI]
    return client


def authorization_url(client, scope=("openid",), **more):
    """The URL, and what has to be kept until the browser comes back."""
    challenge, verifier = client.add_code_challenge()
    arguments = {
        "client_id": client.client_id,
        "response_type": "code",
        "scope": list(scope),
        "nonce": rndstr(),
        "redirect_uri": REDIRECT_URI,
        "state": rndstr(),
        **challenge,
        **more,
    }
    request = client.construct_AuthorizationRequest(request_args=arguments)
    return request.request(client.authorization_endpoint), arguments, verifier


def redeem(client, callback_url, arguments, verifier, authn_method="client_secret_basic"):
    query = callback_url.partition("?")[2]
    response = client.parse_response(AuthorizationResponse, info=query, sformat="urlencoded")
    assert response["state"] == arguments["state"]
    return client.do_access_token_request(
        state=response["state"],
        request_args={
            "code": response["code"],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        },
        authn_method=authn_method,
    )


def log_in(client, scope=("openid",), authn_method="client_secret_basic"):
    """The state of the login, under which the client keeps the tokens, and the token response."""
    url, arguments, verifier = authorization_url(client, scope)
    tokens = redeem(client, sign_in(url), arguments, verifier, authn_method)
    id_token = tokens["id_token"]
    assert id_token["sub"] == "alice"
    assert id_token["nonce"] == arguments["nonce"]
    client.verify_id_token(id_token, arguments)
    return arguments["state"], tokens


def expect_error(error, response):
    assert isinstance(response, ErrorResponse), f"it is not refused with {error}"
    assert response["error"] == error, response
    assert response["error_description"], "it does not say why"


@library.flow("code-basic")
def code_basic():
    _, tokens = log_in(discovered(*WEB), ["openid", "profile", "email"])
    assert tokens["id_token"]["name"] == "Alice Adams"
    assert tokens["id_token"]["email"] == "alice@example.test"


@library.flow("code-post")
def code_post():
    log_in(discovered(*WEB), authn_method="client_secret_post")


@library.flow("code-public")
def code_public():
    log_in(discovered(SPA), authn_method="")


@library.flow("userinfo")
def userinfo():
    client = discovered(*WEB)
    state, _ = log_in(client, ["openid", "profile", "address", "phone"])
    # POST is what the library does unless told otherwise; the token is then in the body.
    for method in ("POST", "GET"):
        claims = client.do_user_info_request(method=method, state=state)
        assert claims["sub"] == "alice", claims
        assert claims["address"]["locality"] == "Springfield"
        assert claims["phone_number"] == "+1 555 0100"
    refused = client.do_user_info_request(method="GET", token="wrong")
    expect_error("invalid_token", refused)


@library.flow("refresh")
def refresh():
    client = discovered(*WEB)
    state, first = log_in(client, ["openid", "offline_access"])
    second = client.do_access_token_refresh(state=state, authn_method="client_secret_basic")
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["id_token"]["sub"] == "alice"
    client.get_token(state=state).refresh_token = first["refresh_token"]
    replayed = client.do_access_token_refresh(state=state, authn_method="client_secret_basic")
    expect_error("invalid_grant", replayed)
    # The replay has ended the whole family (RFC 9700 §4.14.2).
    client.get_token(state=state).refresh_token = second["refresh_token"]
    orphan = client.do_access_token_refresh(state=state, authn_method="client_secret_basic")
    expect_error("invalid_grant", orphan)


@library.flow("login-required")
def login_required():
    client = discovered(*WEB)
    url, _, _ = authorization_url(client, prompt="none")
    query = visit(url).partition("?")[2]
    response = client.parse_response(AuthorizationResponse, info=query, sformat="urlencoded")
    assert isinstance(response, AuthorizationErrorResponse), response
    assert response["error"] == "login_required"


@library.flow("invalid-client")
def invalid_client():
    client = discovered(WEB[0], "wrong")
    url, arguments, verifier = authorization_url(client)
    expect_error("invalid_client", redeem(client, sign_in(url), arguments, verifier))


@library.flow("invalid-grant")
def invalid_grant():
    client = discovered(*WEB)
    url, arguments, verifier = authorization_url(client)
    callback = f"{REDIRECT_URI}?code=unknown&state={arguments['state']}"
    expect_error("invalid_grant", redeem(client, callback, arguments, verifier))


@library.flow("logout")
def logout():
    client = discovered(*WEB)
    state, _ = log_in(client)
    request = client.construct_EndSessionRequest(
        state=state,
        request_args={"state": state, "post_logout_redirect_uri": SIGNED_OUT_URI},
    )
    assert visit(request.request(client.end_session_endpoint)) == f"{SIGNED_OUT_URI}?state={state}"


def own_tokens(client, request, arguments):
    """What the client gets by a grant without a browser."""
    return client.do_any(
        request,
        request_args=arguments,
        response=AccessTokenResponse,
        authn_method="client_secret_basic",
        endpoint=client.token_endpoint,
    )


@library.flow("client-credentials")
def client_credentials():
    client = discovered(*WEB)
    tokens = own_tokens(client, CCAccessTokenRequest, {"scope": ["profile"]})
    assert tokens["scope"] == ["profile"], tokens
    assert "refresh_token" not in tokens and "id_token" not in tokens
    expect_error("invalid_scope", own_tokens(client, CCAccessTokenRequest, {"scope": ["unheard-of"]}))
