"""The clock: one process in the house feeds deliveries, timers, cron and forgotten jobs, under a lease in the database."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core import clock
from core.tenancy.sessions import all_tenants, nobody
from core.work import jobs, runner
from core.work.models import Lease

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
HOLD = timedelta(seconds=30)
PAUSE = 0.5


def hold(name: str, holder: str, life: timedelta = HOLD) -> bool:
    """Take or renew a lease. One holder at a time; another may take it once it ran out."""
    at = clock.now()
    with nobody(write=True) as db:
        row = db.scalars(sa.select(Lease).where(Lease.name == name).with_for_update()).one_or_none()
        if row is None:
            db.add(Lease(name=name, holder=holder, until=at + life, fence=1))
            return True
        if row.holder != holder and row.until > at:
            return False
        if row.holder != holder:
            row.fence += 1
        row.holder, row.until = holder, at + life
        return True


def tick(house: Application) -> int:
    """One round. :return: how much there was to do"""
    busy = runner.deliver_due(house) + runner.fire_timers(house)
    with all_tenants() as db:
        forgotten = jobs.due(db)
    for name, row_id in forgotten:
        house.bell.ring(name, row_id)
    _cron(house)
    return busy


def _cron(house: Application) -> None:
    """Queue each cron job at most once a minute, remembered in its own lease row."""
    at = clock.now().astimezone(UTC)
    for spec in house.plugins.house.jobs.values():
        if spec.cron is None or not _matches(spec.cron, at):
            continue
        name = f"cron:{spec.name}"
        with all_tenants(write=True) as db:
            row = db.get(Lease, name)
            if row is None:
                row = Lease(name=name, holder="cron", until=at)
                db.add(row)
            if row.ran_at is not None and at - row.ran_at < timedelta(minutes=1):
                continue
            row.ran_at = at.replace(second=0, microsecond=0)
            jobs.enqueue(db, house.plugins.house, spec.name, tenant_id=None)


def _matches(cron: str, at: datetime) -> bool:
    """Five fields: minute hour day month weekday; ``*``, numbers, lists and ``*/n``."""
    values = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)
    return all(_field(f, v) for f, v in zip(cron.split(), values, strict=True))


def _field(text: str, value: int) -> bool:
    if text == "*":
        return True
    if text.startswith("*/"):
        return value % int(text[2:]) == 0
    return value in {int(n) for n in text.split(",")}


def run(house: Application, stopping: Callable[[], bool]) -> None:
    """Tick until told to stop. Two of these may run; the lease lets one work."""
    holder = f"{os.uname().nodename}:{os.getpid()}"
    while not stopping():
        try:
            busy = tick(house) if hold("clock", holder) else 0
        except SQLAlchemyError as error:
            log.error("database does not answer", extra={"error": type(error).__name__})
            busy = 0
        if not busy:
            time.sleep(PAUSE)
