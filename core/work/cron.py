"""Jobs that run at times of the day (UTC). A time that was missed is made up for once; none runs twice in its minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from core import clock
from core.tenancy.sessions import all_tenants
from core.work import jobs
from core.work.models import Lease

if TYPE_CHECKING:
    from core.host.house import Application

MINUTE = timedelta(minutes=1)
BACK = 32
"""Days that a missed time is made up for: a monthly job's house may have stood still over the first."""


def queue_due(house: Application) -> None:
    """Queue each cron job whose time came since it last ran, remembered in its own lease row.

    A clock that was set back neither repeats the minute that ran nor stops the job until that time comes again.
    """
    with all_tenants() as db:
        at = clock.of(db).astimezone(UTC).replace(second=0, microsecond=0)
    for spec in house.plugins.house.jobs.values():
        if spec.cron is None or (slot := latest(spec.cron, at)) is None:
            continue
        name = f"cron:{spec.name}"
        with all_tenants() as db:
            row = db.get(Lease, name)
            if row is not None and not is_new(slot, at, row.ran_at):
                continue
        with all_tenants(write=True) as db:
            row = db.get(Lease, name, with_for_update=True)
            known = row is not None
            if row is None:
                row = Lease(name=name, holder="cron", until=at)
                db.add(row)
            if known and not is_new(slot, at, row.ran_at):
                continue
            row.ran_at = slot
            if known or slot == at:
                jobs.queue_row(db, spec.name, tenant_id=None, args={})


def is_new(slot: datetime, at: datetime, ran_at: datetime | None) -> bool:
    """Whether the latest time before ``at`` has not run yet."""
    if ran_at is None or slot > ran_at:
        return True
    return ran_at > at and slot == at  # the clock was set back: what is due this minute runs


@lru_cache(maxsize=256)
def latest(cron: str, at: datetime) -> datetime | None:
    """The last minute up to ``at`` that a cron names, within 32 days."""
    day = at.replace(hour=0, minute=0)
    for back in range(BACK):
        first = day - timedelta(days=back)
        if not all(_field(f, v) for f, v in zip(cron.split()[2:], _day(first), strict=True)):
            continue
        minute = at if back == 0 else first + timedelta(hours=23, minutes=59)
        while minute >= first:
            if matches(cron, minute):
                return minute
            minute -= MINUTE
    return None


def _day(at: datetime) -> tuple[int, int, int]:
    return at.day, at.month, at.isoweekday() % 7


def matches(cron: str, at: datetime) -> bool:
    """Five fields: minute hour day month weekday; ``*``, numbers, lists and ``*/n``."""
    values = (at.minute, at.hour, *_day(at))
    return all(_field(f, v) for f, v in zip(cron.split(), values, strict=True))


def _field(text: str, value: int) -> bool:
    if text == "*":
        return True
    if text.startswith("*/"):
        return value % int(text[2:]) == 0
    return value in {int(n) for n in text.split(",")}
