"""A relying party with everything but the library that a proof is about: sign-in by the code flow
with state, nonce and PKCE, and a page. `serve` is given what takes the ID token."""

import base64
import hashlib
import html
import json
import os
import secrets
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import web

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
CALLBACK = web.APP + "/callback"


def get_json(url, form=None):
    request = Request(url, urlencode(form).encode() if form else None)
    with urlopen(request, timeout=5) as response:
        return json.load(response)


def metadata():
    return get_json(f"{ISSUER}/.well-known/openid-configuration")


def key_of(token):
    """The published key that the token's header names."""
    head = token.split(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid")
    keys = get_json(metadata()["jwks_uri"])["keys"]
    return next((key for key in keys if key["kid"] == kid), None)


def login(request):
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    pending = {"state": secrets.token_urlsafe(), "nonce": secrets.token_urlsafe(), "verifier": verifier}
    request.session["pending"] = pending
    return f'{metadata()["authorization_endpoint"]}?' + urlencode({
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK,
        "scope": "openid profile email", "state": pending["state"], "nonce": pending["nonce"],
        "code_challenge": challenge.rstrip(b"=").decode(), "code_challenge_method": "S256",
    })


def callback(request, verify):
    pending = request.session.pop("pending")
    if request.query["state"] != pending["state"]:
        raise ValueError("wrong state")
    tokens = get_json(metadata()["token_endpoint"], {
        "grant_type": "authorization_code", "code": request.query["code"], "redirect_uri": CALLBACK,
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code_verifier": pending["verifier"],
    })
    claims = verify(tokens["id_token"])
    if claims["nonce"] != pending["nonce"]:
        raise ValueError("wrong nonce")
    request.sign_in(claims["sub"])
    return "/profile"


def profile(request):
    user = request.session.get("user")
    return f"Signed in as {html.escape(user)}." if user else "/login"


def serve(verify):
    """Runs the relying party; `verify` takes an ID token and returns its claims, or raises."""
    web.serve({"/login": login, "/profile": profile,
               "/callback": lambda request: callback(request, verify)})
