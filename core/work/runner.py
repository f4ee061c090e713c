"""Run jobs and fire timers. Whatever runs here may run twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import timedelta
from random import uniform
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock, faults
from core.host.hooks import HookFailed
from core.tenancy.sessions import all_tenants
from core.work import alarms, held, jobs, turns
from core.work.deliver import deliver_due
from core.work.heartbeat import TakenOver, beating
from core.work.models import CoreTimer, Job
from core.work.turns import Turn
from plugin_sdk.errors import PluginUnavailable

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
SHIFT = 20.0
"""Seconds after which a worker's child takes no further job: the next child starts with a clean memory."""
PUT_OFF = timedelta(seconds=30)


def work(house: Application) -> int:
    """Run due jobs one after the other for a shift. :return: how many"""
    end, done = time.monotonic() + SHIFT, 0
    while time.monotonic() < end:
        if not run_next(house):
            return done
        done += 1
    house.bell.ring(jobs.ANY)
    return done


def run_next(house: Application) -> bool:
    """Run the job whose turn it is. :return: False when there is none"""
    with all_tenants(write=True) as db:
        turn = turns.next_job(db, _known(house))
        row = db.get(Job, turn.id) if turn is not None else None
    if turn is None or row is None:
        return False
    faults.point("job.taken")
    run_job(house, turn, row)
    return True


def _known(house: Application) -> Collection[str]:
    """Jobs of a plugin that did not start are no names here: they wait."""
    return house.plugins.house.jobs.keys()


def run_job(house: Application, turn: Turn, row: Job) -> None:
    """Run one job that was taken; the gate is asked now, not when it was queued."""
    started = time.monotonic()
    try:
        with beating(house, Job, turn):
            _run(house, turn, row)
    except TakenOver:
        log.warning("job was taken over", extra={"job_id": row.public_id, "job_name": row.name})
        return
    except Exception as error:  # the edge of the process: noted in the row, never lost
        if isinstance(error, PluginUnavailable) and not isinstance(error, HookFailed):
            _put_off(turn, error)
            return
        log.exception("job failed", extra={"job_id": row.public_id, "job_name": row.name})
        _failed(house, turn, error)
        return
    faults.point("job.done")
    log.info("job done", extra={"job_name": row.name, "ms": int((time.monotonic() - started) * 1000)})


def _run(house: Application, turn: Turn, row: Job) -> None:
    """What a tenant's job writes in its ctx and its ``done`` are one transaction.

    :raise TakenOver: somebody else has it by now; nothing of the ctx is written
    """
    spec = house.plugins.house.jobs[row.name]
    handler = house.resolve(spec.dotted)
    if row.tenant_id is None:
        handler(house, **row.args)
        with all_tenants(write=True) as db:
            _done(db, turn)
        return
    with house.system_ctx(row.tenant_id, account_id=row.account_id) as ctx:
        if spec.plugin != "core" and spec.plugin not in ctx.enabled:
            log.info("job of a plugin that is off", extra={"job_name": row.name, "plugin": spec.plugin})
        else:
            handler(ctx, **row.args)
            faults.point("job.handled")
        _done(ctx.db, turn)


def _done(db: Session, turn: Turn) -> None:
    finished = db.execute(
        turns.mine(sa.update(Job), Job, turn).values(state="done", done_at=clock.now(), lease_until=None, err="")
    )
    if not finished.rowcount:  # type: ignore[attr-defined]
        raise TakenOver


def _put_off(turn: Turn, error: Exception) -> None:
    """Wait without counting a try: what the job stands on did not start."""
    with all_tenants(write=True) as db:
        db.execute(
            turns.mine(sa.update(Job), Job, turn).values(
                state="queued", lease_until=None, tries=Job.tries - 1, err=type(error).__name__,
                next_at=clock.of(db) + PUT_OFF,
            )
        )


def _failed(house: Application, turn: Turn, error: Exception) -> None:
    with all_tenants(write=True) as db:
        row = db.get_one(Job, turn.id, with_for_update=True)
        if (row.state, row.fence) != ("running", turn.fence):
            return
        row.err, row.lease_until = type(error).__name__, None
        if row.tries >= jobs.TRIES:
            row.state, row.done_at = "failed", clock.now()
            alarms.failed(db, house, row)
        else:
            row.state = "queued"
            row.next_at = clock.of(db) + timedelta(seconds=uniform(0.5, 2**row.tries))


def fire_timers(house: Application, limit: int = 100) -> int:
    """Turn due timers into jobs. :return: how many fired"""
    with all_tenants(write=True) as db:
        if held.since(db) is not None:
            return 0
        due = db.scalars(
            sa.select(CoreTimer)
            .where(CoreTimer.state == "waiting", CoreTimer.due_at <= clock.of(db))
            .order_by(CoreTimer.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for timer in due:
            timer.state = "done"
            jobs.queue_row(db, timer.job, tenant_id=timer.tenant_id, args=timer.args)
        if due:
            faults.point("timers.fired")
    return len(due)


def drain(house: Application, rounds: int = 50) -> None:
    """Run deliveries, timers and jobs in this process until nothing is due. Tests and commands use it."""
    for _ in range(rounds):
        busy = deliver_due(house) + fire_timers(house)
        while run_next(house):
            busy += 1
        if not busy:
            return
