"""Arguments and results that only those with a key can read: AES-256-GCM, with the package ``cryptography``.

Encrypted bytes begin with a line ``E1 <key>``. Each job has a key of its own, derived from the project's, so that however many
jobs there are no key is used often; and a text copied to another job cannot be read there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Any

from celeriac.engine.codec import decode_payload, decode_result
from celeriac.engine.errors import ImproperlyConfigured, UnreadablePayload
from celeriac.engine.job import Job
from celeriac.engine.signing import unsigned
from celeriac.engine.translation import gettext as _

MARK = b"E1 "
ARGUMENTS, RESULT = b"arguments", b"result"
_NONCE = 12


class Cipher:
    """Encrypts with the first of ``keys`` and reads with any. Shared by the threads of a process."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            from cryptography.exceptions import InvalidTag  # an extra
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # an extra
        except ImportError:
            raise ImproperlyConfigured(
                _(
                    "CELERIAC['ENCRYPTION_KEYS'] needs the package cryptography, which is not installed:"
                    " pip install 'celeriac[encryption]'"
                )
            ) from None
        self._aead = AESGCM
        self._invalid = InvalidTag
        self._keys = {_key_id(key): _master(key) for key in reversed(keys)}
        self._first = _key_id(keys[0])

    def encrypt(self, data: bytes, id: str, part: bytes) -> bytes:
        """Return ``data`` encrypted as one part (``ARGUMENTS`` or ``RESULT``) of the job ``id``."""
        header, nonce = MARK + self._first, os.urandom(_NONCE)
        sealed = self._aead(_derived(self._keys[self._first], id, part)).encrypt(nonce, data, header)
        return header + b"\n" + nonce + sealed

    def decrypt(self, data: bytes, id: str, part: bytes) -> bytes:
        """Return what ``encrypt`` was given. Raises ``UnreadablePayload``."""
        header, _newline, sealed = data.partition(b"\n")
        key = self._keys.get(header.removeprefix(MARK))
        if key is None:
            raise UnreadablePayload(
                _(
                    "It is encrypted with a key ({key}) that CELERIAC['ENCRYPTION_KEYS'] does not have. Keep an old key at"
                    " the end of the list as long as there are jobs and results of it."
                ).format(key=header.removeprefix(MARK).decode("ascii", "replace"))
            )
        try:
            return self._aead(_derived(key, id, part)).decrypt(sealed[:_NONCE], sealed[_NONCE:], header)
        except (self._invalid, ValueError):
            raise UnreadablePayload(_("It was altered after it was encrypted, or belongs to another job.")) from None


def is_encrypted(data: bytes) -> bool:
    """Return whether these bytes, signed or not, are encrypted."""
    return unsigned(data).startswith(MARK)


def arguments_of(job: Job, cipher: Cipher | None) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Return a job's arguments and what travels with them. Raises ``UnreadablePayload``."""
    return decode_payload(_plain(unsigned(job.payload), job, ARGUMENTS, cipher))


def result_of(job: Job, cipher: Cipher | None) -> Any:
    """Return what a job's task returned; None where nothing is kept. Raises ``UnreadablePayload``."""
    return None if job.result is None else decode_result(_plain(job.result, job, RESULT, cipher))


def _plain(data: bytes, job: Job, part: bytes, cipher: Cipher | None) -> bytes:
    if not data.startswith(MARK):
        return data
    if cipher is None:
        raise UnreadablePayload(_("It is encrypted, and CELERIAC['ENCRYPTION_KEYS'] is empty here."))
    return cipher.decrypt(data, job.id, part)


def _key_id(key: str) -> bytes:
    """Return what encrypted bytes say of their key."""
    return hashlib.sha256(b"celeriac encryption key " + key.encode()).hexdigest()[:12].encode()


def _master(key: str) -> bytes:
    return hmac.digest(key.encode(), b"celeriac encryption", "sha256")


def _derived(master: bytes, id: str, part: bytes) -> bytes:
    """Return the key of one part of one job."""
    return hmac.digest(master, part + b" " + id.encode("utf-8", "surrogatepass"), "sha256")
