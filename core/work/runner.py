"""Run jobs, deliveries and timers. Whatever runs here may run twice."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.tenancy.sessions import all_tenants
from core.work import jobs, outbox
from core.work.models import CoreTimer, Delivery, Job, Outbox
from plugin_sdk import events

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)


def run_job(house: Application, row_id: int) -> bool:
    """Run one job row if it is due; the gate is asked now, not when it was queued.

    :return: whether it ran (a done, running or unknown row does not)
    """
    with all_tenants(write=True) as db:
        at = clock.now()
        taken = db.execute(
            sa.update(Job)
            .where(
                Job.id == row_id,
                sa.or_(Job.state == "queued", sa.and_(Job.state == "running", Job.lease_until < at)),
            )
            .values(state="running", lease_until=at + jobs.LEASE, tries=Job.tries + 1)
            .execution_options(synchronize_session=False)
        ).rowcount  # type: ignore[attr-defined]
        row = db.get(Job, row_id) if taken else None
    if row is None:
        return False
    started = time.monotonic()
    try:
        _run(house, row)
    except Exception as error:  # the edge of the process: noted in the row, never lost
        log.exception("job failed", extra={"job_id": row.public_id, "job_name": row.name})
        _failed(row_id, error)
        return True
    with all_tenants(write=True) as db:
        done = db.get_one(Job, row_id)
        done.state, done.done_at, done.lease_until, done.err = "done", clock.now(), None, ""
    log.info("job done", extra={"job_name": row.name, "ms": int((time.monotonic() - started) * 1000)})
    return True


def _run(house: Application, row: Job) -> None:
    spec = house.plugins.house.jobs.get(row.name)
    if spec is None:
        raise LookupError(f"job {row.name} is not registered")
    handler = house.resolve(spec.dotted)
    if row.tenant_id is None:
        handler(house, **row.args)
        return
    with house.system_ctx(row.tenant_id, account_id=row.account_id) as ctx:
        if spec.plugin != "core" and spec.plugin not in ctx.enabled:
            log.info("job of a plugin that is off", extra={"job_name": row.name, "plugin": spec.plugin})
            return
        handler(ctx, **row.args)


def _failed(row_id: int, error: Exception) -> None:
    with all_tenants(write=True) as db:
        row = db.get_one(Job, row_id)
        row.err, row.lease_until = type(error).__name__, None
        if row.tries >= jobs.TRIES:
            row.state, row.done_at = "failed", clock.now()
        else:
            row.state, row.next_at = "queued", clock.now() + timedelta(seconds=2**row.tries)


def deliver_due(house: Application, limit: int = 20) -> int:
    """Deliver what is due. :return: how many were tried"""
    with all_tenants(write=True) as db:
        ids = outbox.lease_due(db, limit)
    for delivery_id in ids:
        _deliver(house, delivery_id)
    return len(ids)


def _deliver(house: Application, delivery_id: int) -> None:
    with all_tenants() as db:
        delivery = db.get_one(Delivery, delivery_id)
        row = db.get_one(Outbox, delivery.outbox_id)
    event = events.read(row.kind, row.payload)
    try:
        with house.system_ctx(row.tenant_id) as ctx:
            if event is not None and (delivery.plugin == "core" or delivery.plugin in ctx.enabled):
                house.resolve(delivery.handler)(ctx, event)
            ctx.db.execute(sa.update(Delivery).where(Delivery.id == delivery_id).values(state="done", err=""))
    except Exception as error:  # the edge of the process: retried, then parked and shown
        log.exception("delivery failed", extra={"delivery_id": delivery_id, "handler": delivery.handler})
        with all_tenants(write=True) as db:
            outbox.failed(db, delivery_id, error)


def fire_timers(house: Application, limit: int = 100) -> int:
    """Turn due timers into jobs. :return: how many fired"""
    with all_tenants(write=True) as db:
        due = db.scalars(
            sa.select(CoreTimer)
            .where(CoreTimer.state == "waiting", CoreTimer.due_at <= clock.now())
            .order_by(CoreTimer.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for timer in due:
            timer.state = "done"
            jobs.enqueue(db, house.plugins.house, timer.job, tenant_id=timer.tenant_id, **timer.args)
    return len(due)


def drain(house: Application, rounds: int = 50) -> None:
    """Run deliveries, timers and jobs in this process until nothing is due. Tests and commands use it."""
    for _ in range(rounds):
        busy = deliver_due(house) + fire_timers(house)
        with all_tenants() as db:
            due = list(db.scalars(sa.select(Job.id).where(Job.state == "queued", Job.next_at <= clock.now())))
        for row_id in due:
            run_job(house, row_id)
        if not busy and not due:
            return
