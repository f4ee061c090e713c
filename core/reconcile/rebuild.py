"""An index out of the store: rows of studies whose database was lost or is too old, under the ids they had.

The images say what they are, the manifests what they were called. Requests, reports and the log were in the database
alone: those come back from a backup only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.reconcile import counts, manifests, orphans
from core.reconcile.differences import Difference
from core.reconcile.run import tenants
from core.store import manifests as written
from core.studies.models import Instance, Patient, Series, Study, StudyModality
from core.tenancy.models import Tenant

if TYPE_CHECKING:
    from core.host.house import Application


def rebuild(house: Application, *, code: str | None = None) -> Iterator[Difference]:
    """Give rows to everything in the store that has none; run it while nothing else does.

    Kinds beside those of a comparison: ``tenant.unknown`` (a folder of no tenant here), ``manifest.ids`` (a study has its
    ids again), ``image.lost`` (an image of a manifest that is nowhere).
    """
    here = tenants(code)
    if code is None:
        yield from _without_tenant(house, {tenant.code for tenant in here})
    for tenant in here:
        yield from orphans.compare(house, tenant, repair=True, young=timedelta(0))
        yield from _named(house, tenant)
        yield from counts.compare(house, tenant, repair=True)
        yield from manifests.compare(house, tenant, repair=True)


def _without_tenant(house: Application, known: set[str]) -> Iterator[Difference]:
    root = house.config.blobs / "t"
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if place.name not in known:
            yield Difference(kind="tenant.unknown", tenant=place.name, ref=f"t/{place.name}",
                             said=f"make it: telerad tenant create {place.name}, then rebuild again")


def _named(house: Application, tenant: Tenant) -> Iterator[Difference]:
    """Give a study that was adopted the ids of its newest manifest, and say which of the manifest's images are nowhere."""
    root = house.disk.path(f"t/{tenant.code}/m")
    named = {path.name for path in root.iterdir()} if root.is_dir() else set()
    for data_id in sorted(named):
        manifest = written.newest(house, tenant.code, data_id)
        if manifest is None:
            continue
        with house.system_ctx(tenant.id) as ctx:
            study = ctx.db.scalars(sa.select(Study).where(Study.uid == manifest["uid"]).with_for_update()).one_or_none()
            if study is None or (study.public_id != data_id and study.public_id in named):
                continue                                  # nothing of it is left, or it was sent again since: said below
            ref = f"studies:study:{data_id}"
            if study.public_id != data_id:
                _give_ids(ctx.db, study, manifest, tenant.zone)
                yield Difference(kind="manifest.ids", tenant=tenant.code, ref=ref, mended=True)
            lost = _lost(ctx.db, study, manifest)
        for key in lost:
            yield Difference(kind="image.lost", tenant=tenant.code, ref=ref, said=key)


def _give_ids(db: Session, study: Study, manifest: dict[str, Any], zone: str) -> None:
    patient = db.scalars(sa.select(Patient).where(Patient.id == study.patient_id)).one()
    if db.scalar(sa.select(Patient.id).where(Patient.public_id == manifest["patient"])) is None:
        patient.public_id = manifest["patient"]
    study.public_id = manifest["id"]
    study.uploaded_at = datetime.fromisoformat(manifest["uploaded_at"])
    study.uploaded_day = clock.local(study.uploaded_at, zone).date()
    db.execute(sa.update(StudyModality).where(StudyModality.study_id == study.id).values(uploaded_at=study.uploaded_at))
    study.complete_at = _when(manifest["complete_at"])
    study.trashed_at = _when(manifest["trashed_at"])
    series = {row.uid: row for row in db.scalars(sa.select(Series).where(Series.study_id == study.id))}
    for entry in manifest["series"]:
        if (row := series.get(entry["uid"])) is None:
            continue
        row.public_id, row.hidden = entry["id"], entry["hidden"]
        images = {(i.sop_uid, i.data_sha256): i for i in db.scalars(sa.select(Instance).where(Instance.series_id == row.id))}
        for image in entry["images"]:
            if (instance := images.get((image["uid"], image["data_sha256"]))) is not None:
                instance.public_id = image["id"]
    changes = sum(row.meta_version for row in series.values())
    study.version = max(study.version, manifest["version"] + 1 - changes)  # what is written now is newer than what was


def _when(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lost(db: Session, study: Study, manifest: dict[str, Any]) -> list[str]:
    have = set(db.scalars(
        sa.select(Instance.sop_uid).join(Series, Series.id == Instance.series_id).where(Series.study_id == study.id)
    ))
    return [image["uid"] for entry in manifest["series"] for image in entry["images"] if image["uid"] not in have]
