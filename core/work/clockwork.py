"""The clock: one process in the house feeds deliveries, timers, cron and forgotten jobs, under a lease in the database."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from core import clock
from core.tenancy.sessions import all_tenants, nobody
from core.work import cron, deliver, held, jobs, runner
from core.work.models import Lease

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
HOLD = timedelta(seconds=30)
PAUSE = 0.5
LOOK = 60.0
"""Seconds between two looks at whether the wall clock still agrees with the database's."""


def hold(name: str, holder: str, life: timedelta = HOLD) -> bool:
    """Take or renew a lease, by the database's clock. One holder at a time; another may take it once it ran out.

    A lease that ends later than any that is given here was written by a clock that was wrong: it is void.
    """
    with nobody(write=True) as db:
        at = clock.of(db)
        row = db.scalars(sa.select(Lease).where(Lease.name == name).with_for_update()).one_or_none()
        if row is None:
            db.add(Lease(name=name, holder=holder, until=at + life, fence=1))
            return True
        if row.holder != holder and at < row.until <= at + 2 * life:
            return False
        if row.holder != holder:
            row.fence += 1
        row.holder, row.until = holder, at + life
        return True


def tick(house: Application) -> int:
    """One round. :return: how much there was to do"""
    busy = deliver.deliver_due(house) + runner.fire_timers(house)
    with all_tenants() as db:
        forgotten = jobs.due(db, house.plugins.house.jobs)
        holding = held.since(db) is not None
    if forgotten:
        house.bell.ring(jobs.ANY)
    if not holding:
        cron.queue_due(house)
    return busy


def watch(said: bool = False) -> bool:
    """Log once when the wall clock leaves the database's by more than a minute. :return: whether it has"""
    with nobody() as db:
        drift = clock.drift(db)
    jumped = abs(drift) > clock.MOST_DRIFT
    if jumped and not said:
        log.error("wall clock jumped, nothing is signed", extra={"ms": int(drift.total_seconds() * 1000)})
    return jumped


def run(house: Application, stopping: Callable[[], bool]) -> None:
    """Tick until told to stop. Two of these may run; the lease lets one work."""
    holder = f"{os.uname().nodename}:{os.getpid()}"
    jumped, looked = False, 0.0
    while not stopping():
        try:
            busy = tick(house) if hold("clock", holder) else 0
            if time.monotonic() - looked > LOOK:
                jumped, looked = watch(jumped), time.monotonic()
        except SQLAlchemyError as error:
            log.error("database does not answer", extra={"error": type(error).__name__})
            busy = 0
        if not busy:
            time.sleep(PAUSE)
