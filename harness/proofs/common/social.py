"""What social-auth-core asks of a framework: a strategy, a storage in memory, and pages."""

import html
import itertools
import os
import types

from social_core.backends.utils import user_backends_data  # noqa: F401  (loads the backends)
from social_core.storage import AssociationMixin, BaseStorage, UserMixin
from social_core.strategy import BaseStrategy
import web

ISSUER = os.environ["ISSUER"]


class Association(AssociationMixin):
    """Where the OpenID Connect backend keeps its nonces."""

    kept = {}
    ids = itertools.count()

    @classmethod
    def store(cls, server_url, association):
        cls.kept[next(cls.ids)] = association

    @classmethod
    def get(cls, *, server_url, handle):
        return [types.SimpleNamespace(id=key, handle=handle)
                for key, association in list(cls.kept.items()) if association.handle == handle]

    @classmethod
    def remove(cls, ids_to_delete):
        for key in ids_to_delete:
            cls.kept.pop(key, None)


class Account(UserMixin):
    """A user's account at the provider, with the tokens."""

    def __init__(self, provider, uid, user):
        self.provider, self.uid, self.user, self.extra_data = provider, uid, user, {}

    def save(self):
        pass


class Storage(BaseStorage):
    user = Account
    association = Association


class Strategy(BaseStrategy):
    def __init__(self, request, settings):
        super().__init__(Storage)
        self.request, self.settings = request, settings

    def get_setting(self, name):
        return self.settings[name]

    def redirect(self, url):
        return url

    def request_data(self, merge=True):
        return self.request.query

    def session_get(self, name, default=None):
        return self.request.session.get(name, default)

    def session_set(self, name, value):
        self.request.session[name] = value

    def session_pop(self, name):
        return self.request.session.pop(name, None)

    def build_absolute_uri(self, path=None):
        return web.APP + (path or "")

    def get_backend_class(self, name):
        return self.settings["BACKEND"]


def keep(backend, uid, response, details, *_args, **_kwargs):
    """The last step of the pipeline: the account, with what the backend wants kept of it."""
    user = types.SimpleNamespace(id=uid)
    account = Account(backend.name, str(uid), user)
    account.set_extra_data(backend.extra_data(user, str(uid), response, details, {"keep": True}))
    return {"user": user, "social": account}


def serve(backend, **settings):
    """Runs a client with a backend and its settings."""
    settings |= {
        "BACKEND": backend,
        "KEY": os.environ["CLIENT_ID"],
        "SECRET": os.environ["CLIENT_SECRET"],
        "PIPELINE": ["social_core.pipeline.social_auth.social_details",
                     "social_core.pipeline.social_auth.social_uid", "social.keep"],
    }

    def of(request):
        return backend(Strategy(request, settings), redirect_uri="/callback")

    def callback(request):
        account = of(request).complete().social_user
        request.sign_in(account)
        return "/profile"

    def profile(request):
        account = request.session.get("user")
        if account is None:
            return "/login"
        page = settings.get("PAGE")
        try:
            shown = page(Strategy(request, settings), account) if page else account.uid
        except Exception:
            # What cannot be renewed is no session any more.
            del request.session["user"]
            raise
        return f"Signed in as {html.escape(shown)}."

    web.serve({"/login": lambda request: of(request).start(), "/callback": callback,
               "/profile": profile})
