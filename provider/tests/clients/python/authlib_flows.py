"""Authlib: its Flask client where a person signs in, its session for everything else."""

import json
import os

# Without it Authlib refuses URLs that are not https.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oidc.core import ImplicitIDToken
from flask import Flask, redirect, session

from support import (
    ALGORITHMS,
    API,
    API_CLIENT,
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

library = Library("Authlib")


class App:
    """A Flask app as the documentation has it, and the browser that uses it."""

    def __init__(
        self,
        client_id,
        client_secret=None,
        scope="openid profile email",
        issuer=ISSUER,
        auth_methods=None,
        request=None,
        **client_kwargs,
    ):
        app = Flask(__name__)
        app.secret_key = "only for tests"
        oauth = OAuth(app)
        self.provider = oauth.register(
            "provider",
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": scope, "code_challenge_method": "S256", **client_kwargs},
            client_auth_methods=auth_methods,
        )
        more = request or {}

        @app.get("/login")
        def login():
            return oauth.provider.authorize_redirect(REDIRECT_URI, **more)

        @app.route("/callback", methods=["GET", "POST"])
        def callback():
            self.token = oauth.provider.authorize_access_token(**more)
            session["user"] = self.token["userinfo"]
            return redirect("/")

        @app.get("/logout")
        def logout():
            return oauth.provider.logout_redirect(
                post_logout_redirect_uri=SIGNED_OUT_URI,
                id_token_hint=self.token["id_token"],
            )

        self.app = app
        self.browser = app.test_client()
        self.token = None

    def start_login(self):
        return self.browser.get("/login").location

    def finish_login(self, callback_url):
        query = callback_url.partition("?")[2]
        # Errors are the app's to handle, and here they are what is asserted.
        self.app.testing = True
        return self.browser.get(f"/callback?{query}")

    def log_in(self):
        """The claims of the verified ID token."""
        self.finish_login(sign_in(self.start_login()))
        return self.user()

    def user(self):
        user = self.token["userinfo"]
        assert user["sub"] == "alice"
        assert user["nonce"] and user["at_hash"]
        return user


def metadata():
    response = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=10)
    return response.json()


def expect_error(error, call):
    try:
        call()
    except OAuthError as refused:
        assert refused.error == error, refused
        assert refused.description, "it does not say why"
    else:
        raise AssertionError(f"it is not refused with {error}")


@library.flow("code-basic")
def code_basic():
    user = App(*WEB).log_in()
    assert user["name"] == "Alice Adams"
    assert user["email"] == "alice@example.com"
    assert user["email_verified"] is True


@library.flow("code-post")
def code_post():
    App(*WEB, token_endpoint_auth_method="client_secret_post").log_in()


@library.flow("code-public")
def code_public():
    App(SPA, token_endpoint_auth_method="none").log_in()


@library.flow("userinfo")
def userinfo():
    app = App(*WEB, scope="openid profile address phone")
    app.log_in()
    with app.app.app_context():
        claims = app.provider.userinfo(token=app.token)
        assert claims.sub == "alice"
        assert claims.address["locality"] == "Springfield"
        assert claims.phone_number == "+1 555 0100"
        try:
            app.provider.userinfo(token={"access_token": "wrong", "token_type": "Bearer"})
        except requests.HTTPError as refused:
            assert refused.response.status_code == 401
            assert 'error="invalid_token"' in refused.response.headers["www-authenticate"]
        else:
            raise AssertionError("a wrong access token is accepted")


@library.flow("refresh")
def refresh():
    app = App(*WEB, scope="openid offline_access")
    app.log_in()
    first = app.token
    client = OAuth2Session(*WEB, token=dict(first), token_endpoint=metadata()["token_endpoint"])
    second = client.refresh_token()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    with app.app.app_context():
        # An ID token on refresh has no nonce to compare (OIDC Core §12.2).
        assert app.provider.parse_id_token(second, nonce=None)["sub"] == "alice"
    expect_error("invalid_grant", lambda: client.refresh_token(refresh_token=first["refresh_token"]))
    # The replay has ended the whole family (RFC 9700 §4.14.2).
    expect_error("invalid_grant", lambda: client.refresh_token(refresh_token=second["refresh_token"]))


@library.flow("login-required")
def login_required():
    app = App(*WEB, prompt="none")
    callback = visit(app.start_login())
    expect_error("login_required", lambda: app.finish_login(callback))


@library.flow("invalid-client")
def invalid_client():
    app = App(WEB[0], "wrong")
    expect_error("invalid_client", lambda: app.finish_login(sign_in(app.start_login())))


@library.flow("invalid-grant")
def invalid_grant():
    client = OAuth2Session(*WEB, redirect_uri=REDIRECT_URI)
    endpoint = metadata()["token_endpoint"]
    expect_error("invalid_grant", lambda: client.fetch_token(endpoint, code="unknown"))


@library.flow("logout")
def logout():
    app = App(*WEB)
    app.log_in()
    location = visit(app.browser.get("/logout").location)
    assert location.startswith(f"{SIGNED_OUT_URI}?state=")
    query = location.partition("?")[2]
    with app.app.test_request_context(f"/signed-out?{query}"):
        with app.browser.session_transaction() as stored:
            session.update(stored)
        assert app.provider.validate_logout_response()


@library.flow("client-credentials")
def client_credentials():
    client = OAuth2Session(*WEB, scope="profile")
    endpoint = metadata()["token_endpoint"]
    token = client.fetch_token(endpoint, grant_type="client_credentials")
    assert token["scope"] == "profile" and not token.is_expired()
    assert "refresh_token" not in token and "id_token" not in token
    stranger = OAuth2Session(*WEB, scope="unheard-of")
    expect_error("invalid_scope", lambda: stranger.fetch_token(endpoint))


def web_session(**settings):
    """A session of the confidential client, which learns where everything is by discovery."""
    return OAuth2Session(*WEB, **metadata(), **settings)


@library.flow("claims")
def claims():
    app = App(*WEB, scope="openid", request={"claims": json.dumps(CLAIMS)})
    assert app.log_in()["acr"] == "urn:mock:mfa"
    with app.app.app_context():
        assert app.provider.userinfo(token=app.token).email == "alice@example.com"


@library.flow("id-token-algorithms")
def id_token_algorithms():
    for algorithm in ALGORITHMS:
        App(*WEB, issuer=f"{ISSUER}/{algorithm.lower()}").log_in()


library.not_supported["par"] = "no call for it"
library.not_supported["jarm"] = "no call for it"
library.not_supported["hybrid"] = "reads no fragment with a code"


@library.flow("implicit")
def implicit():
    client = OAuth2Session(SPA, scope="openid profile", redirect_uri=REDIRECT_URI)
    nonce = generate_token()
    url, state = client.create_authorization_url(
        metadata()["authorization_endpoint"],
        response_type="id_token token",
        nonce=nonce,
    )
    token = client.fetch_token(authorization_response=sign_in(url), state=state)
    app = App(SPA)
    with app.app.app_context():
        user = app.provider.parse_id_token(token, nonce, claims_cls=ImplicitIDToken)
        assert user.sub == "alice"
    assert client.get(metadata()["userinfo_endpoint"]).json()["name"] == "Alice Adams"


@library.flow("form-post")
def form_post():
    app = App(*WEB, response_mode="form_post")
    app.browser.post("/callback", data=sign_in_with_form(app.start_login()))
    app.user()


@library.flow("introspection")
def introspection():
    app = App(*WEB, scope="openid profile")
    app.log_in()
    client = web_session()
    endpoint = metadata()["introspection_endpoint"]
    known = client.introspect_token(endpoint, token=app.token["access_token"]).json()
    assert known["active"] is True
    assert known["sub"] == "alice"
    assert known["client_id"] == WEB[0]
    assert known["scope"] == "openid profile"
    assert client.introspect_token(endpoint, token="unknown").json() == {"active": False}


@library.flow("revocation")
def revocation():
    app = App(*WEB, scope="openid offline_access")
    app.log_in()
    refresh_token = app.token["refresh_token"]
    client = web_session()
    endpoint = metadata()["revocation_endpoint"]
    assert client.revoke_token(endpoint, token=refresh_token).ok
    expect_error("invalid_grant", lambda: client.refresh_token(refresh_token=refresh_token))
    # The access tokens of the grant end with it (RFC 7009 §2.1).
    told = client.introspect_token(
        metadata()["introspection_endpoint"], token=app.token["access_token"]
    )
    assert told.json() == {"active": False}
    # A token that nobody knows is as good as revoked (RFC 7009 §2.2).
    assert client.revoke_token(endpoint, token="unknown").ok


@library.flow("resource")
def resource():
    app = App(*WEB, request={"resource": API})
    app.log_in()
    endpoint = metadata()["introspection_endpoint"]
    told = web_session().introspect_token(endpoint, token=app.token["access_token"]).json()
    assert told["aud"] in (API, [API]), told


class ResourceServer(JWTBearerTokenValidator):
    def get_jwks(self):
        return requests.get(metadata()["jwks_uri"], timeout=10).json()


@library.flow("jwt-access-token")
def jwt_access_token():
    app = App(*API_CLIENT, scope="openid profile", request={"resource": API})
    app.log_in()
    access_token = app.token["access_token"]
    resource_server = ResourceServer(ISSUER, API)
    claims = resource_server.authenticate_token(access_token)
    resource_server.validate_token(claims, ["profile"], None)
    assert claims["sub"] == "alice" and claims["client_id"] == API_CLIENT[0]
    another = ResourceServer(ISSUER, "https://another.example.test/")
    try:
        another.validate_token(another.authenticate_token(access_token), [], None)
    except InvalidTokenError:
        pass
    else:
        raise AssertionError("another resource server takes the token")


@library.flow("password")
def password():
    client = web_session(scope="profile")
    token = client.fetch_token(username="alice", password="any")
    assert token["scope"] == "profile"


library.not_supported["device"] = "no call for the device authorization request"


@library.flow("token-exchange")
def token_exchange():
    app = App(*WEB)
    app.log_in()
    token_type = "urn:ietf:params:oauth:token-type:access_token"
    arguments = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": app.token["access_token"],
        "subject_token_type": token_type,
    }
    token = web_session().fetch_token(**arguments)
    assert token["issued_token_type"] == token_type
    assert token["access_token"] != app.token["access_token"]
    arguments["subject_token"] = "wrong"
    expect_error("invalid_request", lambda: web_session().fetch_token(**arguments))


library.not_supported["registration"] = "only as a server"
