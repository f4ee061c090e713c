"""The digest of a sealed report: SHA-256 over canonical JSON, so that anybody can compute it again."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import rfc8785

from plugin_sdk.words import stamp


def normal(text: str) -> str:
    """NFC with LF: the same text has one spelling."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def sop_set(uids: Sequence[str]) -> str:
    """What images the report is about: SHA-256 of the sorted SOP Instance UIDs joined by LF."""
    return hashlib.sha256("\n".join(sorted(uids)).encode("ascii")).hexdigest()


def of_report(
    *,
    request: str,
    n: int,
    study: str,
    findings: str,
    impression: str,
    positive: bool | None,
    images: Sequence[dict[str, Any]],
    author: str,
    reviewer: str | None,
    sealed_at: datetime,
    sop_set: str,
    reason: str,
    prev: str | None,
) -> str:
    """SHA-256 in lower-case hex of the RFC 8785 JSON. Ids are public ids; ``prev`` is null in version 1.

    :param images: ``{id, sha256, sop, frame, caption}`` each
    """
    body: dict[str, Any] = {
        "v": 1,
        "request": request,
        "n": n,
        "study": study,
        "findings": normal(findings),
        "impression": normal(impression),
        "positive": positive,
        "images": [dict(i) for i in images],
        "author": author,
        "reviewer": reviewer,
        "sealed_at": stamp(sealed_at),
        "sop_set": sop_set,
        "reason": normal(reason),
        "prev": prev,
    }
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()
