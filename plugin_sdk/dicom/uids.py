"""Unique identifiers (PS3.5, 9.1) and the few that the house must know by heart."""

from __future__ import annotations

import re
import uuid

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
JPIP_DEFLATED = "1.2.840.10008.1.2.4.95"
DEFLATED = frozenset({DEFLATED_LE, JPIP_DEFLATED})
NATIVE = frozenset({IMPLICIT_LE, EXPLICIT_LE, DEFLATED_LE, EXPLICIT_BE})
RLE = "1.2.840.10008.1.2.5"
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10\d(?:\.1)?")


def valid_uid(text: str) -> bool:
    """Tell whether `text` may name a study, series or instance here.

    Digits and dots, no empty component, most 64 characters. Leading zeros are against PS3.5 9.1 but common; such a
    UID is a good key as long as nobody "corrects" it, so it is taken as written (1.2.03 is not 1.2.3).
    """
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def new_uid() -> str:
    """Make a UID below 2.25 from a random UUID (PS3.5, B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def is_video(transfer_syntax: str) -> bool:
    """Tell whether all frames lie in one stream (MPEG-2, MPEG-4, HEVC: PS3.5, 8.2.5 to 8.2.8)."""
    return _VIDEO.fullmatch(transfer_syntax) is not None
