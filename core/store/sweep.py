"""Take away bytes that nothing points to, 30 days after the last row let go. Never while a backup runs.

live, wanted by no row > 30 days later dying, in a transaction that asks again > file removed > row removed. What is
sent again meanwhile gets the next generation of its key, so that no removal meets a new file.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.store.blobs import storage_key
from core.store.models import Blob
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Lease
from plugin_sdk.db import metadata

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
KEPT = timedelta(days=30)
BACKUP = "backup.running"
PAGE = 500


def sweep(house: Application) -> int:
    """:return: how many files went; 0 while a backup runs"""
    _know_the_lease()
    _note_orphans()
    gone = 0
    while marked := _mark():
        gone += _remove(house)
        if marked < PAGE:
            break
    return gone + _remove(house)


def wanted() -> sa.ColumnElement[bool]:
    """Whether a row of any table, a plugin's too, points to a blob."""
    blob: Any = Blob.__table__
    points = [
        sa.exists().where(sa.and_(*(e.parent == e.column for e in key.elements)))
        for table in metadata.tables.values() for key in table.foreign_key_constraints
        if key.referred_table is blob
    ]
    return sa.or_(*points)


def _know_the_lease() -> None:
    """The lease's row must be there to be locked: a backup that begins while blobs are marked waits for it."""
    with all_tenants(write=True) as db:
        if db.get(Lease, BACKUP) is None:
            db.add(Lease(name=BACKUP, holder="", until=clock.of(db), fence=0))


def _note_orphans() -> None:
    """Remember since when nothing points to a blob; forget it when something does again."""
    with all_tenants(write=True) as db:
        for statement in (
            sa.update(Blob).where(Blob.orphan_since.is_(None), Blob.state == "live", ~wanted()).values(orphan_since=clock.of(db)),
            sa.update(Blob).where(Blob.orphan_since.is_not(None), Blob.state == "live", wanted()).values(orphan_since=None),
        ):
            db.execute(statement.execution_options(synchronize_session=False))


def _mark() -> int:
    """Decide in one transaction with a look at the backup's lease: whoever begins later sees what was decided."""
    with all_tenants(write=True) as db:
        at = clock.of(db)
        if _backup_runs(db):
            return 0
        ids = list(db.scalars(
            sa.select(Blob.id).where(Blob.state == "live", Blob.orphan_since < at - KEPT, ~wanted()).limit(PAGE).with_for_update()
        ))
        db.execute(
            sa.update(Blob).where(Blob.id.in_(ids)).values(state="dying").execution_options(synchronize_session=False)
        )
        return len(ids)


def _backup_runs(db: Session) -> bool:
    row = db.scalars(sa.select(Lease).where(Lease.name == BACKUP).with_for_update()).one_or_none()
    return row is not None and row.until > clock.of(db)


def _remove(house: Application) -> int:
    """Remove what is dying. A file that is gone already is as good; its row goes last."""
    with all_tenants() as db:
        rows = db.execute(
            sa.select(Blob.id, Tenant.code, Blob.sha256, Blob.gen)
            .join(Tenant, Tenant.id == Blob.tenant_id).where(Blob.state == "dying").limit(PAGE)
        ).all()
    for row in rows:
        house.disk.remove(storage_key(row.code, row.sha256, row.gen))
    with all_tenants(write=True) as db:
        db.execute(
            sa.delete(Blob).where(Blob.id.in_([r.id for r in rows]), Blob.state == "dying", ~wanted())
            .execution_options(synchronize_session=False)
        )
    if rows:
        log.info("bytes removed", extra={"files": len(rows)})
    return len(rows)
