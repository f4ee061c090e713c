"""The key under which a person's browser keeps text that the server does not have yet.

It is handed only to a session of that person, in the page; the browser never stores it. It is the same for the person's
next session: text typed before a crash or behind a session that ended can be read again after the next login, and by
nobody else. Changing the secret key makes it unreadable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def of(account_public_id: str, *, secret: str) -> str:
    """256 bits in Base64, for AES-GCM."""
    made = hmac.new(secret.encode(), b"telerad browser drafts\0" + account_public_id.encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode()
