"""A cell's value as plain words: for exports and for telling whether a row changed."""

from __future__ import annotations

from datetime import date, datetime

from core import clock
from plugin_sdk.i18n import lazy as _l

YES, NO = _l("是"), _l("否")


def plain(value: object) -> str | int | float:
    """Text or number of a value. An object that knows when it is due says that, not how long is left."""
    if value is None or value == "-":
        return ""
    if isinstance(value, bool):
        return str(YES if value else NO)
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    due = getattr(value, "due", None)
    if isinstance(due, datetime):
        return f"{due.isoformat()} {getattr(value, 'done', '')}"
    return _text(value)


def for_people(value: object, zone: str) -> str | int | float:
    """The same for a sheet: instants as the tenant's wall clock, time left as it is shown."""
    if isinstance(value, datetime):
        return clock.local(value, zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if getattr(value, "due", None) is not None:
        return _text(value)
    return plain(value)


def _text(value: object) -> str:
    have = getattr(value, "have", None)
    if have is not None:
        return str(have)
    label = getattr(value, "label", None)
    return str(value if isinstance(value, str) or label is None else label)
