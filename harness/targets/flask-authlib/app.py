"""The tutorial's app once more, with Authlib doing the protocol as its documentation shows."""

import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template, session, url_for

PROVIDER = os.environ.get("OIDC_ISSUER", "http://127.0.0.1:9400")
PORT = int(os.environ.get("PORT", "5000"))

app = Flask(__name__)
app.secret_key = os.environ.get("FLASK_SECRET_KEY", "change-me")

oauth = OAuth(app)
oauth.register(
    name="provider",
    client_id=os.environ.get("OIDC_CLIENT_ID", "flask-authlib"),
    client_secret=os.environ.get("OIDC_CLIENT_SECRET", "flask-authlib-secret"),
    server_metadata_url=f"{PROVIDER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.route("/")
def index():
    if "user" in session:
        return '<p>You are signed in.</p><a href="/profile">Profile</a> <a href="/logout">Log out</a>'
    return '<p>Welcome!</p><a href="/login">Log in</a>'


@app.route("/login")
def login():
    return oauth.provider.authorize_redirect(url_for("callback", _external=True))


@app.route("/callback")
def callback():
    token = oauth.provider.authorize_access_token()
    session["user"] = token["userinfo"]
    return redirect(url_for("profile"))


@app.route("/profile")
def profile():
    if "user" not in session:
        return redirect(url_for("login"))
    return render_template("profile.html", user=session["user"])


@app.route("/logout")
def logout():
    session.pop("user", None)
    return redirect(url_for("index"))


if __name__ == "__main__":
    app.run(port=PORT, threaded=True)
