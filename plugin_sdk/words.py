"""Words and times that lists of both houses write the same way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .i18n import LazyText
from .i18n import lazy as _l
from .types import Ctx

SEX: Mapping[str, LazyText] = {"M": _l("男"), "F": _l("女"), "O": _l("其他")}
"""(0010,0040) as shown."""


def moment(ctx: Ctx, value: str) -> datetime:
    """Read what a form sends: ``YYYY-MM-DD`` or with ``THH:MM``, the tenant's wall clock; an offset is obeyed.

    :raise ValueError: neither
    """
    at = datetime.fromisoformat(value)
    return (at.replace(tzinfo=ZoneInfo(ctx.tenant.zone)) if at.tzinfo is None else at).astimezone(UTC)


def end_moment(ctx: Ctx, value: str) -> datetime:
    """The end of a range: a bare day is included whole."""
    return moment(ctx, value) + (timedelta(days=1) if len(value) == len("2026-11-25") else timedelta())


def last_day(ctx: Ctx) -> str:
    """24 hours ago, as the form writes it."""
    return (ctx.now() - timedelta(days=1)).astimezone(ZoneInfo(ctx.tenant.zone)).strftime("%Y-%m-%dT%H:%M")



def stamp(at: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS.sssZ``, UTC: how times stand in digests."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
