"""oic, also known as pyoidc."""

import logging

from jwkest.jws import factory
from oic import rndstr
from oic.exception import RegistrationError
from oic.extension.client import Client as ExtensionClient
from oic.oauth2.message import (
    CCAccessTokenRequest,
    ErrorResponse,
    ExtensionTokenRequest,
    ROPCAccessTokenRequest,
)
from oic.oic import Client
from oic.oic.message import (
    AccessTokenResponse,
    AuthorizationErrorResponse,
    AuthorizationResponse,
    Claims,
    ClaimsRequest,
    RegistrationResponse,
)
from oic.utils.authn.client import CLIENT_AUTHN_METHOD

from support import (
    ALGORITHMS,
    API,
    CLAIMS,
    ISSUER,
    REDIRECT_URI,
    SIGNED_OUT_URI,
    SPA,
    WEB,
    Library,
    sign_in,
    sign_in_with_form,
    visit,
)

# It logs what it then reports.
logging.disable(logging.CRITICAL)

library = Library("oic")


def discovered(client_id, client_secret="", issuer=ISSUER, library_client=Client):
    client = library_client(client_authn_method=CLIENT_AUTHN_METHOD)
    client.provider_config(issuer)
    registered = {"client_id": client_id, "redirect_uris": [REDIRECT_URI]}
    if client_secret:
        registered["client_secret"] = client_secret
    client.store_registration_info(RegistrationResponse(**registered))
    client.redirect_uris = [REDIRECT_URI]
    return client


def authorization_url(client, scope=("openid",), how=None, **more):
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
    request = client.construct_AuthorizationRequest(request_args=arguments, **(how or {}))
    return request.request(client.authorization_endpoint), arguments, verifier


def redeem(client, callback_url, arguments, verifier, authn_method="client_secret_basic", **more):
    query = callback_url.partition("?")[2]
    response = client.parse_response(AuthorizationResponse, info=query, sformat="urlencoded")
    return exchange(client, response, arguments, verifier, authn_method, **more)


def exchange(client, response, arguments, verifier, authn_method="client_secret_basic", **more):
    assert response["state"] == arguments["state"], response
    proof = {"code_verifier": verifier} if verifier else {}
    return client.do_access_token_request(
        state=response["state"],
        request_args={"code": response["code"], "redirect_uri": REDIRECT_URI, **proof},
        authn_method=authn_method,
        **more,
    )


def log_in(client, scope=("openid",), authn_method="client_secret_basic", **more):
    """The state of the login, under which the client keeps the tokens, and the token response."""
    url, arguments, verifier = authorization_url(client, scope)
    tokens = redeem(client, sign_in(url), arguments, verifier, authn_method, **more)
    check(client, tokens, arguments)
    return arguments["state"], tokens


def check(client, tokens, arguments):
    id_token = tokens["id_token"]
    assert id_token["sub"] == "alice"
    assert id_token["nonce"] == arguments["nonce"]
    client.verify_id_token(id_token, arguments)


def expect_error(error, response):
    assert isinstance(response, ErrorResponse), f"it is not refused with {error}"
    assert response["error"] == error, response
    assert response["error_description"], "it does not say why"


@library.flow("code-basic")
def code_basic():
    _, tokens = log_in(discovered(*WEB), ["openid", "profile", "email"])
    assert tokens["id_token"]["name"] == "Alice Adams"
    assert tokens["id_token"]["email"] == "alice@example.com"


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


def own_tokens(client, request, arguments, authn_method="client_secret_basic"):
    """What the client gets by a grant without a browser."""
    return client.do_any(
        request,
        request_args=arguments,
        response=AccessTokenResponse,
        authn_method=authn_method,
        endpoint=client.token_endpoint,
    )


@library.flow("client-credentials")
def client_credentials():
    client = discovered(*WEB)
    tokens = own_tokens(client, CCAccessTokenRequest, {"scope": ["profile"]})
    assert tokens["scope"] == ["profile"], tokens
    assert "refresh_token" not in tokens and "id_token" not in tokens
    expect_error("invalid_scope", own_tokens(client, CCAccessTokenRequest, {"scope": ["unheard-of"]}))


@library.flow("claims")
def claims():
    client = discovered(*WEB)
    wishes = ClaimsRequest(
        id_token=Claims(**CLAIMS["id_token"]), userinfo=Claims(**CLAIMS["userinfo"])
    )
    url, arguments, verifier = authorization_url(client, claims=wishes)
    tokens = redeem(client, sign_in(url), arguments, verifier)
    check(client, tokens, {**arguments, "acr_values": ["urn:mock:mfa"]})
    told = client.do_user_info_request(method="GET", state=arguments["state"])
    assert told["email"] == "alice@example.com", told


@library.flow("id-token-algorithms")
def id_token_algorithms():
    # It does not know EdDSA.
    for algorithm in ALGORITHMS[:-1]:
        client = discovered(*WEB, issuer=f"{ISSUER}/{algorithm.lower()}")
        _, tokens = log_in(client)
        assert factory(tokens["id_token_jwt"]).jwt.headers["alg"] == algorithm


library.not_supported["par"] = "no call for it"


library.not_supported["jarm"] = "no call for it"


def fragment_response(client, url):
    """What the fragment says; the library verifies the ID token in it, with its hashes."""
    fragment = sign_in(url).partition("#")[2]
    return client.parse_response(AuthorizationResponse, info=fragment, sformat="urlencoded")


@library.flow("hybrid")
def hybrid():
    for response_type in ("code id_token", "code token", "code id_token token"):
        client = discovered(*WEB)
        url, arguments, verifier = authorization_url(client, response_type=response_type)
        response = fragment_response(client, url)
        if "id_token" in response_type.split():
            assert response["id_token"]["c_hash"]
        check(client, exchange(client, response, arguments, verifier), arguments)


@library.flow("implicit")
def implicit():
    client = discovered(SPA)
    url, arguments, _ = authorization_url(
        client, ["openid", "profile"], response_type="id_token token"
    )
    response = fragment_response(client, url)
    assert response["id_token"]["nonce"] == arguments["nonce"]
    assert response["id_token"]["at_hash"]
    claims = client.do_user_info_request(method="GET", state=arguments["state"])
    assert claims["name"] == "Alice Adams", claims


@library.flow("form-post")
def form_post():
    client = discovered(*WEB)
    url, arguments, verifier = authorization_url(client, response_mode="form_post")
    form = sign_in_with_form(url)
    response = client.parse_response(AuthorizationResponse, info=form, sformat="dict")
    check(client, exchange(client, response, arguments, verifier), arguments)


def about(token):
    """What introspection says of a token."""
    client = discovered(*WEB, library_client=ExtensionClient)
    return client.do_token_introspection(
        request_args={"token": token},
        endpoint=client.provider_info["introspection_endpoint"],
        authn_method="client_secret_basic",
    )


@library.flow("introspection")
def introspection():
    _, tokens = log_in(discovered(*WEB), ["openid", "profile"])
    known = about(tokens["access_token"])
    assert known["active"] is True
    assert known["sub"] == "alice"
    assert known["client_id"] == WEB[0]
    assert known["scope"] == ["openid", "profile"]
    assert about("unknown").to_dict() == {"active": False}


@library.flow("revocation")
def revocation():
    client = discovered(*WEB)
    state, tokens = log_in(client, ["openid", "offline_access"])
    revoker = discovered(*WEB, library_client=ExtensionClient)

    def revoke(token):
        return revoker.do_token_revocation(
            request_args={"token": token},
            endpoint=revoker.provider_info["revocation_endpoint"],
            authn_method="client_secret_basic",
        )

    assert revoke(tokens["refresh_token"]) == 200
    refused = client.do_access_token_refresh(state=state, authn_method="client_secret_basic")
    expect_error("invalid_grant", refused)
    # The access tokens of the grant end with it (RFC 7009 §2.1).
    assert about(tokens["access_token"])["active"] is False
    # A token that nobody knows is as good as revoked (RFC 7009 §2.2).
    assert revoke("unknown") == 200


@library.flow("resource")
def resource():
    client = discovered(*WEB)
    url, arguments, verifier = authorization_url(client, resource=API)
    tokens = redeem(client, sign_in(url), arguments, verifier)
    check(client, tokens, arguments)
    assert about(tokens["access_token"])["aud"] == [API]


library.not_supported["jwt-access-token"] = "no call for it"


@library.flow("password")
def password():
    client = discovered(*WEB)
    arguments = {"grant_type": "password", "username": "alice", "password": "any"}
    tokens = own_tokens(client, ROPCAccessTokenRequest, {**arguments, "scope": ["profile"]})
    assert tokens["scope"] == ["profile"], tokens


library.not_supported["device"] = "asks for a code without a content type"


@library.flow("token-exchange")
def token_exchange():
    client = discovered(*WEB)
    _, tokens = log_in(client)
    token_type = "urn:ietf:params:oauth:token-type:access_token"
    arguments = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": tokens["access_token"],
        "subject_token_type": token_type,
    }
    exchanged = own_tokens(client, ExtensionTokenRequest, arguments)
    assert exchanged["issued_token_type"] == token_type
    assert exchanged["access_token"] != tokens["access_token"]
    arguments["subject_token"] = "wrong"
    expect_error("invalid_request", own_tokens(client, ExtensionTokenRequest, arguments))


@library.flow("registration")
def registration():
    client = Client(client_authn_method=CLIENT_AUTHN_METHOD)
    endpoint = client.provider_config(ISSUER)["registration_endpoint"]
    client.register(endpoint, redirect_uris=[REDIRECT_URI], response_types=["code"])
    assert client.client_id and client.client_secret
    client.redirect_uris = [REDIRECT_URI]
    log_in(client)
    try:
        client.register(endpoint, redirect_uris=["not a URI"])
    except RegistrationError as refused:
        assert "invalid_redirect_uri" in str(refused)
    else:
        raise AssertionError("a redirect URI that is none is registered")
