"""Signed messages: whoever may write to the broker and has no key can enqueue nothing and alter nothing.

A signature travels before the arguments, as a line ``S1 <key> <mac> <claims>``, where ``claims`` are what the job must still
be: queue, earliest start and expiry, as JSON. The MAC (HMAC-SHA256) covers these, the job's id, its task and its arguments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence

import msgspec

from celeriac.engine.errors import MessageRefused
from celeriac.engine.job import Job
from celeriac.engine.translation import gettext as _

MARK = b"S1 "
TOLERANCE = 60.0
"""Seconds by which a worker's clock may differ from a caller's before a job counts as brought forward."""
_MICROSECOND = 1e-6

_encode = msgspec.json.encode


class Claims(msgspec.Struct, array_like=True, frozen=True):
    """What a signed job must be. Times are seconds since 1970 UTC."""

    queue: str
    run_at: float | None
    expires: float | None


_claims = msgspec.json.Decoder(Claims).decode


class Signer:
    """Signs with the first of ``keys`` and trusts all of them. Shared by the threads of a process.

    ``queues``: those that a worker takes jobs from, where it is one; a job of any other queue has been moved.
    """

    def __init__(self, keys: Sequence[str], queues: Collection[str] | None = None) -> None:
        self._keys = {_key_id(key): key.encode() for key in reversed(keys)}
        self._first = _key_id(keys[0])
        self._queues = queues

    def sign(self, job: Job, payload: bytes, queue: str) -> bytes:
        """Return ``payload`` with a signature for ``job`` on ``queue``, in place of the one it may have."""
        claims = _encode(Claims(queue, job.run_at, job.expires))
        body = unsigned(payload)
        mac = _mac(self._keys[self._first], job, claims, body)
        return b"%b%b %b %b\n%b" % (MARK, self._first, mac, claims, body)

    def verify(self, job: Job, now: float) -> None:
        """Raise ``MessageRefused`` unless ``job`` is as somebody with a key has signed it."""
        header, _newline, body = job.payload.partition(b"\n")
        if not header.startswith(MARK):
            raise MessageRefused(job, _unsigned())
        try:
            key, mac, claims = header.removeprefix(MARK).split(b" ", 2)
        except ValueError:
            raise MessageRefused(job, _altered()) from None
        if key not in self._keys:
            raise MessageRefused(job, _unknown(key))
        if not hmac.compare_digest(_mac(self._keys[key], job, claims, body), mac):
            raise MessageRefused(job, _altered())
        self._compare(job, _claims(claims), now)

    def _compare(self, job: Job, signed: Claims, now: float) -> None:
        """Compare a job with what is known to be signed for it."""
        if job.queue != signed.queue or (self._queues is not None and job.queue not in self._queues):
            raise MessageRefused(job, _moved(signed.queue))
        if not _same(job.expires, signed.expires):
            raise MessageRefused(job, _("its expiry was altered after it was signed."))
        if signed.run_at is not None and now < signed.run_at - TOLERANCE:
            raise MessageRefused(job, _("it was brought forward: the time it was signed for has not come."))


def unsigned(payload: bytes) -> bytes:
    """Return a payload without its signature, which is not looked at."""
    return payload.partition(b"\n")[2] if payload.startswith(MARK) else payload


def _key_id(key: str) -> bytes:
    """Return what a signature says of its key: enough to tell one from the other, and nothing of use to a forger."""
    return hashlib.sha256(b"celeriac signing key " + key.encode()).hexdigest()[:12].encode()


def _mac(key: bytes, job: Job, claims: bytes, body: bytes) -> bytes:
    """Return the MAC. Each part follows its length, so that no two jobs have the same bytes."""
    parts = (job.id.encode("utf-8", "surrogatepass"), job.task.encode("utf-8", "surrogatepass"), claims, body)
    message = MARK + b"".join(len(part).to_bytes(8) + part for part in parts)
    return hmac.digest(key, message, "sha256").hex().encode()


def _same(one: float | None, other: float | None) -> bool:
    """Return whether two times are the same, to the precision that databases have."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 2 * _MICROSECOND


def _unsigned() -> str:
    return _(
        "it is not signed, and CELERIAC['SIGNING_KEYS'] asks for it. Was it enqueued by a process without the keys, or before"
        " there were any? Give each process of the project the same keys."
    )


def _unknown(key: bytes) -> str:
    return _(
        "it is signed with a key ({key}) that CELERIAC['SIGNING_KEYS'] does not have. Where that key was only just replaced,"
        " put it at the end of the list until its jobs have run."
    ).format(key=key.decode("ascii", "replace"))


def _altered() -> str:
    return _("its id, task, arguments or times were altered after it was signed.")


def _moved(queue: str) -> str:
    return _("it was moved here from the queue {queue!r}, for which it was signed.").format(queue=queue)
