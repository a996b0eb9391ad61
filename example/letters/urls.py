"""Addresses under /mail/."""

from __future__ import annotations

from django.urls import path

from letters import views

urlpatterns = [path("", views.messages, name="mail")]
