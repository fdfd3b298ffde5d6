"""A web page that calls a tool of an MCP server in the user's name, with the client of the MCP
Python SDK. The server is part of the app: it takes tokens of the provider."""

import asyncio
import html
import os
import secrets

try:
    import httpx2 as httpx  # the SDK's own HTTP client from 2.0.0 on
except ImportError:
    import httpx
from mcp.client.auth import OAuthClientProvider
from mcp.shared import auth as messages
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route
import uvicorn

APP, ISSUER = os.environ["APP"], os.environ["ISSUER"]
SERVER, CALLBACK = APP + "/mcp", APP + "/callback"
# From 2.0.0 on the callback handler returns this; before, it was a pair.
Result = getattr(messages, "AuthorizationCodeResult", None)


class Storage:
    """The client is registered by hand; tokens last as long as the call."""

    async def get_tokens(self):
        return None

    async def set_tokens(self, tokens):
        pass

    async def get_client_info(self):
        return messages.OAuthClientInformationFull(
            client_id=os.environ["CLIENT_ID"], client_secret=os.environ["CLIENT_SECRET"],
            redirect_uris=[CALLBACK], token_endpoint_auth_method="client_secret_post")

    async def set_client_info(self, client_info):
        pass


class Call:
    """A call that waits for the user to sign in."""

    def __init__(self):
        loop = asyncio.get_running_loop()
        self.url, self.response = loop.create_future(), loop.create_future()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        metadata = messages.OAuthClientMetadata(redirect_uris=[CALLBACK])
        client = OAuthClientProvider(SERVER, metadata, Storage(), self.go, self.come_back)
        async with httpx.AsyncClient(auth=client) as http:
            answer = await http.get(SERVER)
            answer.raise_for_status()
            return answer.text

    async def go(self, url):
        self.url.set_result(url)

    async def come_back(self):
        query = await self.response
        if Result is None:
            return query["code"], query.get("state")
        return Result(code=query["code"], state=query.get("state"), iss=query.get("iss"))


calls, signed_in = {}, {}


async def login(_request):
    call = Call()
    await asyncio.wait([call.url, call.task], return_when=asyncio.FIRST_COMPLETED)
    if call.task.done():
        call.url.cancel()
        return failed(call.task)
    sid = secrets.token_urlsafe()
    calls[sid] = call
    answer = RedirectResponse(call.url.result())
    answer.set_cookie("sid", sid, httponly=True, samesite="lax")
    return answer


async def callback(request):
    sid = request.cookies.get("sid")
    call = calls.pop(sid, None)
    if call is None or "code" not in request.query_params:
        return PlainTextResponse("The sign-in failed.", 400)
    call.response.set_result(request.query_params)
    await asyncio.wait([call.task])
    if call.task.exception():
        return failed(call.task)
    signed_in[sid] = call.task.result()
    return RedirectResponse("/profile")


def failed(task):
    print(f"refused: {task.exception()}")
    return PlainTextResponse("The sign-in failed.", 400)


async def profile(request):
    name = signed_in.get(request.cookies.get("sid"))
    return HTMLResponse(f"<p>Signed in as {html.escape(name)}.") if name else RedirectResponse("/login")


async def tool(request):
    """The MCP server: says who calls, or where to get a token."""
    token = request.headers.get("authorization")
    if not token:
        challenge = f'Bearer resource_metadata="{APP}/resource", scope="profile email"'
        return PlainTextResponse("", 401, {"WWW-Authenticate": challenge})
    async with httpx.AsyncClient() as http:
        user = await http.get(ISSUER + "/userinfo", headers={"authorization": token})
    user.raise_for_status()
    return PlainTextResponse(user.json()["name"])


async def resource(_request):
    return JSONResponse({"resource": SERVER, "authorization_servers": [ISSUER]})


async def index(_request):
    return HTMLResponse('<a href="/login">Sign in</a>')


def serve():
    """Runs the app."""
    pages = {"/": index, "/login": login, "/callback": callback, "/profile": profile,
             "/mcp": tool, "/resource": resource}
    app = Starlette(routes=[Route(path, page) for path, page in pages.items()])
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
