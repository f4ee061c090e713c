"""Headers and guard results as JSON and back, for the pipe between the child and its parent."""

from __future__ import annotations

import base64
from dataclasses import fields
from datetime import date, time
from typing import Any

from plugin_sdk.dicom.guard import GuardResult
from plugin_sdk.dicom.header import Header
from plugin_sdk.dicom.pixels import Pixels, pack_frames, unpack_frames

_DATES = frozenset({"birth_date", "study_date", "series_date"})
_TIMES = frozenset({"study_time", "series_time"})


def plain(value: Header | GuardResult | Pixels) -> dict[str, Any]:
    """Give a frozen value as JSON types: dates in ISO 8601, bytes in base64, frames packed."""
    return {field.name: _plain(field.name, getattr(value, field.name)) for field in fields(value)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, date | time):
        return value.isoformat()
    if name == "frames" and isinstance(value, tuple):
        value = pack_frames(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return plain(value) if isinstance(value, Pixels) else value


def header(body: dict[str, Any]) -> Header:
    """Rebuild a header; raises KeyError, TypeError or ValueError for anything else."""
    found = {field.name: body[field.name] for field in fields(Header)}
    for name in _DATES:
        found[name] = date.fromisoformat(found[name]) if found[name] else None
    for name in _TIMES:
        found[name] = time.fromisoformat(found[name]) if found[name] else None
    found["name_raw"] = base64.b64decode(found["name_raw"], validate=True)
    found["notes"] = tuple(found["notes"])
    return Header(**found)


def guard_result(body: dict[str, Any]) -> GuardResult:
    """Rebuild a guard result; raises as `header`."""
    found = {field.name: body[field.name] for field in fields(GuardResult)}
    found["notes"] = tuple(found["notes"])
    if found["pixels"] is not None:
        pixels = {field.name: found["pixels"][field.name] for field in fields(Pixels)}
        pixels["frames"] = unpack_frames(base64.b64decode(pixels["frames"], validate=True))
        found["pixels"] = Pixels(**pixels)
    return GuardResult(**found)
