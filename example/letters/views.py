"""The messages that arrived, read back from the files that the post office writes."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True)
class Message:
    """One e-mail, as much of it as the page shows."""

    recipient: str
    subject: str
    date: str
    body: str


def messages(request: HttpRequest) -> HttpResponse:
    """List them, the newest first."""
    files = sorted(settings.MAIL_DIR.glob("*.eml"), reverse=True)
    return render(request, "letters/messages.html", {"messages_received": [read(file) for file in files]})


def read(file: Path) -> Message:
    """Parse one file."""
    parsed = message_from_bytes(file.read_bytes(), policy=policy.default)
    body = parsed.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    return Message(str(parsed["To"]), str(parsed["Subject"]), str(parsed["Date"]), text)
