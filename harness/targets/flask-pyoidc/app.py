"""A Flask app that signs in with Flask-pyoidc, as its documentation shows it."""

import os

import flask
from flask_pyoidc import OIDCAuthentication
from flask_pyoidc.provider_configuration import ClientMetadata, ProviderConfiguration
from flask_pyoidc.user_session import UserSession

app = flask.Flask(__name__)
app.config.update(
    OIDC_REDIRECT_URI=os.environ["APP_URL"] + "/callback",
    SECRET_KEY=os.environ["SECRET_KEY"],
)

auth = OIDCAuthentication(
    {
        "provider": ProviderConfiguration(
            issuer=os.environ["OIDC_ISSUER"],
            client_metadata=ClientMetadata(
                client_id=os.environ["OIDC_CLIENT_ID"],
                client_secret=os.environ["OIDC_CLIENT_SECRET"],
                post_logout_redirect_uris=[os.environ["APP_URL"] + "/logout"],
            ),
            auth_request_params={"scope": ["openid", "profile", "email"]},
        )
    },
    app,
)


@app.get("/")
def index():
    return '<a href="/login">Log in</a> <a href="/profile">Profile</a>'


@app.get("/login")
@auth.oidc_auth("provider")
def login():
    return flask.redirect("/profile")


@app.get("/profile")
def profile():
    session = UserSession(flask.session, "provider")
    if not session.is_authenticated():
        return flask.redirect("/login")
    return flask.render_template_string(
        "<h1>Hello, {{ user.name }}!</h1><p>{{ user.email }}</p>", user=session.userinfo
    )


@app.get("/logout")
@auth.oidc_logout
def logout():
    return flask.redirect("/")


@auth.error_view
def error(error=None, error_description=None):
    return flask.render_template_string(
        "<h1>Sign-in failed</h1><p>{{ error }}</p>", error=error
    ), 403


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
