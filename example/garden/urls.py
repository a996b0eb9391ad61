"""The addresses of the demo site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("", include("blog.urls")),
    path("accounts/", include("accounts.urls")),
    path("jobs/", include("jobs.urls")),
    path("mail/", include("letters.urls")),
    path("admin/", admin.site.urls),
    *staticfiles_urlpatterns(),
]
