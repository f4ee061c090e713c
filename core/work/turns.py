"""Whose turn it is: due work of all tenants, shared so that none takes more than its part while others wait.

What is due goes by the database's clock, and no jump of a clock loses or stalls a row: new work is due whatever its
time says, a wait longer than any wait we give is a lie, and a lease that ends later than any lease we give is void.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.work import held
from core.work.models import Delivery, Job, Lease

LEASE = timedelta(seconds=60)
"""How long a job or a delivery belongs to whoever took it; renewed while it runs."""
LONGEST_WAIT = {Job: timedelta(minutes=5), Delivery: timedelta(hours=1)}
WORDS = {Job: ("queued", "running"), Delivery: ("waiting", "leased")}
JOBS = "jobs"
"""The lease row whose fence numbers the turns of jobs; locked while a turn is given, so that turns are given one by one."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A row that was taken. What is written under an older ``fence`` than the row's is refused."""

    id: int
    fence: int


def is_due(table: Any, at: datetime) -> sa.ColumnElement[bool]:
    """Rows that nobody works on and that wait no longer."""
    waiting, taken = WORDS[table]
    fresh = sa.and_(table.tries == 0, table.err == "")
    return sa.or_(
        sa.and_(
            table.state == waiting,
            sa.or_(table.next_at <= at, fresh, table.next_at > at + LONGEST_WAIT[table] + LEASE),
        ),
        sa.and_(table.state == taken, sa.or_(table.lease_until < at, table.lease_until > at + 2 * LEASE)),
    )


def next_job(db: Session, known: Collection[str]) -> Turn | None:
    """Take the next job of the tenant that has the fewest running and was served longest ago.

    Runs in its own write transaction. With two workers or more a tenant thus gets a second one only while no other
    waits: at most half of them are taken by one tenant while others wait. The house's own jobs (verification, drills)
    may take hours: one runs at a time, so that an image that arrives finds a worker.

    :param known: names of jobs that can run now; those of a plugin that did not start wait
    """
    at = clock.of(db)
    row = _numbering(db, at)
    due = may_run(db, at, known)
    waiting = {tenant: first for tenant, first in db.execute(
        sa.select(Job.tenant_id, sa.func.min(Job.id)).where(due).group_by(Job.tenant_id)
    )}
    running: dict[int | None, int] = {tenant: n for tenant, n in db.execute(
        sa.select(Job.tenant_id, sa.func.count()).where(Job.state == "running", Job.lease_until >= at).group_by(Job.tenant_id)
    )}
    if running.get(None):
        waiting.pop(None, None)
    if not waiting:
        return None
    tenant = min(waiting, key=lambda t: (running.get(t, 0), _last_turn(db, t), waiting[t]))
    job_id = db.scalars(
        sa.select(Job.id).where(due, _of(tenant)).order_by(Job.next_at, Job.id).limit(1)
    ).one()
    row.fence += 1
    db.execute(
        sa.update(Job)
        .where(Job.id == job_id)
        .values(state="running", lease_until=at + LEASE, tries=Job.tries + 1, fence=row.fence)
        .execution_options(synchronize_session=False)
    )
    return Turn(id=job_id, fence=row.fence)


def may_run(db: Session, at: datetime, known: Collection[str]) -> sa.ColumnElement[bool]:
    """Jobs that are due and known; after a restore only those that were queued since."""
    due = sa.and_(is_due(Job, at), Job.name.in_(list(known)))
    since = held.since(db)
    return due if since is None else sa.and_(due, Job.queued_at > since)


def _numbering(db: Session, at: datetime) -> Lease:
    row = db.scalars(sa.select(Lease).where(Lease.name == JOBS).with_for_update()).one_or_none()
    if row is None:
        row = Lease(name=JOBS, holder=JOBS, until=at, fence=0)
        db.add(row)
        db.flush()
    return row


def _last_turn(db: Session, tenant: int | None) -> int:
    return db.scalar(sa.select(sa.func.max(Job.fence)).where(_of(tenant))) or 0


def _of(tenant: int | None) -> sa.ColumnElement[bool]:
    return Job.tenant_id.is_(None) if tenant is None else Job.tenant_id == tenant


def next_deliveries(db: Session, limit: int) -> list[Turn]:
    """Take due deliveries, the same number of each tenant that waits. Runs in its own write transaction."""
    at = clock.of(db)
    due = is_due(Delivery, at)
    tenants = list(db.scalars(
        sa.select(Delivery.tenant_id).where(due).group_by(Delivery.tenant_id).order_by(sa.func.min(Delivery.next_at)).limit(limit)
    ))
    taken: list[Turn] = []
    for tenant in tenants:
        rows = db.scalars(
            sa.select(Delivery)
            .where(due, Delivery.tenant_id == tenant)
            .order_by(Delivery.next_at, Delivery.id)
            .limit(max(1, limit // len(tenants)))
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.state, row.lease_until, row.fence = "leased", at + LEASE, row.fence + 1
            taken.append(Turn(id=row.id, fence=row.fence))
    return taken


def renew(db: Session, table: Any, turn: Turn) -> bool:
    """Hold on to a row. :return: False when somebody else took it meanwhile, or it is finished"""
    return bool(db.execute(
        mine(sa.update(table), table, turn).values(lease_until=clock.of(db) + LEASE)
    ).rowcount)  # type: ignore[attr-defined]


def mine(statement: Any, table: Any, turn: Turn) -> Any:
    """Narrow an update to a row that is still this turn's."""
    return statement.where(
        table.id == turn.id, table.state == WORDS[table][1], table.fence == turn.fence
    ).execution_options(synchronize_session=False)
