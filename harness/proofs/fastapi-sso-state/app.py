"""A FastAPI app with fastapi-sso and its generic provider, as the README has it."""
import html, os, secrets
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi_sso.sso.base import OpenID
from fastapi_sso.sso.generic import create_provider
from starlette.middleware.sessions import SessionMiddleware

ISSUER = os.environ["ISSUER"]
Provider = create_provider(
    name="oidc", default_scope=["openid", "email", "profile"],
    discovery_document={k + "_endpoint": f"{ISSUER}/{v}" for k, v in
                        (("authorization", "authorize"), ("token", "token"), ("userinfo", "userinfo"))},
    response_convertor=lambda r, _: OpenID(id=r.get("sub"), email=r.get("email"), display_name=r.get("name"), provider="oidc"))
sso = Provider(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], os.environ["APP"] + "/callback", allow_insecure_http=True)
sso.requires_state = True
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex())

@app.get("/")
async def home():
    return HTMLResponse('<a href="/login">Sign in</a>')

@app.get("/login")
async def login():
    async with sso:
        return await sso.get_login_redirect()

@app.get("/callback")
async def callback(request: Request):
    async with sso:
        user = await sso.verify_and_process(request)
    request.session["user"] = user.id
    return RedirectResponse("/profile", 303)

@app.get("/profile")
async def profile(request: Request):
    user = request.session.get("user")
    return HTMLResponse(f"<p>Signed in as {html.escape(user)}.") if user else RedirectResponse("/login")

uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
