"""A Django project in one file: python3 django_app.py simplejwt|oauth_toolkit PORT FOLDER

Its settings are those of the documentation of the two packages, with short lifetimes. The user is ada, lovelace.
"""
import os
import sys
from datetime import timedelta

import django
from django.conf import settings
from django.core.management import call_command

kind, port, folder = sys.argv[1:4]
LIFETIME = 3

packages = {
    "simplejwt": ["rest_framework", "rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist"],
    "oauth_toolkit": ["rest_framework", "oauth2_provider"],
}
authentication = {
    "simplejwt": "rest_framework_simplejwt.authentication.JWTAuthentication",
    "oauth_toolkit": "oauth2_provider.contrib.rest_framework.OAuth2Authentication",
}

settings.configure(
    SECRET_KEY="a key of a test, long enough for HS256",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[__name__ + ".write_log", "django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", *packages[kind]],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(folder, "db.sqlite3"),
            "OPTIONS": {"timeout": 60},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    LOGGING_CONFIG=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [authentication[kind]],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    SIMPLE_JWT={
        "ACCESS_TOKEN_LIFETIME": timedelta(seconds=LIFETIME),
        "ROTATE_REFRESH_TOKENS": True,
        "BLACKLIST_AFTER_ROTATION": True,
    },
    OAUTH2_PROVIDER={"ACCESS_TOKEN_EXPIRE_SECONDS": LIFETIME},
)
# The process is this module: Django must not load it a second time.
sys.modules["django_app"] = sys.modules[__name__]
django.setup()

from django.urls import include, path  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


def write_log(get_response):
    """Each request with its grant and the status of its answer, written before the answer leaves."""

    def answer(request):
        grant = request.POST.get("grant_type", "-") if request.path == "/o/token/" else "-"
        response = get_response(request)
        with open(os.path.join(folder, "requests.log"), "a") as log:
            log.write(f"{request.method} {request.path} {grant} {response.status_code}\n")
        return response

    return answer


class Orders(APIView):
    def get(self, request):
        return Response({"customer": request.user.get_username()})


urlpatterns = [path("orders", Orders.as_view())]
if kind == "simplejwt":
    from rest_framework_simplejwt import views

    urlpatterns += [
        path("api/token/", views.TokenObtainPairView.as_view()),
        path("api/token/refresh/", views.TokenRefreshView.as_view()),
        path("api/token/blacklist/", views.TokenBlacklistView.as_view()),
    ]
else:
    urlpatterns += [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]


def set_up():
    from django.contrib.auth import get_user_model

    call_command("migrate", verbosity=0)
    users = get_user_model().objects
    if users.exists():
        return
    users.create_user("ada", password="lovelace")
    if kind == "oauth_toolkit":
        from oauth2_provider.models import get_application_model

        Application = get_application_model()
        Application.objects.create(
            client_id="spa",
            client_secret="",
            client_type=Application.CLIENT_PUBLIC,
            authorization_grant_type=Application.GRANT_PASSWORD,
        )


set_up()
call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, verbosity=0)
