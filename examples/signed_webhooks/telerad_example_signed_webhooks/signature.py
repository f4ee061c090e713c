"""The signature: HMAC-SHA256 over ``<timestamp>.<body>``. Imports nothing of ours, so a receiver may take this file."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

ID, TIMESTAMP, SIGNATURE = "telerad-id", "telerad-timestamp", "telerad-signature"
SCHEME = "v1="
WINDOW = 300
"""Seconds by which sender's and receiver's clocks may differ, and for which a receiver remembers ids."""


class NotGenuine(ValueError):
    """Nobody who has the secret sent this, not now, or not with this body."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """One signature. :param timestamp: seconds since 1970, UTC"""
    return SCHEME + hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def check(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> str:
    """What a receiver does first, with the bytes as they came. :return: the delivery's id, to be remembered

    :param headers: by lower-case name
    :raise NotGenuine: a wrong signature, none, or one from another time
    """
    timestamp = headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > WINDOW:
        raise NotGenuine("timestamp")
    wanted = sign(secret, int(timestamp), body)
    given = [one.strip().encode() for one in headers.get(SIGNATURE, "").split(",")]
    if not any([hmac.compare_digest(wanted.encode(), one) for one in given]):
        raise NotGenuine("signature")
    return headers.get(ID, "")
