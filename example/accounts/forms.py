"""The form that a new reader fills in."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User


class RegistrationForm(UserCreationForm):
    """A user name, a password twice, and the address the welcome goes to."""

    email = forms.EmailField(help_text="A word of welcome will be sent there.")

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")
