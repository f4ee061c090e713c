"""Whether work towards the outside waits for a person: after a restore nobody knows what was already sent.

While it is held no delivery, timer, planned job or job of the backup is taken up; jobs that people start now run.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.work.models import Lease

NAME = "work.held"
LONG = timedelta(days=36500)


def hold(db: Session, why: str) -> None:
    """Hold all work that would go out. :param why: the id of the backup that was restored"""
    db.merge(Lease(name=NAME, holder=why, until=(at := clock.of(db)) + LONG, fence=0, ran_at=at))


def release(db: Session) -> bool:
    """:return: whether anything was held"""
    row = db.get(Lease, NAME)
    if row is None:
        return False
    db.delete(row)
    return True


def since(db: Session) -> datetime | None:
    """Since when work is held; None when it is not. Jobs that were queued later are people's own and run."""
    return db.scalar(sa.select(Lease.ran_at).where(Lease.name == NAME))
