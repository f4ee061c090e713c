"""One manifest per study version, in the store itself: what the study is made of, so that an index can be rebuilt from it.

``t/<tenant code>/m/<data id>/<version>.json``. The version grows with every change of the study's objects.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.store.models import Blob
from core.studies.models import Instance, Patient, Series, Study
from plugin_sdk.events import StudyChanged, StudyComplete
from plugin_sdk.ids import row_id
from plugin_sdk.words import stamp

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

JOB = "store.manifest"


def folder(tenant_code: str, data_id: str) -> str:
    return f"t/{tenant_code}/m/{data_id}"


def on_study(ctx: TenantCtx, event: StudyComplete | StudyChanged) -> None:
    """A study is complete or has changed: its manifest is written by a job, outside any transaction."""
    ctx.enqueue(JOB, study_id=event.study_id)


def write_job(ctx: TenantCtx, *, study_id: int) -> None:
    with ctx.app.system_ctx(ctx.tenant.id, write=False) as reading:
        manifest = of_study(reading.db, study_id)
    if manifest is not None:
        write(ctx.app, ctx.tenant.code, manifest)


def of_study(db: Session, study_id: int) -> dict[str, Any] | None:
    """What a manifest says now; None when there is no such study. Ids and digests, no names."""
    study = db.scalars(sa.select(Study).where(Study.id == study_id)).one_or_none()
    if study is None:
        return None
    patient = db.scalars(sa.select(Patient).where(Patient.id == study.patient_id)).one()
    found = db.execute(
        sa.select(Series, Instance, Blob)
        .join(Instance, Instance.series_id == Series.id).join(Blob, Blob.id == Instance.blob_id)
        .where(Series.study_id == study_id).order_by(Series.id, Instance.id)
    ).all()
    series: dict[int, dict[str, Any]] = {}
    for row, instance, blob in found:
        entry = series.setdefault(row.id, {"id": row.public_id, "uid": row.uid, "hidden": row.hidden, "images": []})
        entry["images"].append({
            "id": instance.public_id, "uid": instance.sop_uid, "rank": instance.rank, "sha256": blob.sha256,
            "gen": blob.gen, "size": blob.size, "data_sha256": instance.data_sha256,
        })
    changes = db.scalar(sa.select(sa.func.coalesce(sa.func.sum(Series.meta_version), 0)).where(Series.study_id == study_id))
    return {
        "v": 1, "id": study.public_id, "uid": study.uid, "patient": patient.public_id,
        "version": study.version + int(changes or 0), "uploaded_at": stamp(study.uploaded_at),
        "complete_at": stamp(study.complete_at) if study.complete_at else None,
        "trashed_at": stamp(study.trashed_at) if study.trashed_at else None, "series": list(series.values()),
    }


def write(house: Application, tenant_code: str, manifest: dict[str, Any]) -> None:
    """Write a manifest durably in place of the one of the same version."""
    place, disk = folder(tenant_code, manifest["id"]), house.disk
    key = f"{place}/{manifest['version']}.json"
    part = f"{key}.{row_id()}.part"
    disk.make_folder(place)
    disk.write(part, json.dumps(manifest, ensure_ascii=False, sort_keys=True).encode("utf-8"))
    disk.sync(part)
    disk.rename(part, key)
    disk.sync_folder(place)


def newest(house: Application, tenant_code: str, data_id: str) -> dict[str, Any] | None:
    """The manifest of the highest version; None when there is none that can be read."""
    place = house.disk.path(folder(tenant_code, data_id))
    versions = sorted((int(p.stem) for p in place.glob("*.json") if p.stem.isdigit()), reverse=True)
    for version in versions:
        try:
            found = json.loads((place / f"{version}.json").read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("version") == version:
            return found
    return None
