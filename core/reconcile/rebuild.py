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
from core.audit import chain
from core.intake.counts import recount
from core.intake.models import Upload, UploadFile
from core.reconcile import counts, manifests, orphans
from core.reconcile.differences import Difference
from core.reconcile.run import tenants
from core.store import manifests as written
from core.studies.models import Instance, Patient, Series, Study, StudyModality
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

ASIDE = 1_000_000
"""Ranks on their way, above any that is."""


def rebuild(house: Application, *, code: str | None = None) -> Iterator[Difference]:
    """Give rows to everything in the store that has none; run it while nothing else does.

    Kinds beside those of a comparison: ``tenant.unknown`` (a folder of no tenant here), ``manifest.ids`` (a study is again
    what its manifest calls it), ``image.lost`` (an image of a manifest that is nowhere).
    """
    here = tenants(code)
    if code is None:
        yield from _without_tenant(house, {tenant.code for tenant in here})
    for tenant in here:
        adopted = named = 0
        for found in orphans.compare(house, tenant, repair=True, young=timedelta(0)):
            adopted += found.mended
            yield found
        for found in _named(house, tenant):
            named += found.mended
            yield found
        _complete(house, tenant)
        if adopted or named:
            with all_tenants(write=True) as session:
                chain.append(session, tenant_id=tenant.id, account_id=0, kind="index.rebuilt", ref="", stored=adopted)
        yield from counts.compare(house, tenant, repair=True)
        yield from manifests.compare(house, tenant, repair=True)


def _complete(house: Application, tenant: Tenant) -> None:
    """Nothing more is coming of a study that no manifest names and no upload under way brings."""
    coming = (
        sa.select(UploadFile.study_id).join(Upload, Upload.id == UploadFile.upload_id)
        .where(Upload.state != "done", UploadFile.study_id.is_not(None))
    )
    with house.system_ctx(tenant.id) as ctx:
        ctx.db.execute(
            sa.update(Study).where(Study.complete_at.is_(None), Study.id.not_in(coming)).values(complete_at=ctx.now())
            .execution_options(synchronize_session=False)
        )


def _without_tenant(house: Application, known: set[str]) -> Iterator[Difference]:
    root = house.config.blobs / "t"
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if place.name not in known:
            yield Difference(kind="tenant.unknown", tenant=place.name, ref=f"t/{place.name}",
                             said=f"make it: telerad tenant create {place.name}, then rebuild again")


def _named(house: Application, tenant: Tenant) -> Iterator[Difference]:
    """Give studies the names of their newest manifests, and say which images of those are nowhere."""
    root = house.disk.path(f"t/{tenant.code}/m")
    named = {path.name for path in root.iterdir()} if root.is_dir() else set()
    for data_id in sorted(named):
        manifest = written.newest(house, tenant.code, data_id)
        if manifest is not None:
            yield from _one(house, tenant, manifest, named)


def _one(house: Application, tenant: Tenant, manifest: dict[str, Any], named: set[str]) -> list[Difference]:
    ref, found = f"studies:study:{manifest['id']}", []
    with house.system_ctx(tenant.id) as ctx:
        study = ctx.db.scalars(sa.select(Study).where(Study.uid == manifest["uid"]).with_for_update()).one_or_none()
        if study is None or (study.public_id != manifest["id"] and study.public_id in named):
            return []                                     # nothing of it is left, or it was sent again since: said later
        now = written.of_study(ctx.db, study.id)
        if now is None or now["id"] != manifest["id"] or now["version"] < manifest["version"]:
            _give_names(ctx.db, study, manifest, tenant.zone)
            found.append(Difference(kind="manifest.ids", tenant=tenant.code, ref=ref, mended=True))
        found += [Difference(kind="image.lost", tenant=tenant.code, ref=ref, said=uid) for uid in _lost(ctx.db, study, manifest)]
    return found


def _give_names(db: Session, study: Study, manifest: dict[str, Any], zone: str) -> None:
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
    moved = set()
    for entry in manifest["series"]:
        if (row := series.get(entry["uid"])) is not None:
            row.public_id, row.hidden = entry["id"], entry["hidden"]
            if _give_images_names(db, row, entry["images"]):
                moved.add(row.id)
    if moved:
        recount(db, study, moved)
    changes = db.scalar(sa.select(sa.func.sum(Series.meta_version)).where(Series.study_id == study.id)) or 0
    study.version = max(study.version, manifest["version"] + 1 - changes)  # what is written now is newer than what was


def _give_images_names(db: Session, series: Series, images: list[dict[str, Any]]) -> bool:
    """Ids, and which bytes under one number are shown: files were adopted in any order.

    :return: whether others are shown than before
    """
    rows = {(i.sop_uid, i.data_sha256): i for i in db.scalars(sa.select(Instance).where(Instance.series_id == series.id))}
    known = [(rows[key], image) for image in images if (key := (image["uid"], image["data_sha256"])) in rows]
    moved = [(row, image["rank"]) for row, image in known if row.rank != image["rank"]]
    for row, rank in moved:
        row.rank = rank + ASIDE                           # one number shows one image at any moment
    db.flush()
    for row, rank in moved:
        row.rank = rank
    for row, image in known:
        row.public_id = image["id"]
    db.flush()
    return bool(moved)


def _when(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lost(db: Session, study: Study, manifest: dict[str, Any]) -> list[str]:
    """UIDs of images whose bytes no row has."""
    have = {(uid, data) for uid, data in db.execute(
        sa.select(Instance.sop_uid, Instance.data_sha256).join(Series, Series.id == Instance.series_id).where(Series.study_id == study.id)
    )}
    return [i["uid"] for entry in manifest["series"] for i in entry["images"] if (i["uid"], i["data_sha256"]) not in have]
