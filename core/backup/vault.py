"""Files of a backup, encrypted when a key is given: AES-256-GCM in chunks of 1 MiB, so that memory stays bounded.

Each file has a key of its own, derived (HKDF-SHA256) from the backup key, a random salt and the file's name: a file put
in another's place does not open. A chunk's nonce is its number and whether it is the last one, so that cutting a file
short, or swapping chunks, is seen (the STREAM construction).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from plugin_sdk.errors import DomainError

CHUNK = 1024 * 1024
MAGIC = b"TLRB\x01"
SALT, TAG, KEY = 16, 16, 32
HEADER = len(MAGIC) + SALT


class BackupRefused(DomainError):
    """A backup cannot be made, read or restored; the sentence says why."""


class Unsealable(Exception):
    """A file does not open with this key: another key, another file, or changed bytes."""


class Vault:
    """Writes and reads files of one backup. Without a key they are stored as they are."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key

    @property
    def fingerprint(self) -> str:
        """What tells keys apart without giving one away; '' without a key."""
        return _derived(self.key, b"", "fingerprint").hex()[:32] if self.key else ""

    def stored_size(self, size: int) -> int:
        """Bytes on disk of a file of ``size`` bytes."""
        return size if self.key is None else HEADER + size + TAG * max(1, -(-size // CHUNK))

    def put(self, pieces: Iterable[bytes], path: Path, name: str) -> None:
        """Write a file, readable by its owner only. The caller sees to its being durable."""
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if self.key is None:
                file.writelines(pieces)
                return
            salt = secrets.token_bytes(SALT)
            cipher = AESGCM(_derived(self.key, salt, name))
            file.write(MAGIC + salt)
            for number, (chunk, last) in enumerate(_marked(_chunks(pieces))):
                file.write(cipher.encrypt(_nonce(number, last), chunk, None))

    def get(self, path: Path, name: str) -> Iterator[bytes]:
        """Read a file piece by piece. :raise Unsealable: the piece is not what was written under this name"""
        with path.open("rb") as file:
            if self.key is None:
                while piece := file.read(CHUNK):
                    yield piece
                return
            head = file.read(HEADER)
            if len(head) != HEADER or not head.startswith(MAGIC):
                raise Unsealable(name)
            cipher = AESGCM(_derived(self.key, head[len(MAGIC):], name))
            sealed = iter(lambda: file.read(CHUNK + TAG), b"")
            number = -1
            for number, (chunk, last) in enumerate(_marked(sealed)):
                try:
                    yield cipher.decrypt(_nonce(number, last), chunk, None)
                except InvalidTag:
                    raise Unsealable(name) from None
            if number < 0:
                raise Unsealable(name)

    def mac(self, text: bytes) -> str:
        """Authenticate the record of a backup; its plain digest without a key."""
        if self.key is None:
            return hashlib.sha256(text).hexdigest()
        return hmac.new(_derived(self.key, b"", "record"), text, hashlib.sha256).hexdigest()


def vault_of(path: Path | None) -> Vault:
    """The vault with the key in a file; without one, files are stored as they are.

    :raise BackupRefused: the file cannot be read, or holds no key
    """
    if path is None:
        return Vault()
    try:
        text = path.read_text(encoding="ascii").strip()
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (OSError, ValueError, binascii.Error) as error:
        raise BackupRefused(f"TELERAD_BACKUP_KEY: {path} cannot be read as a key ({type(error).__name__})") from None
    if len(key) != KEY:
        raise BackupRefused(f"TELERAD_BACKUP_KEY: {path} holds no key; `telerad backup key FILE` makes one")
    return Vault(key)


def make_key(path: Path) -> str:
    """Write a new key, mode 0600. :return: its fingerprint :raise BackupRefused: the file is there already"""
    key = secrets.token_bytes(KEY)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupRefused(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.urlsafe_b64encode(key).decode("ascii") + "\n")
    return Vault(key).fingerprint


def _derived(key: bytes | None, salt: bytes, name: str) -> bytes:
    assert key is not None
    return HKDF(SHA256(), KEY, salt or None, b"telerad backup " + name.encode()).derive(key)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of any length as chunks of one length but the last; one empty chunk of nothing."""
    held, any_yet = bytearray(), False
    for piece in pieces:
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            any_yet = True
            del held[:CHUNK]
    if held or not any_yet:
        yield bytes(held)


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk and whether it is the last."""
    before: bytes | None = None
    for chunk in chunks:
        if before is not None:
            yield before, False
        before = chunk
    if before is not None:
        yield before, True
