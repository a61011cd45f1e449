"""Encryption of secrets at rest. It never logs a secret and never returns one in an error."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from impler_pipelines.errors import SecretUnreadable, SettingInvalid
from impler_pipelines.model import SourceAuth
from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_KEY_FILE = "IMPLER_SECRET_KEY"


class SecretBox:
    """Seals and opens small secrets with Fernet (AES-128-CBC and HMAC-SHA-256).

    What a box of one ``purpose`` has sealed, no box of another opens.
    """

    def __init__(self, key: str, purpose: str = "secrets") -> None:
        self._key, self._purpose = key, purpose

    @cached_property
    def _fernet(self) -> Fernet:
        # With its library it is needed by those that have secrets alone, and most runs have none.
        from cryptography.fernet import Fernet

        context = f"impler-pipelines/{self._purpose}/v1\0"
        derived = hashlib.sha256(f"{context}{self._key}".encode()).digest()
        return Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, value: str) -> bytes:
        """Encrypt ``value``; twice the same value gives two different tokens."""
        return self._fernet.encrypt(value.encode())

    def open(self, token: bytes, *, what: str) -> str:
        """Decrypt; raises ``SecretUnreadable`` naming ``what`` when the key has changed."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken as error:
            raise SecretUnreadable(what) from error

    def seal_auth(self, auth: SourceAuth) -> bytes:
        """Encrypt a source's header."""
        return self.seal(json.dumps([auth.header_name, auth.header_value]))

    def open_auth(self, token: bytes) -> SourceAuth:
        """Decrypt a source's header; raises ``SecretUnreadable``."""
        name, value = json.loads(self.open(token, what="authentication of the source"))
        return SourceAuth(name, value)


def new_signing_secret() -> str:
    """A new secret to sign webhooks with, in the form of Standard Webhooks: ``whsec_`` and base64
    of 32 bytes."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def secret_box(settings: Settings, purpose: str = "secrets") -> SecretBox:
    """The box for this installation: ``IMPLER_SECRET_KEY``, or the key kept in ``IMPLER_HOME``."""
    return SecretBox(settings.secret_key or ensure_secret_key(settings.secret_key_file), purpose)


def ensure_secret_key(path: Path) -> str:
    """Read the key file, or make it (mode 600). Two processes that start together agree on one.

    Raises ``SettingInvalid`` for a file that can't be read or made, or that holds nothing.
    """
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(_KEY_FILE, str(path), "a file that can be read and made") from error
    if not key:
        raise SettingInvalid(_KEY_FILE, str(path), "a key: restore the file, or set one")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())  # what it seals may outlive a power cut
    try:
        os.link(draft, path)  # atomic, and fails if another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
