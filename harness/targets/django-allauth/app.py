"""A Django app that signs in with django-allauth's OpenID Connect provider, as its documentation shows it."""

import os

import django
from django.conf import settings
from django.core.management import call_command

os.makedirs("target", exist_ok=True)

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "target/{PORT}.sqlite3".format(**os.environ)}
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SECRET_KEY=os.environ["SECRET_KEY"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    LOGIN_URL="/",
    LOGIN_REDIRECT_URL="/profile",
    LOGOUT_REDIRECT_URL="/",
    AUTHENTICATION_BACKENDS=[
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ],
    ACCOUNT_EMAIL_VERIFICATION="none",
    SOCIALACCOUNT_PROVIDERS={
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "provider",
                    "name": "Provider",
                    "client_id": os.environ["OIDC_CLIENT_ID"],
                    "secret": os.environ["OIDC_CLIENT_SECRET"],
                    "settings": {"server_url": os.environ["OIDC_ISSUER"]},
                }
            ],
        }
    },
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import include, path  # noqa: E402


def page(request, text):
    return HttpResponse(engines["django"].from_string(text).render({}, request))


def index(request):
    return page(request, '<a href="{% url "openid_connect_login" provider_id="provider" %}">Log in</a>')


@login_required
def profile(request):
    return page(
        request,
        "<h1>Hello, {{ user.username }}!</h1><p>{{ user.email }}</p>"
        '<form action="{% url "account_logout" %}" method="post">{% csrf_token %}<button>Log out</button></form>',
    )


urlpatterns = [
    path("", index),
    path("profile", profile),
    path("accounts/", include("allauth.urls")),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", os.environ["PORT"], use_reloader=False)
