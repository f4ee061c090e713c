"""The period of the statistics pages: it stands in the URL, so that a page can be kept and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plugin_sdk.errors import Invalid
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.panels import Period
from plugin_sdk.types import Ctx

NEWEST = (7, 30)
"""Days that have a button of their own; the first is shown when the URL says nothing."""
MOST = 366


@dataclass(frozen=True)
class Asked:
    """``days`` is one of ``NEWEST``, 0 for a range that somebody chose."""

    period: Period
    days: int


def read(ctx: Ctx, args: Mapping[str, str]) -> Asked:
    """Read ``days``, or ``from`` and ``to``. A range that was begun and not ended goes to today.

    :raise Invalid: no number of days that has a button, no date, an end before its beginning, or more than a year
    """
    zone = ZoneInfo(ctx.tenant.zone)
    today = ctx.now().astimezone(zone).date()
    first, last = _date(args, "from"), _date(args, "to")
    if first is None and last is None:
        days = args.get("days", "") or str(NEWEST[0])
        if days not in map(str, NEWEST):
            raise _refused("days")
        return Asked(_period(today - timedelta(days=int(days) - 1), today, zone), int(days))
    last = last or today
    first = first or last
    if not timedelta() <= last - first < timedelta(days=MOST):
        raise _refused("to")
    return Asked(_period(first, last, zone), 0)


def _date(args: Mapping[str, str], name: str) -> date | None:
    if not (text := args.get(name, "")):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _refused(name) from error


def _refused(field: str) -> Invalid:
    sentence = _l("请选择开始和结束日期，最多 366 天")
    return Invalid(sentence, errors=[{"field": field, "message": str(sentence)}])


def _period(first: date, last: date, zone: ZoneInfo) -> Period:
    try:
        since, until = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    except OverflowError as error:
        raise _refused("to") from error
    return Period(first=first, last=last, since=since, until=until)
