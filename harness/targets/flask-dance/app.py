"""A Flask app that signs in with Flask-Dance and a provider of its own, as its documentation shows it."""

import os

from flask import Flask, redirect, render_template_string, session, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint

ISSUER = os.environ["OIDC_ISSUER"]

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]

provider = OAuth2ConsumerBlueprint(
    "provider",
    __name__,
    client_id=os.environ["OIDC_CLIENT_ID"],
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    scope=["openid", "profile", "email"],
    base_url=ISSUER,
    authorization_url=f"{ISSUER}/authorize",
    token_url=f"{ISSUER}/token",
    redirect_to="profile",
)
app.register_blueprint(provider, url_prefix="/login")


@app.get("/")
def index():
    return '<a href="/login/provider">Log in</a> <a href="/profile">Profile</a>'


@app.get("/profile")
def profile():
    if not provider.session.authorized:
        return redirect(url_for("provider.login"))
    response = provider.session.get(f"{ISSUER}/userinfo")
    assert response.ok, response.text
    return render_template_string(
        "<h1>Hello, {{ user.name }}!</h1><p>{{ user.email }}</p>", user=response.json()
    )


@app.get("/logout")
def logout():
    session.clear()
    return redirect(url_for("index"))


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
