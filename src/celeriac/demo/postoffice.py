"""A real SMTP server that is a little difficult: it refuses each recipient once.

That is how greylisting servers treat strangers, and it is why whoever sends mail has to be able to try again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from celeriac.demo.ports import HOST, free_port

REFUSAL = "451 4.7.1 Greylisted, please try again later"


@dataclass
class PostOffice:
    """Receives mail into a folder, one file a message. Its methods are called by the server's own thread."""

    folder: Path
    port: int
    refused: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    arrival: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its hooks by these names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse an address that was never seen before; take it the next time."""
        if address not in self.refused:
            self.refused.append(address)
            return REFUSAL
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep the message."""
        content = envelope.content
        assert isinstance(content, bytes)
        (self.folder / f"{len(self.received):05d}.eml").write_bytes(content)
        self.received.extend(envelope.rcpt_tos)
        self.arrival.set()
        return "250 Message accepted for delivery"


@contextmanager
def open_post_office(folder: Path) -> Iterator[PostOffice]:
    """Run one, in a thread, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    office = PostOffice(folder, free_port(8025))
    controller = Controller(office, hostname=HOST, port=office.port)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
