"""What an operator does about work that gave up: see it, and let it try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.work import notices
from core.work.models import Delivery, Job, Outbox
from plugin_sdk.errors import DomainError, NotFound
from plugin_sdk.i18n import lazy as _l

MOST = 200


class NothingToRetry(DomainError):
    status, code, sentence = 409, "conflict", _l("没有可重试的任务")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of work. ``ref`` is ``delivery:<id>`` or ``job:<public id>``; ``since`` when it began to wait."""

    ref: str
    tenant_id: int | None
    what: str
    state: str
    tries: int
    err: str
    since: datetime


def given_up(db: Session, *, tenant_id: int | None = None, waiting: bool = False) -> list[Line]:
    """Parked deliveries and failed jobs, oldest first, 200 of each at most.

    :param tenant_id: of one tenant only; :param waiting: also what still waits or runs
    """
    states = ["parked", "failed", *(("waiting", "leased", "queued", "running") if waiting else ())]
    deliveries = (
        sa.select(Delivery, Outbox.kind, Outbox.at)
        .join(Outbox, Outbox.id == Delivery.outbox_id)
        .where(Delivery.state.in_(states))
        .order_by(Delivery.id)
        .limit(MOST)
    )
    jobs = sa.select(Job).where(Job.state.in_(states)).order_by(Job.id).limit(MOST)
    if tenant_id is not None:
        deliveries, jobs = deliveries.where(Delivery.tenant_id == tenant_id), jobs.where(Job.tenant_id == tenant_id)
    return [
        Line(ref=f"delivery:{d.id}", tenant_id=d.tenant_id, what=f"{kind} {d.handler}", state=d.state, tries=d.tries,
             err=d.err, since=at)
        for d, kind, at in db.execute(deliveries)
    ] + [
        Line(ref=f"job:{j.public_id}", tenant_id=j.tenant_id, what=j.name, state=j.state, tries=j.tries, err=j.err,
             since=j.queued_at)
        for j in db.scalars(jobs)
    ]


def retry(db: Session, ref: str, *, tenant_id: int | None = None) -> None:
    """Let one parked delivery or failed job try again from the start. Its notice counts as read by everybody.

    :param tenant_id: refuse what belongs to another tenant
    :raise NotFound: no such row; :raise NothingToRetry: it did not give up
    """
    kind, _, key = ref.partition(":")
    row: Delivery | Job | None = None
    if kind == "delivery" and key.isdigit():
        row = db.get(Delivery, int(key), with_for_update=True)
    elif kind == "job":
        row = db.scalars(sa.select(Job).where(Job.public_id == key).with_for_update()).one_or_none()
    if row is None or (tenant_id is not None and row.tenant_id != tenant_id):
        raise NotFound
    if row.state not in ("parked", "failed"):
        raise NothingToRetry
    row.tries, row.err, row.next_at, row.lease_until = 0, "", clock.of(db), None
    if isinstance(row, Job):
        row.state, row.done_at = "queued", None
        db.info.setdefault("ring", set()).add(row.name)
    else:
        row.state = "waiting"
    if row.tenant_id is not None:
        notices.seen(db, tenant_id=row.tenant_id, ref=f"work:{ref}")


def retry_all(db: Session, *, kind: Literal["delivery", "job", ""] = "", tenant_id: int | None = None) -> int:
    """Let everything that gave up try again, 200 of each at most. :return: how many"""
    refs = [line.ref for line in given_up(db, tenant_id=tenant_id) if line.ref.startswith(kind)]
    for ref in refs:
        retry(db, ref, tenant_id=tenant_id)
    return len(refs)
