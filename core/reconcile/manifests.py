"""Manifests against rows: one that is missing or older is written; one that is newer means that rows were lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.reconcile.differences import Difference
from core.store import manifests
from core.studies.models import Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
PAGE = 500


def compare(house: Application, tenant: Tenant, *, repair: bool) -> Iterator[Difference]:
    after, known = 0, set()
    while True:
        with all_tenants() as db:
            rows = db.execute(
                sa.select(Study.id, Study.public_id, Study.complete_at)
                .where(Study.tenant_id == tenant.id, Study.id > after).order_by(Study.id).limit(PAGE)
            ).all()
        for row in rows:
            known.add(row.public_id)
            if row.complete_at is not None and (found := _one(house, tenant, row.id, repair=repair)) is not None:
                yield found
        if len(rows) < PAGE:
            break
        after = rows[-1].id
    yield from _without_study(house, tenant, known)


def _one(house: Application, tenant: Tenant, study_id: int, *, repair: bool) -> Difference | None:
    with all_tenants() as db:
        now = manifests.of_study(db, study_id)
    if now is None:
        return None
    there = manifests.newest(house, tenant.code, now["id"])
    if there == now:
        return None
    ref = f"studies:study:{now['id']}"
    if there is not None and there["version"] > now["version"]:
        log.error("manifest newer than its rows", extra={"tenant": tenant.code, "study_id": study_id})
        said = f"version {there['version']}, rows {now['version']}"
        return Difference(kind="manifest.newer", tenant=tenant.code, ref=ref, said=said)
    if repair:
        manifests.write(house, tenant.code, now)
    return Difference(kind="manifest.missing" if there is None else "manifest.older", tenant=tenant.code, ref=ref, mended=repair)


def _without_study(house: Application, tenant: Tenant, known: set[str]) -> Iterator[Difference]:
    """A manifest whose study has no row: rows were lost."""
    place = house.disk.path(f"t/{tenant.code}/m")
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name not in known:
            yield Difference(kind="manifest.no_study", tenant=tenant.code, ref=f"studies:study:{path.name}")
