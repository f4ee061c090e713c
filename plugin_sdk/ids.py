"""Identifiers that leave the house.

A ``public_id`` is 128 bits as one integer in upper-case Crockford base32, left-padded to 26 characters; the first
character is 0-7. Outside it is opaque. Rows use uuid7 (RFC 9562, 5.7), openings 128 random bits.
"""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PUBLIC_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_FOLD = str.maketrans({"I": "1", "L": "1", "O": "0"})


def row_id() -> str:
    """Make the public id of a new row: sortable by its time of making."""
    millis = time.time_ns() // 1_000_000
    value = (millis & (2**48 - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return _encode(value)


def first_id(seconds: float) -> str:
    """The least id that :func:`row_id` could have made at a time (seconds since 1970, UTC)."""
    return _encode((int(seconds * 1000) & (2**48 - 1)) << 80)


def made_at(public_id: str) -> datetime:
    """When a row's id was made, UTC: the time in its uuid7."""
    value = 0
    for letter in public_id:
        value = value << 5 | ALPHABET.index(letter)
    return datetime.fromtimestamp((value >> 80) / 1000, UTC)


def random_id() -> str:
    """Make an id that nobody can guess: 128 random bits."""
    return _encode(secrets.randbits(128))


def fold(text: str) -> str | None:
    """Read a public id as people type it: any case, ``I`` and ``L`` for 1, ``O`` for 0; ``None`` if it is none."""
    folded = text.strip().upper().translate(_FOLD)
    return folded if PUBLIC_ID.fullmatch(folded) else None


def _encode(value: int) -> str:
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
