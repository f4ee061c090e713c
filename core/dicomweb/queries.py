"""The statements of DICOMweb. Each names the owner in its criterion, because an opening has no tenant of its own."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from core.access.openings import Scope
from core.dicomweb.parameters import Search
from core.dicomweb.scope import Level, of_tenant, shown, visible
from core.store.models import Blob
from core.studies.models import Instance, InstanceFrames, Patient, Series, SeriesMeta, Study, StudyModality
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db as database

log = logging.getLogger(__name__)
WAIT_MS = 250
STUDY_COLUMNS = (
    Study.id.label("study_id"), Study.uid.label("study_uid"), Study.study_date, Study.study_time, Study.accession,
    Study.description, Study.institution, Study.physician, Study.age, Patient.name, Patient.pid, Patient.issuer,
    Patient.birth_date, Patient.sex,
)
SERIES_COLUMNS = (
    Series.id.label("series_id"), Series.uid.label("series_uid"), Series.modality, Series.number.label("series_number"),
    Series.description.label("series_description"), Series.body_part, Series.series_at, Series.n_instances,
)
INSTANCE_COLUMNS = (Instance.id.label("instance_id"), Instance.sop_uid, Instance.sop_class,
                    Instance.number.label("instance_number"))
COLUMNS = (STUDY_COLUMNS, STUDY_COLUMNS + SERIES_COLUMNS, STUDY_COLUMNS + SERIES_COLUMNS + INSTANCE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Counts:
    series: int
    instances: int
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One shown instance and where its bytes are."""

    id: int
    tenant_id: int
    tenant_code: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    n_frames: int
    sha256: str
    gen: int
    size: int


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A shown series with its stored metadata, ``gz`` None when missing or behind ``version``."""

    id: int
    uid: str
    version: int
    gz: bytes | None


def search(scope: Scope, wanted: Search, *, study_uid: str | None, series_uid: str | None) -> Sequence[Any]:
    """Rows of a search, newest study first; one more than the limit when there are more."""
    stmt = visible(scope, wanted.level, *COLUMNS[wanted.level]).where(*wanted.clauses)
    newest: tuple[Any, ...] = (Study.study_at.desc(), Study.id.desc())
    if wanted.few:
        newest = (Study.study_at.concat("").desc(), Study.id.desc())
    if study_uid is not None:
        stmt, newest = stmt.where(Study.uid == study_uid), ()
    if series_uid is not None:
        stmt = stmt.where(Series.uid == series_uid)
    if wanted.modality:
        stmt = stmt.join(
            StudyModality,
            sa.and_(StudyModality.study_id == Study.id, StudyModality.tenant_id == scope.owner_tenant,
                    StudyModality.modality == wanted.modality),
        )
        newest = (StudyModality.study_at.desc(), StudyModality.study_id.desc())
    if wanted.level >= Level.SERIES:
        newest += (Series.number.nulls_last(), Series.id)
    if wanted.level >= Level.INSTANCE:
        newest += (Instance.number.nulls_last(), Instance.id)
    with all_tenants() as db:
        return db.execute(stmt.order_by(*newest).limit(wanted.limit + 1).offset(wanted.offset)).all()


def counts(scope: Scope, study_ids: Collection[int]) -> Mapping[int, Counts]:
    """Series, instances and modalities that the scope shows, for a page of studies in one statement."""
    stmt = (
        sa.select(Series.study_id, Series.modality, sa.func.count(), sa.func.sum(Series.n_instances))
        .where(of_tenant(Series, scope.owner_tenant), Series.study_id.in_(sorted(set(study_ids))), shown(scope))
        .group_by(Series.study_id, Series.modality)
        .order_by(Series.study_id, Series.modality)
    )
    found: dict[int, Counts] = {}
    with all_tenants() as db:
        for study_id, modality, series, instances in db.execute(stmt):
            so_far = found.get(study_id, Counts(0, 0, ()))
            found[study_id] = Counts(
                so_far.series + series, so_far.instances + int(instances or 0),
                (*so_far.modalities, *([modality] if modality else [])),
            )
    return found


def headers(scope: Scope, instance_ids: Collection[int]) -> Mapping[int, bytes]:
    """Gzipped DICOM JSON of instances that were found in scope before."""
    stmt = sa.select(InstanceFrames.instance_id, InstanceFrames.meta).where(
        InstanceFrames.tenant_id == scope.owner_tenant, InstanceFrames.instance_id.in_(sorted(instance_ids))
    )
    with all_tenants() as db:
        return {key: meta for key, meta in db.execute(stmt)}


def exists(scope: Scope, study_uid: str, series_uid: str | None = None) -> bool:
    level = Level.STUDY if series_uid is None else Level.SERIES
    stmt = visible(scope, level, Study.id).where(Study.uid == study_uid)
    if series_uid is not None:
        stmt = stmt.where(Series.uid == series_uid)
    with all_tenants() as db:
        return db.execute(stmt.limit(1)).first() is not None


def objects(
    scope: Scope, study_uid: str, series_uid: str | None = None, sop_uid: str | None = None
) -> Sequence[StoredObject]:
    """Shown instances of a study, a series or one, in the order of the device."""
    columns = (
        Instance.id, Instance.tenant_id, Tenant.code, Study.uid, Series.uid, Instance.sop_uid, Instance.sop_class,
        Instance.transfer_syntax, Instance.n_frames, Blob.sha256, Blob.gen, Blob.size,
    )
    stmt = (
        visible(scope, Level.INSTANCE, *columns)
        .join(Blob, sa.and_(Blob.id == Instance.blob_id, of_tenant(Blob, Instance.tenant_id)))
        .join(Tenant, Tenant.id == Instance.tenant_id)
        .where(Study.uid == study_uid)
        .order_by(Series.number.nulls_last(), Series.id, Instance.number.nulls_last(), Instance.id)
    )
    if series_uid is not None:
        stmt = stmt.where(Series.uid == series_uid)
    if sop_uid is not None:
        stmt = stmt.where(Instance.sop_uid == sop_uid)
    with all_tenants() as db:
        return [StoredObject(*row) for row in db.execute(stmt)]


def layout(tenant_id: int, instance_id: int) -> tuple[int, int, bytes | None, bytes] | None:
    """Offset, length and packed frames of an instance's pixels, and its header."""
    stmt = sa.select(
        InstanceFrames.pixel_offset, InstanceFrames.pixel_length, InstanceFrames.offsets, InstanceFrames.meta
    ).where(InstanceFrames.tenant_id == tenant_id, InstanceFrames.instance_id == instance_id)
    with all_tenants() as db:
        row = db.execute(stmt).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


def series(scope: Scope, study_uid: str, series_uid: str | None = None) -> Sequence[SeriesRef]:
    """Shown series of a study with their stored metadata, in the order of the device."""
    stmt = (
        visible(scope, Level.SERIES, Series.id, Series.uid, Series.meta_version, SeriesMeta.version, SeriesMeta.gz)
        .outerjoin(SeriesMeta, sa.and_(SeriesMeta.series_id == Series.id, of_tenant(SeriesMeta, Series.tenant_id)))
        .where(Study.uid == study_uid)
        .order_by(Series.number.nulls_last(), Series.id)
    )
    if series_uid is not None:
        stmt = stmt.where(Series.uid == series_uid)
    with all_tenants() as db:
        return [
            SeriesRef(id=i, uid=uid, version=version, gz=gz if stored is not None and stored >= version else None)
            for i, uid, version, stored, gz in db.execute(stmt)
        ]


def series_headers(scope: Scope, series_id: int) -> tuple[int, Sequence[bytes]]:
    """Version, then the gzipped header of each shown instance, read at one moment."""
    stmt = (
        sa.select(InstanceFrames.meta)
        .join(Instance, sa.and_(InstanceFrames.instance_id == Instance.id,
                                of_tenant(InstanceFrames, Instance.tenant_id)))
        .where(of_tenant(Instance, scope.owner_tenant), Instance.series_id == series_id, Instance.rank == 0)
        .order_by(Instance.number.nulls_last(), Instance.id)
    )
    version = sa.select(Series.meta_version).where(Series.tenant_id == scope.owner_tenant, Series.id == series_id)
    with all_tenants() as db:
        return db.scalar(version) or 0, db.scalars(stmt).all()


def keep_metadata(scope: Scope, series_id: int, version: int, gz: bytes) -> bool:
    """Store built metadata for the next reader, if the database has a moment: a reader never waits for a writer.

    :return: False when somebody else was writing, or had stored the same or a newer version
    """
    table, mine = SeriesMeta.__table__, SeriesMeta.series_id == series_id
    older = sa.delete(SeriesMeta).where(mine, SeriesMeta.tenant_id == scope.owner_tenant, SeriesMeta.version < version)
    row = {"tenant_id": scope.owner_tenant, "series_id": series_id, "version": version, "gz": gz}
    with database.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        try:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={WAIT_MS}" if sqlite else f"SET LOCAL lock_timeout={WAIT_MS}")
            connection.execute(older)
            connection.execute(sa.insert(table).values(row))  # type: ignore[arg-type]
            connection.commit()
        except DBAPIError:
            connection.rollback()
            log.info("metadata not stored", extra={"series_id": series_id})
            return False
        finally:
            if sqlite:
                connection.exec_driver_sql("PRAGMA busy_timeout=15000")
                connection.rollback()
    return True
