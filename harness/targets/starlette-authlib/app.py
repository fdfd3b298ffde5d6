"""A Starlette app that signs in with Authlib, as Authlib's documentation shows it."""

import os
from html import escape

import uvicorn
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

oauth = OAuth()
oauth.register(
    name="provider",
    client_id=os.environ["OIDC_CLIENT_ID"],
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    server_metadata_url=os.environ["OIDC_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


async def index(request):
    return HTMLResponse('<a href="/login">Log in</a> <a href="/profile">Profile</a>')


async def login(request):
    return await oauth.provider.authorize_redirect(request, request.url_for("callback"))


async def callback(request):
    token = await oauth.provider.authorize_access_token(request)
    request.session["user"] = token["userinfo"]
    return RedirectResponse("/profile", status_code=303)


async def profile(request):
    user = request.session.get("user")
    if not user:
        return RedirectResponse("/login", status_code=303)
    return HTMLResponse(f"<h1>Hello, {escape(user.get('name', ''))}!</h1><p>{escape(user.get('email', ''))}</p>")


async def logout(request):
    request.session.pop("user", None)
    return RedirectResponse("/", status_code=303)


app = Starlette(
    routes=[
        Route("/", index),
        Route("/login", login),
        Route("/callback", callback, name="callback"),
        Route("/profile", profile),
        Route("/logout", logout),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"])],
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
