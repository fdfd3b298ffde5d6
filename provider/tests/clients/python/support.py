"""What the flows have in common: the provider, the browser, and how a flow is told."""

import base64
import hashlib
import importlib.metadata
import os
import ssl
import traceback
from pathlib import Path

import requests

FOLDER = Path(__file__).parent.parent

# Where the provider sends the browser back to. Nothing listens there: the flows read the URL.
REDIRECT_URI = "http://127.0.0.1:8765/callback"
SIGNED_OUT_URI = "http://127.0.0.1:8765/signed-out"

# The identifiers and secrets of provider.toml.
WEB = ("web", "web-secret")
SPA = "spa"
API_CLIENT = ("api-client", "api-client-secret")

# What a resource server calls itself.
API = "https://api.example.test/"

# Wishes that no scope has: an authentication context, and a claim (OIDC Core §5.5).
CLAIMS = {
    "id_token": {"acr": {"essential": True, "value": "urn:mock:mfa"}},
    "userinfo": {"email": None},
}

# A named issuer for each of these algorithms.
ALGORITHMS = ["RS512", "PS256", "ES256", "ES384", "EdDSA"]

ISSUER = os.environ.get("ISSUER", "")

# The same provider over HTTPS, and the CA that its certificate is from.
TLS_ISSUER = os.environ.get("TLS_ISSUER", "")
TLS_CA = os.environ.get("TLS_CA", "")

# A client that is known by the subject of its certificate, and the certificate with its key.
CERTIFIED = "certified"
CERTIFICATE = str(FOLDER / "certificate.pem")


def thumbprint():
    """What a token says that is bound to the certificate (RFC 8705 §3.1)."""
    pem = Path(CERTIFICATE).read_text().partition("-----BEGIN PRIVATE")[0]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def sent_for_tokens(client_id):
    """What a client sent to the token endpoint the last time, as the names alone."""
    response = requests.get(
        f"{ISSUER}/_/issuers/default/exchanges",
        params={"client_id": client_id, "endpoint": "token"},
        timeout=10,
    )
    last = response.json()["exchanges"][-1]["request"]["body"]
    return [name for name, _ in last]


def headless_login(authorization_url):
    """Signs alice in without a browser."""
    issuer = authorization_url.partition("/authorize?")[0]
    response = requests.post(
        f"{issuer}/headless-login",
        data={"authorization_url": authorization_url, "sub": "alice"},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    return response.json()


def sign_in(authorization_url):
    """Signs alice in: the URL that the browser is sent back to."""
    return headless_login(authorization_url)["callback_url"]


def sign_in_with_form(authorization_url):
    """Signs alice in: the form that the browser posts to the application."""
    return headless_login(authorization_url)["form"]


def visit(url):
    """Where the browser is sent when it opens the URL."""
    response = requests.get(url, allow_redirects=False, timeout=10)
    assert response.is_redirect, response.text
    return response.headers["location"]


class Library:
    """The flows of one library."""

    def __init__(self, distribution):
        self.name = distribution
        self.version = importlib.metadata.version(distribution)
        self.flows = {}
        self.not_supported = {}

    def flow(self, name):
        def add(function):
            self.flows[name] = function
            return function

        return add

    def tell(self, status, flow, detail=""):
        print(status, self.name, self.version, flow, detail, sep="\t", flush=True)

    def run(self, only_list):
        for name in known_flows():
            if name in self.not_supported:
                self.tell("not supported", name, self.not_supported[name])
            elif name not in self.flows:
                self.tell("FAIL", name, "neither a flow nor a reason why there is none")
            elif only_list:
                self.tell("runs", name)
            else:
                try:
                    self.flows[name]()
                except Exception as error:
                    traceback.print_exc()
                    self.tell("FAIL", name, " ".join(f"{type(error).__name__}: {error}".split()))
                else:
                    self.tell("ok", name)


def known_flows():
    lines = (FOLDER / "flows.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip()]
