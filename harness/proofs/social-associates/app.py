"""A Django project with social-auth-app-django, the OpenID Connect backend, the default pipeline, and
users whose name is their e-mail address."""
import os, sys, tempfile, types
import django
from django.conf import settings

FOLDER = tempfile.TemporaryDirectory()
me = types.ModuleType("people"); me.__path__ = []; sys.modules["people"] = me
settings.configure(
    SECRET_KEY=os.urandom(32).hex(), ALLOWED_HOSTS=["localhost", "127.0.0.1"], ROOT_URLCONF="__main__",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER.name + "/db"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "people_app", "social_django"],
    AUTH_USER_MODEL="people_app.Person", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    LOGIN_URL="/login/oidc/", LOGIN_REDIRECT_URL="/profile",
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=os.environ["ISSUER"], SOCIAL_AUTH_OIDC_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_OIDC_SECRET=os.environ["CLIENT_SECRET"],
)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils.html import escape  # noqa: E402

@login_required
def profile(request):
    first = request.user.social_auth.order_by("pk").first()  # who made the local account
    return HttpResponse(f"<p>Signed in as {escape(first.uid)}, number {request.user.pk}.")

urlpatterns = [path("", lambda request: HttpResponse("Welcome.")), path("profile", profile),
               path("", include("social_django.urls", namespace="social"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0, run_syncdb=True)
    call_command("runserver", f'127.0.0.1:{os.environ["PORT"]}', use_reloader=False)
