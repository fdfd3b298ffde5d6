"""fastapi-users with its OAuth router, a session cookie, and users in memory."""

import dataclasses
import os
import uuid

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, CookieTransport, JWTStrategy
from fastapi_users.db import BaseUserDatabase
import httpx
from httpx_oauth.clients.openid import OpenID
import uvicorn

SECRET = os.urandom(32).hex()
APP = os.environ["APP"]


@dataclasses.dataclass
class User:
    email: str
    hashed_password: str = ""
    id: uuid.UUID = dataclasses.field(default_factory=uuid.uuid4)
    is_active: bool = True
    is_verified: bool = False
    is_superuser: bool = False


class Users(BaseUserDatabase):
    kept = {}

    async def get(self, id):
        return next((user for user in self.kept.values() if user.id == id), None)

    async def get_by_oauth_account(self, oauth, account_id):
        return self.kept.get(account_id)

    async def get_by_email(self, email):
        return next((user for user in self.kept.values() if user.email == email), None)

    async def create(self, create_dict):
        return User(create_dict["email"], create_dict["hashed_password"])

    async def add_oauth_account(self, user, create_dict):
        self.kept[create_dict["account_id"]] = user
        return user

    async def update_oauth_account(self, user, oauth_account, update_dict):
        return user


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    pass


async def user_manager():
    yield UserManager(Users())


User.oauth_accounts = ()
users = FastAPIUsers(user_manager, [AuthenticationBackend(
    "session", CookieTransport(cookie_secure=False), lambda: JWTStrategy(SECRET, 3600))])
provider = OpenID(
    os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"],
    os.environ["ISSUER"] + "/.well-known/openid-configuration", name="provider")

app = FastAPI()
app.include_router(users.get_oauth_router(
    provider, users.authenticator.backends[0], SECRET, associate_by_email=True,
    redirect_url=APP + "/auth/provider/callback"), prefix="/auth/provider")


@app.get("/login")
async def login():
    """What the script of a front end does: it asks for the address, and goes there."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=APP) as here:
        asked = await here.get("/auth/provider/authorize")
    answer = RedirectResponse(asked.json()["authorization_url"])
    if "set-cookie" in asked.headers:
        answer.headers["set-cookie"] = asked.headers["set-cookie"]
    return answer


@app.get("/profile")
async def profile(user=Depends(users.current_user(active=True))):
    return {"email": user.email}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
