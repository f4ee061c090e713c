"""Let a restored house speak to the outside again, after a person has seen what may have been said already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts.models import ApiToken
from core.tenancy.sessions import all_tenants
from core.work import held
from core.work.models import CoreTimer, Delivery, Job, Lease
from plugin_sdk.words import stamp

if TYPE_CHECKING:
    from core.host.house import Application


def report(house: Application) -> Iterator[str]:
    """What waits to go out, and what cannot be known here, one line each."""
    with all_tenants() as db:
        lease = db.get(Lease, held.NAME)
        if lease is None or lease.ran_at is None:
            yield "nothing is held"
            return
        yield f"held since {stamp(lease.ran_at)}, after the restore of {lease.holder}"
        yield "sent between the backup and the loss, and unknown here: messages, payments, deliveries, confirmations"
        yield from _waiting(db)
        tokens = db.scalar(sa.select(sa.func.count()).select_from(ApiToken).where(ApiToken.revoked_at.is_(None))) or 0
        yield f"API tokens alive: {tokens}; what was revoked after the backup is alive again, revoke it again"


def release(house: Application) -> bool:
    """Let everything go. :return: whether anything was held"""
    with all_tenants(write=True) as db:
        return held.release(db)


def _waiting(db: Session) -> Iterator[str]:
    at = clock.now()
    for title, column, where in (
        ("deliveries waiting", Delivery.handler, Delivery.state.in_(("waiting", "leased"))),
        ("timers due", CoreTimer.job, sa.and_(CoreTimer.state == "waiting", CoreTimer.due_at <= at)),
        ("jobs queued", Job.name, Job.state.in_(("queued", "running"))),
    ):
        rows = db.execute(sa.select(column, sa.func.count()).where(where).group_by(column).order_by(column)).all()
        yield f"{title}: {sum(n for _, n in rows)}"
        for name, number in rows:
            yield f"  {number} x {name}"
