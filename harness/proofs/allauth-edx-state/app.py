"""A Django project with django-allauth and its edX provider, with the endpoints of the provider in
edX's place."""

import os
import tempfile

import django
from django.conf import settings

ISSUER = os.environ["ISSUER"]
FOLDER = tempfile.TemporaryDirectory()
settings.configure(
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF="__main__",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER.name + "/db"}},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages", "allauth", "allauth.account", "allauth.socialaccount",
        "allauth.socialaccount.providers.edx"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware"],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    LOGIN_REDIRECT_URL="/profile",
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_LOGIN_ON_GET=True,
    SOCIALACCOUNT_PROVIDERS={"edx": {"SCOPE": ["profile", "email"], "APPS": [
        {"client_id": os.environ["CLIENT_ID"], "secret": os.environ["CLIENT_SECRET"]}]}},
)
django.setup()

from allauth.socialaccount.providers.edx.views import EdxOAuth2Adapter  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils.html import escape  # noqa: E402
import requests  # noqa: E402

EdxOAuth2Adapter.authorize_url = ISSUER + "/authorize"
EdxOAuth2Adapter.access_token_url = ISSUER + "/token"
EdxOAuth2Adapter.redirect_uri_protocol = "http"  # edX wants https


def complete_login(self, request, app, token, **kwargs):
    """The provider's userinfo, in the form that edX has."""
    header = {"Authorization": f"Bearer {token.token}"}
    user = requests.get(ISSUER + "/userinfo", headers=header, timeout=5).json()
    known = {"username": user["preferred_username"], "email": user["email"], "name": user["name"]}
    return self.get_provider().sociallogin_from_response(request, known)


EdxOAuth2Adapter.complete_login = complete_login


@login_required
def profile(request):
    return HttpResponse(f"<p>Signed in as {escape(request.user.email)}.")


urlpatterns = [
    path("", lambda request: HttpResponse("Welcome.")),
    path("profile", profile),
    path("accounts/", include("allauth.urls")),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", f'127.0.0.1:{os.environ["PORT"]}', use_reloader=False)
