"""A Flask app that signs in with requests-oauthlib's OAuth2Session, as its documentation shows it."""

import os

from flask import Flask, redirect, render_template_string, session, url_for, request
from requests_oauthlib import OAuth2Session

ISSUER = os.environ["OIDC_ISSUER"]
CLIENT_ID = os.environ["OIDC_CLIENT_ID"]
CLIENT_SECRET = os.environ["OIDC_CLIENT_SECRET"]

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]


@app.get("/")
def index():
    return '<a href="/login">Log in</a> <a href="/profile">Profile</a>'


@app.get("/login")
def login():
    provider = OAuth2Session(
        CLIENT_ID,
        redirect_uri=url_for("callback", _external=True),
        scope=["openid", "profile", "email"],
    )
    url, session["oauth_state"] = provider.authorization_url(f"{ISSUER}/authorize")
    return redirect(url)


@app.get("/callback")
def callback():
    provider = OAuth2Session(
        CLIENT_ID,
        redirect_uri=url_for("callback", _external=True),
        state=session["oauth_state"],
    )
    session["oauth_token"] = provider.fetch_token(
        f"{ISSUER}/token", client_secret=CLIENT_SECRET, authorization_response=request.url
    )
    return redirect(url_for("profile"))


@app.get("/profile")
def profile():
    if "oauth_token" not in session:
        return redirect(url_for("login"))
    provider = OAuth2Session(CLIENT_ID, token=session["oauth_token"])
    user = provider.get(f"{ISSUER}/userinfo").json()
    return render_template_string("<h1>Hello, {{ user.name }}!</h1><p>{{ user.email }}</p>", user=user)


@app.get("/logout")
def logout():
    session.pop("oauth_token", None)
    return redirect(url_for("index"))


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
