"""The servers that are compared: how each is started, and what a client of it has to know."""

import http.client
import json
import tempfile
import time
import urllib.parse
from pathlib import Path

from . import programs
from .processes import Failed, Process, free_port, wait_until_answered

DISCOVERY = "/.well-known/openid-configuration"
REDIRECT_URI = "http://127.0.0.1:1/callback"
CLIENT_ID, CLIENT_SECRET = "load", "load-secret"
# A second client of ours, whose access tokens are signed.
JWT_CLIENT_ID = "load-jwt"

# What can be asked of a server.
CELLS = ("discovery", "jwks", "userinfo", "client-credentials", "flow")


class Server:
    """One that can be started, with one algorithm at a time."""

    name = ""
    version = ""
    # Cells that it cannot do, and why.
    cannot = {}
    algorithms = ("RS256", "ES256")
    ready = DISCOVERY

    def command(self, port, algorithm):
        raise NotImplementedError

    def folder(self):
        return None

    def prepare(self, running):
        """Driver arguments that it takes to be a client of it."""
        return []

    def arguments_for(self, what):
        """Driver arguments for one cell alone."""
        return []

    def why_not(self, cell, algorithm):
        """Why a cell cannot be measured, or None."""
        if algorithm not in self.algorithms:
            return f"signs with {' and '.join(self.algorithms)} only"
        return self.cannot.get(cell)

    def start(self, algorithm="RS256"):
        return Running(self, algorithm)


class Running:
    """A server that runs, once its discovery document answers."""

    def __init__(self, server, algorithm):
        self.server, self.algorithm = server, algorithm
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process(
            server.name, server.command(self.port, algorithm), cwd=server.folder()
        )
        try:
            self.start_ms = wait_until_answered(self.process, self.port, server.ready)
        except Failed:
            self.process.end()
            raise
        self.client = None

    def get_ready(self):
        """Waits for its keys and becomes a client of it."""
        self.process.go_on()
        if self.client is None:
            if self.server.cannot.get("jwks") is None:
                wait_for_keys(self)
            self.client = self.server.prepare(self)

    def driver_arguments(self, what):
        return [
            self.url + DISCOVERY, "--alg", self.algorithm, *self.client,
            *self.server.arguments_for(what),
        ]


def wait_for_keys(running, limit=30.0):
    path = None
    until = time.monotonic() + limit
    while time.monotonic() < until:
        status, body, _ = request(running.port, "GET", path or DISCOVERY)
        if path is None and status == 200:
            path = path_of(json.loads(body)["jwks_uri"])
        elif status == 200 and json.loads(body).get("keys"):
            return
        time.sleep(0.02)
    raise Failed(f"{running.server.name} published no key within {limit:.0f} s")


def request(port, method, path, body=None, headers=None):
    """One request; status, body and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()


def path_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class Ours(Server):
    """The provider of this repository, as `gauntlet serve` or `mock-provider`."""

    def __init__(self, program, settings=""):
        self.program = Path(program)
        self.name = "gauntlet serve" if self.program.name == "gauntlet" else self.program.name
        self.version = "this tree"
        self.settings = settings
        self.files = {}

    def command(self, port, algorithm):
        if algorithm not in self.files:
            file = tempfile.NamedTemporaryFile("w", prefix="measured-", suffix=".toml")
            file.write(configuration(algorithm, self.settings))
            file.flush()
            self.files[algorithm] = file
        serve = ["serve"] if self.program.name == "gauntlet" else []
        file = self.files[algorithm].name
        return [self.program, *serve, "--port", port, "--config", file]

    def arguments_for(self, what):
        return ["--client-id", JWT_CLIENT_ID] if what == "client-credentials" else []


def configuration(algorithm, more=""):
    """What our server is told: two clients, one user who needs no page, one algorithm."""
    return f"""
algorithm = "{algorithm}"
auto = "alice"

[[client]]
id = "{CLIENT_ID}"
secret = "{CLIENT_SECRET}"
redirect-uris = ["{REDIRECT_URI}"]

[[client]]
id = "{JWT_CLIENT_ID}"
secret = "{CLIENT_SECRET}"
access-token-format = "jwt"

{more}
"""


class Bare(Server):
    """An axum server that only answers: the limit of HTTP."""

    name = "bare axum"
    ready = "/200/100"
    cannot = {cell: "no provider" for cell in CELLS}

    def __init__(self, program):
        self.program = program

    def command(self, port, algorithm):
        return [self.program, port]


class NpmPeer(Server):
    def __init__(self, package, script):
        self.name = package.split("/")[-1]
        self.version = programs.npm_versions()[package]
        self.script = script

    def folder(self):
        return programs.install_npm_peers()

    def command(self, port, algorithm):
        return ["node", self.script, port, algorithm]


class OAuth2MockServer(NpmPeer):
    def __init__(self):
        super().__init__("oauth2-mock-server", "oauth2-mock-server.mjs")


class OidcMockProvider(NpmPeer):
    algorithms = ("RS256",)
    cannot = {
        "userinfo": "it has no userinfo endpoint",
        "flow": "it has no userinfo endpoint",
        "client-credentials": "it does not have this grant",
    }

    def __init__(self):
        super().__init__("@mongodb-js/oidc-mock-provider", "oidc-mock-provider.mjs")


class OidcProvider(NpmPeer):
    def __init__(self):
        super().__init__("oidc-provider", "oidc-provider.mjs")

    def prepare(self, running):
        """Signs in once: the session cookie answers from then on without a page."""
        _, body, _ = request(running.port, "GET", DISCOVERY)
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI, "scope": "openid", "state": "first",
        })
        url = f"{json.loads(body)['authorization_endpoint']}?{query}"
        cookies = {}
        for _ in range(8):
            sent = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            status, _, headers = request(running.port, "GET", path_of(url), headers=sent)
            for cookie in headers.get_all("set-cookie") or []:
                name, value = cookie.split(";")[0].split("=", 1)
                cookies[name] = value
            if not headers["location"]:
                raise Failed(f"{self.name} signs nobody in: it answers {status}")
            url = urllib.parse.urljoin(url, headers["location"])
            if url.startswith(REDIRECT_URI):
                session = {name: value for name, value in cookies.items() if "session" in name}
                return ["--cookie", "; ".join(f"{name}={value}" for name, value in session.items())]
        raise Failed(f"{self.name} signs nobody in: it goes on redirecting")


class OAuth2TestServer(Server):
    name = "oauth2-test-server"
    algorithms = ("RS256",)

    def __init__(self):
        self.version = programs.cargo_peer_version()

    def command(self, port, algorithm):
        return [programs.install_cargo_peer(), port]

    def prepare(self, running):
        """Registers a client, since it chooses the identifier (RFC 7591)."""
        client = {
            "redirect_uris": [REDIRECT_URI], "scope": "openid",
            "grant_types": ["authorization_code", "client_credentials"],
        }
        status, body, _ = request(
            running.port, "POST", "/register", json.dumps(client),
            {"content-type": "application/json"},
        )
        if status != 201:
            raise Failed(f"{self.name} registers no client: it answers {status}")
        registered = json.loads(body)
        return [
            "--client-id", registered["client_id"],
            "--client-secret", registered["client_secret"], "--auth", "post",
        ]


def peers():
    """Every peer, in the order of the table."""
    return [OAuth2MockServer(), OidcProvider(), OidcMockProvider(), OAuth2TestServer()]
