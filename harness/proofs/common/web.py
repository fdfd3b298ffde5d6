"""Pages and sessions for the apps of proofs: nothing here knows OAuth."""

import os
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

APP = os.environ["APP"]
sessions = {}


class Request:
    """A request: its URL, the parameters of the query, and the browser's session."""

    def __init__(self, path, cookies):
        self.url = APP + path
        self.path = urlsplit(path).path
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        sid = SimpleCookie(cookies).get("sid")
        self.sid = sid.value if sid and sid.value in sessions else secrets.token_urlsafe()
        self.session = sessions.setdefault(self.sid, {})

    def sign_in(self, user):
        """The session gets a new id, and has nothing but the user from now on."""
        del sessions[self.sid]
        self.sid = secrets.token_urlsafe()
        self.session = sessions[self.sid] = {"user": user}


def serve(pages):
    """Serves pages: for each path a function that takes a request and returns the URL to go to, or
    text to show. Whatever it raises is a sign-in that failed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            request = Request(self.path, self.headers.get("Cookie", ""))
            try:
                answer = pages.get(request.path, lambda _: "Welcome.")(request)
                status = 302 if answer.startswith(("http:", "https:", "/")) else 200
            except Exception as error:  # any reason not to sign in
                print(f"refused: {type(error).__name__}: {error}", file=sys.stderr)
                status, answer = 400, "The sign-in failed."
            body = b"" if status == 302 else f"<!doctype html><p>{answer}</p>".encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", answer)
            self.send_header("Set-Cookie", f"sid={request.sid}; Path=/; HttpOnly; SameSite=Lax")
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
