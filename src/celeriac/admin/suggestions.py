"""A text input that suggests values while one types: the browser's own search, without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms


class SuggestingInput(forms.TextInput):
    """A text input with a ``datalist``. ``suggestions`` returns pairs of a value and what is said about it, at each showing."""

    template_name = "celeriac/suggesting_input.html"

    def __init__(self, suggestions: Callable[[], Iterable[tuple[str, str]]], attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "vTextField", "autocomplete": "off", **(attrs or {})})
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the list, under an id of its own."""
        context = super().get_context(name, value, attrs)
        list_id = f"{context['widget']['attrs'].get('id', name)}_list"
        context["widget"]["attrs"]["list"] = list_id
        return {**context, "list_id": list_id, "suggestions": list(self.suggestions())}
