"""The small project of the process tests with Django's admin in it, under a strict Content-Security-Policy."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.process.smallsite import Project, Started, until

LOGIN = ("gardener", "only for the tests")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'"

SETTINGS = """
DEBUG = True
STATIC_URL = "static/"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
    "django.contrib.sessions", "django.contrib.staticfiles", *INSTALLED_APPS,
]
MIDDLEWARE = [
    "proj.policy.strict",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
"""

FILES = {
    "proj/policy.py": f"""
def strict(get_response):
    def answer(request):
        response = get_response(request)
        response["Content-Security-Policy"] = {POLICY!r}
        return response
    return answer
""",
    "proj/urls.py": """
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
""",
    "prepare.py": f"""
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
import django

django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command

call_command("migrate", verbosity=0)
User.objects.create_superuser({LOGIN[0]!r}, "gardener@garden.example", {LOGIN[1]!r})
""",
}


def give_admin(project: Project) -> None:
    """Add the admin to a project, with its tables and a login."""
    project.configure(SETTINGS)
    for name, text in FILES.items():
        Path(project.folder, name).write_text(text)
    prepared = project.start("prepare.py")
    assert prepared.wait() == 0, prepared.printed()


def open_site(project: Project) -> tuple[Started, str]:
    """Start web server and worker together. Returns them, and the admin's address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = project.start("manage.py", "celeriac", "up", "--bind", f"127.0.0.1:{port}", "-c", "1")
    until(lambda: _listens(port) and "Ctrl-C finishes" in up.printed(), up)
    return up, f"http://127.0.0.1:{port}/admin/"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
