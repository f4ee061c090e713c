"""What must be true of the house after anything that can happen to it: power loss, killed processes, doubled messages.

Rules I1 to I12. `telerad doctor --deep` and every test of a fault run :func:`check`; plugins add the rules of their own
tables by ``reg.invariants``. Reads only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.access.models import StudyAccess, StudyGrant
from core.audit import chain
from core.audit.models import AuditHead
from core.store.blobs import storage_key
from core.store.models import Blob, StoredFile
from core.studies.models import Instance, Series, Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Delivery, Job, Outbox
from plugin_sdk.db import metadata
from plugin_sdk.invariants import Broken

if TYPE_CHECKING:
    from core.host.house import Application

OVERDUE = timedelta(minutes=15)
"""How long an event or a job may wait, and a lease be over, before somebody must look."""
CHUNK = 500


@dataclass(frozen=True)
class Look:
    """What a rule needs. ``deep`` reads every byte of the store, else names and sizes only."""

    house: Application
    db: Session
    deep: bool


def check(house: Application, *, deep: bool = True) -> Iterator[Broken]:
    """Every rule over every tenant; nothing when all is well."""
    with all_tenants() as db:
        look = Look(house, db, deep)
        for rule in RULES:
            yield from rule(look)
    for declared in house.plugins.house.by_owner.values():
        for dotted in declared.invariant_checks:
            yield from house.resolve(dotted)(house)


def bytes_of_rows(look: Look) -> Iterator[Broken]:
    """I1, I3: every row that names bytes has them, and they are the ones it names."""
    codes = _codes(look.db)
    last = 0
    while rows := look.db.execute(
        sa.select(Blob.id, Blob.tenant_id, Blob.sha256, Blob.gen, Blob.size)
        .where(Blob.id > last, Blob.state == "live").order_by(Blob.id).limit(CHUNK)
    ).all():
        for row in rows:
            last = row.id
            key = storage_key(codes[row.tenant_id], row.sha256, row.gen)
            if not look.house.disk.exists(key):
                if _named(look.db, row.id):
                    yield Broken("I3", row.tenant_id, f"blob {row.id} has no bytes")
            elif look.house.disk.size(key) != row.size or (look.deep and _digest(look.house, key) != row.sha256):
                yield Broken("I1", row.tenant_id, f"blob {row.id} has other bytes")


def _named(db: Session, blob_id: int) -> bool:
    used = [sa.exists().where(table.blob_id == blob_id) for table in (Instance, StoredFile)]
    return bool(db.scalar(sa.select(sa.or_(*used))))


def _digest(house: Application, key: str) -> str:
    found = hashlib.sha256()
    for part in house.disk.chunks(key):
        found.update(part)
    return found.hexdigest()


def counts(look: Look) -> Iterator[Broken]:
    """I2: what lists and QIDO show as counts is what is there."""
    there = {row.study_id: row for row in look.db.execute(
        sa.select(Series.study_id, sa.func.count(sa.distinct(Series.id)).label("series"),
                  sa.func.count(Instance.id).label("instances"), sa.func.sum(Blob.size).label("bytes"))
        .join(Instance, sa.and_(Instance.series_id == Series.id, Instance.rank == 0))
        .join(Blob, Blob.id == Instance.blob_id)
        .group_by(Series.study_id)
    )}
    for study in look.db.execute(sa.select(Study.id, Study.tenant_id, Study.n_series, Study.n_instances, Study.bytes)):
        row = there.get(study.id)
        real = (row.series, row.instances, int(row.bytes)) if row else (0, 0, 0)
        if real != (study.n_series, study.n_instances, study.bytes):
            yield Broken("I2", study.tenant_id, f"study {study.id} says {tuple(study[2:])}, holds {real}")
    shown = sa.select(Series.id, sa.func.count(Instance.id)).outerjoin(
        Instance, sa.and_(Instance.series_id == Series.id, Instance.rank == 0)
    ).group_by(Series.id)
    stored = {s.id: s for s in look.db.execute(sa.select(Series.id, Series.tenant_id, Series.n_instances))}
    for series_id, number in look.db.execute(shown):
        if stored[series_id].n_instances != number:
            yield Broken("I2", stored[series_id].tenant_id, f"series {series_id} does not hold what it says")


def work(look: Look) -> Iterator[Broken]:
    """I8: every event is done once per listener, or waits, or visibly gave up; no work is forgotten."""
    at = clock.of(look.db)
    owed = sa.select(Delivery.id, Delivery.tenant_id, Delivery.state, Delivery.err, Outbox.at).join(
        Outbox, Outbox.id == Delivery.outbox_id
    ).where(Delivery.state != "done")
    for row in look.db.execute(owed):
        if row.state not in ("waiting", "leased", "parked"):
            yield Broken("I8", row.tenant_id, f"delivery {row.id} is {row.state}")
        elif row.state != "parked" and not row.err and at - row.at > OVERDUE:
            yield Broken("I8", row.tenant_id, f"delivery {row.id} was never tried")
    for job in look.db.scalars(sa.select(Job).where(Job.state.in_(("queued", "running")))):
        held = job.state == "running" and job.lease_until is not None and at - job.lease_until > OVERDUE
        known = job.name in look.house.plugins.house.jobs
        if held or (known and job.state == "queued" and not job.tries and at - job.queued_at > OVERDUE):
            yield Broken("I8", job.tenant_id or 0, f"job {job.public_id} {job.name} is forgotten")


def log(look: Look) -> Iterator[Broken]:
    """I10: the operation log of every tenant fits together from its first entry to its head."""
    for head in look.db.scalars(sa.select(AuditHead)):
        if (seq := chain.first_bad(look.db, head.tenant_id, head.chain)) is not None:
            yield Broken("I10", head.tenant_id, f"{head.chain} entry {seq} does not fit")


def sight(look: Look) -> Iterator[Broken]:
    """I11: an opening stands on grants of its own owner and tenant; no grant outlives the one it was made under."""
    grants = {g.id: g for g in look.db.scalars(sa.select(StudyGrant))}
    for grant in grants.values():
        above = grants.get(grant.source_grant_id or 0)
        if above is not None and above.revoked_at is not None and grant.revoked_at is None:
            yield Broken("I11", grant.owner_tenant, f"grant {grant.id} outlives grant {above.id}")
    for opening in look.db.scalars(sa.select(StudyAccess).where(StudyAccess.owner_tenant != StudyAccess.tenant_id)):
        stands = [grants[i] for i in opening.grant_ids if i in grants]
        if not set(opening.study_ids) <= {g.study_id for g in stands if g.owner_tenant == opening.owner_tenant}:
            yield Broken("I11", opening.owner_tenant, f"opening {opening.id} shows more than its grants")


RULES: tuple[Callable[[Look], Iterator[Broken]], ...] = (bytes_of_rows, counts, work, log, sight)


def _codes(db: Session) -> Mapping[int, str]:
    return {row.id: row.code for row in db.execute(sa.select(Tenant.id, Tenant.code))}


def digest_of_tenant(tenant_id: int) -> str:
    """I12: one digest over every row of a tenant. What another tenant does must not change it."""
    found = hashlib.sha256()
    with all_tenants() as db:
        for table in metadata.sorted_tables:
            mine: list[Any] = [
                table.c[name] == tenant_id for name in ("tenant_id", "hospital_id", "group_id", "owner_tenant") if name in table.c
            ]
            if mine:
                found.update(table.name.encode())
                for row in db.execute(sa.select(table).where(sa.or_(*mine)).order_by(*table.primary_key.columns)):
                    found.update(repr(tuple(row)).encode())
    return found.hexdigest()
