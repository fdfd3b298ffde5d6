"""A relying party with everything but the library that a proof is about: sign-in by the code flow
with state, nonce and PKCE, a session, and a page. `serve` is given what takes the ID token."""

import base64
import hashlib
import html
import json
import os
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
PORT = int(os.environ["PORT"])
CALLBACK = os.environ["APP"] + "/callback"

sessions = {}


def get_json(url, form=None):
    request = Request(url, urlencode(form).encode() if form else None)
    with urlopen(request, timeout=5) as response:
        return json.load(response)


def metadata():
    return get_json(f"{ISSUER}/.well-known/openid-configuration")


def keys():
    return get_json(metadata()["jwks_uri"])["keys"]


def key_of(token):
    """The published key that the token's header names."""
    head = token.split(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid")
    return next((key for key in keys() if key["kid"] == kid), None)


class Pages(BaseHTTPRequestHandler):
    verify = None

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("sid")
        session = sessions.get(cookie.value if cookie else None, {})
        page = {"/login": self.login, "/callback": self.callback, "/profile": self.profile}.get(url.path)
        if page is None:
            return self.answer(200, '<a href="/login">Sign in</a>')
        try:
            page(session, query)
        except Exception as error:  # any reason not to sign in
            print(f"refused: {type(error).__name__}: {error}", file=sys.stderr)
            self.answer(400, "The sign-in failed.")

    def login(self, _session, _query):
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        pending = {"state": secrets.token_urlsafe(), "nonce": secrets.token_urlsafe(), "verifier": verifier}
        self.go(f'{metadata()["authorization_endpoint"]}?' + urlencode({
            "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK,
            "scope": "openid profile email", "state": pending["state"], "nonce": pending["nonce"],
            "code_challenge": challenge.rstrip(b"=").decode(), "code_challenge_method": "S256",
        }), pending)

    def callback(self, session, query):
        if not session.get("state") or query.get("state") != session.pop("state"):
            raise ValueError("wrong state")
        tokens = get_json(metadata()["token_endpoint"], {
            "grant_type": "authorization_code", "code": query["code"], "redirect_uri": CALLBACK,
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code_verifier": session["verifier"],
        })
        claims = type(self).verify(tokens["id_token"])
        if claims["nonce"] != session["nonce"]:
            raise ValueError("wrong nonce")
        self.go("/profile", {"user": claims["sub"]})

    def profile(self, session, _query):
        if "user" not in session:
            return self.go("/login")
        self.answer(200, f'Signed in as {html.escape(session["user"])}.')

    def go(self, url, session=None):
        self.send_response(302)
        self.send_header("Location", url)
        if session is not None:
            sid = secrets.token_urlsafe()
            sessions[sid] = session
            self.send_header("Set-Cookie", f"sid={sid}; Path=/; HttpOnly; SameSite=Lax")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status, text):
        body = f"<!doctype html><p>{text}</p>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(verify):
    """Runs the relying party; `verify` takes an ID token and returns its claims, or raises."""
    Pages.verify = staticmethod(verify)
    ThreadingHTTPServer(("127.0.0.1", PORT), Pages).serve_forever()
