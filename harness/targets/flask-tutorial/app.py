"""Sign in with an OAuth provider, written on purpose as the common tutorial writes it."""

import os

import requests
from flask import Flask, redirect, render_template, request, session, url_for

PROVIDER = os.environ.get("OIDC_ISSUER", "http://127.0.0.1:9400")
PORT = int(os.environ.get("PORT", "5000"))

CLIENT_ID = os.environ.get("OIDC_CLIENT_ID", "flask-tutorial")
CLIENT_SECRET = os.environ.get("OIDC_CLIENT_SECRET", "flask-tutorial-secret")
AUTHORIZATION_URL = f"{PROVIDER}/authorize"
TOKEN_URL = f"{PROVIDER}/token"
USERINFO_URL = f"{PROVIDER}/userinfo"
REDIRECT_URI = os.environ.get("APP_URL", f"http://localhost:{PORT}") + "/callback"
SCOPE = "openid profile email"

app = Flask(__name__)
app.secret_key = os.environ.get("FLASK_SECRET_KEY", "change-me")


@app.route("/")
def index():
    if "access_token" in session:
        return '<p>You are signed in.</p><a href="/profile">Profile</a> <a href="/logout">Log out</a>'
    return '<p>Welcome!</p><a href="/login">Log in</a>'


@app.route("/login")
def login():
    return redirect(
        f"{AUTHORIZATION_URL}?response_type=code&client_id={CLIENT_ID}"
        f"&redirect_uri={REDIRECT_URI}&scope={SCOPE}"
    )


@app.route("/callback")
def callback():
    token_response = requests.post(
        TOKEN_URL,
        data={
            "grant_type": "authorization_code",
            "code": request.args.get("code"),
            "redirect_uri": REDIRECT_URI,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        },
    )
    session["access_token"] = token_response.json()["access_token"]
    return redirect(url_for("profile"))


@app.route("/profile")
def profile():
    if "access_token" not in session:
        return redirect(url_for("login"))
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    userinfo = requests.get(USERINFO_URL, headers=headers).json()
    return render_template("profile.html", user=userinfo)


@app.route("/logout")
def logout():
    session.clear()
    return redirect(url_for("index"))


if __name__ == "__main__":
    app.run(port=PORT, threaded=True)
