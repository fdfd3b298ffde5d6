"""A Django app that signs in with mozilla-django-oidc, as its documentation shows it."""

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
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
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
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    OIDC_RP_CLIENT_ID=os.environ["OIDC_CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["OIDC_CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_OP_AUTHORIZATION_ENDPOINT=os.environ["OIDC_ISSUER"] + "/authorize",
    OIDC_OP_TOKEN_ENDPOINT=os.environ["OIDC_ISSUER"] + "/token",
    OIDC_OP_USER_ENDPOINT=os.environ["OIDC_ISSUER"] + "/userinfo",
    OIDC_OP_JWKS_ENDPOINT=os.environ["OIDC_ISSUER"] + "/jwks",
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import include, path  # noqa: E402


def page(request, text):
    return HttpResponse(engines["django"].from_string(text).render({}, request))


def index(request):
    return page(request, '<a href="{% url "oidc_authentication_init" %}">Log in</a>')


@login_required
def profile(request):
    return page(
        request,
        "<h1>Hello, {{ user.username }}!</h1><p>{{ user.email }}</p>"
        '<form action="{% url "oidc_logout" %}" method="post">{% csrf_token %}<button>Log out</button></form>',
    )


urlpatterns = [
    path("", index),
    path("profile", profile),
    path("oidc/", include("mozilla_django_oidc.urls")),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", os.environ["PORT"], use_reloader=False)
