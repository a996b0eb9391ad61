"""Addresses under /mail/."""

from __future__ import annotations

from django.urls import path

from mailbox import views

urlpatterns = [path("", views.messages, name="mail")]
