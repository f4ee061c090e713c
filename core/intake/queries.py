"""Reading uploads and what they may collide with, in scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from core.intake.models import Upload, UploadFile
from core.intake.outcomes import COUNTED, OPENED
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from plugin_sdk.errors import NotFound

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class Known(NamedTuple):
    """An object that is stored under the same UIDs."""

    id: int
    data_sha256: str
    sha256: str
    gen: int
    rank: int


def by_public_id(ctx: TenantCtx, public_id: str) -> Upload:
    """:raise NotFound: no such upload of this tenant"""
    row = ctx.db.scalars(sa.select(Upload).where(Upload.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def held_by_writer(ctx: TenantCtx, public_id: str) -> Upload:
    """An upload whose row stays locked until the commit (PostgreSQL), so that it cannot start meanwhile.

    :raise NotFound: no such upload of this tenant
    """
    row = ctx.db.scalars(
        sa.select(Upload).where(Upload.public_id == public_id).with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


class Line(NamedTuple):
    """A file or an entry of a zip, its study's data ID, and the zip it came in."""

    row: UploadFile
    study: str | None
    parent: str | None


def files_of(ctx: TenantCtx, upload_id: int, *, after: int = 0) -> Sequence[Line]:
    """Files and entries of an upload as sent; opened zips left out."""
    archive = aliased(UploadFile)
    rows = ctx.db.execute(
        sa.select(UploadFile, Study.public_id, archive.public_id)
        .outerjoin(Study, Study.id == UploadFile.study_id)
        .outerjoin(archive, archive.id == UploadFile.parent_id)
        .where(UploadFile.upload_id == upload_id, UploadFile.outcome != OPENED, UploadFile.id > after)
        .order_by(UploadFile.id)
    )
    return [Line(*row) for row in rows]


def sent_file(ctx: TenantCtx, public_id: str) -> tuple[Upload, UploadFile]:
    """A file on its way, by the id in its address: its own if it is one of a batch, else its upload's.

    :raise NotFound: there is none, or the upload has several files
    """
    rows = ctx.db.execute(
        sa.select(Upload, UploadFile)
        .join(UploadFile, UploadFile.upload_id == Upload.id)
        .where(sa.or_(Upload.public_id == public_id, UploadFile.public_id == public_id),
               UploadFile.parent_id.is_(None))
        .limit(2)
    ).all()
    if len(rows) != 1:
        raise NotFound
    upload, file = rows[0]
    return upload, file


def counts(ctx: TenantCtx, upload_id: int) -> Mapping[str, int]:
    """``files stored duplicate held refused``; they add up once the upload is done."""
    found = {
        outcome: n
        for outcome, n in ctx.db.execute(
            sa.select(UploadFile.outcome, sa.func.count())
            .where(UploadFile.upload_id == upload_id, UploadFile.outcome != OPENED)
            .group_by(UploadFile.outcome)
        )
    }
    return {"files": sum(found.values()), **{name: found.get(name, 0) for name in COUNTED}}


def pending(ctx: TenantCtx, upload_id: int, *, parent: int | None, limit: int = 500) -> Sequence[UploadFile]:
    """Files that wait, oldest first: those sent (``parent`` None), or the entries of one zip."""
    return ctx.db.scalars(
        sa.select(UploadFile)
        .where(UploadFile.upload_id == upload_id, UploadFile.parent_id.is_not_distinct_from(parent),
               UploadFile.outcome == "")
        .order_by(UploadFile.id)
        .limit(limit)
    ).all()


def same_sop(db: Session, study_uid: str, series_uid: str, sop_uid: str) -> Sequence[Known]:
    """Objects stored under these UIDs, the shown one first."""
    rows = db.execute(
        sa.select(Instance.id, Instance.data_sha256, Blob.sha256, Blob.gen, Instance.rank)
        .join(Series, Series.id == Instance.series_id)
        .join(Study, Study.id == Series.study_id)
        .join(Blob, Blob.id == Instance.blob_id)
        .where(Study.uid == study_uid, Series.uid == series_uid, Instance.sop_uid == sop_uid)
        .order_by(Instance.rank)
    )
    return [Known(*row) for row in rows]


def newest_blob(db: Session, sha256: str) -> Blob | None:
    return db.scalars(sa.select(Blob).where(Blob.sha256 == sha256).order_by(Blob.gen.desc()).limit(1)).one_or_none()


def count_entries(ctx: TenantCtx, parent: int) -> int:
    """How many entries of a zip are listed; they are listed in the zip's order."""
    return ctx.db.scalar(sa.select(sa.func.count()).where(UploadFile.parent_id == parent)) or 0


def counts_by_study(ctx: TenantCtx, upload_id: int) -> Mapping[int, Mapping[str, int]]:
    """``stored duplicate held`` per study that an upload touched."""
    found: dict[int, dict[str, int]] = {}
    for study_id, outcome, n in ctx.db.execute(
        sa.select(UploadFile.study_id, UploadFile.outcome, sa.func.count())
        .where(UploadFile.upload_id == upload_id, UploadFile.study_id.is_not(None))
        .group_by(UploadFile.study_id, UploadFile.outcome)
    ):
        assert study_id is not None
        found.setdefault(study_id, {"stored": 0, "duplicate": 0, "held": 0})[outcome] = n
    return found
