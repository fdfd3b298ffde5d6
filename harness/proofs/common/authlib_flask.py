"""A Flask app with Authlib's client, as its documentation has it."""

import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session
from markupsafe import escape

CALLBACK = os.environ["APP"] + "/callback"


def serve(**options):
    """Runs the app; the options are those of Authlib's `OAuth`."""
    app = Flask(__name__)
    app.secret_key = os.urandom(32)
    oauth = OAuth(app, **options)
    oauth.register(
        "provider",
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
        server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    )

    @app.route("/")
    def index():
        return '<a href="/login">Sign in</a>'

    @app.route("/login")
    def login():
        return oauth.provider.authorize_redirect(CALLBACK)

    @app.route("/callback")
    def callback():
        session["user"] = oauth.provider.authorize_access_token()["userinfo"]
        return redirect("/profile")

    @app.route("/profile")
    def profile():
        if "user" not in session:
            return redirect("/login")
        return f'<p>Signed in as {escape(session["user"]["name"])}.'

    app.run(port=int(os.environ["PORT"]), threaded=True)
