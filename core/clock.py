"""The one place that reads the wall clock. Tests move it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_offset = timedelta()


def now() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC) + _offset


def shift(by: timedelta) -> None:
    """Move the clock of this process. For tests only."""
    global _offset
    _offset += by


def reset() -> None:
    global _offset
    _offset = timedelta()


def local(at: datetime, zone: str) -> datetime:
    """The wall clock of a tenant at an instant."""
    return at.astimezone(ZoneInfo(zone))
