"""Authlib's Starlette client, which keeps pending logins in a cache instead of the session cookie."""

import html
import os

from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
import uvicorn


class Cache:
    """What Authlib asks of a cache; Redis in production."""

    kept = {}

    async def get(self, key):
        return self.kept.get(key)

    async def set(self, key, value, expires=None):
        self.kept[key] = value

    async def delete(self, key):
        self.kept.pop(key, None)


oauth = OAuth(cache=Cache())
oauth.register(
    "provider",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


async def index(_request):
    return HTMLResponse('<a href="/login">Sign in</a>')


async def login(request):
    return await oauth.provider.authorize_redirect(request, os.environ["APP"] + "/callback")


async def callback(request):
    token = await oauth.provider.authorize_access_token(request)
    request.session["user"] = token["userinfo"]["name"]
    return RedirectResponse("/profile")


async def profile(request):
    if "user" not in request.session:
        return RedirectResponse("/login")
    return HTMLResponse(f'<p>Signed in as {html.escape(request.session["user"])}.')


app = Starlette(
    routes=[Route("/", index), Route("/login", login), Route("/callback", callback), Route("/profile", profile)],
    middleware=[Middleware(SessionMiddleware, secret_key=os.urandom(16).hex())],
)
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
