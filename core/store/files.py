"""Files that are no DICOM objects, as a ctx sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock, faults
from core.store.blobs import sha256_of, storage_key
from core.store.models import Blob, StoredFile
from core.tenancy.sessions import insert_missing
from plugin_sdk.errors import Conflict, NotFound
from plugin_sdk.types import Kept

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class FileService:
    """Implements :class:`plugin_sdk.types.Files`."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def keep(self, data: bytes) -> Kept:
        """Make bytes durable. Call it before the transaction begins: it waits for the disk."""
        digest = sha256_of(data)
        with self.ctx.app.system_ctx(self.ctx.tenant.id, write=False) as reading:
            newest = _newest(reading.db, digest)
        gen = 0 if newest is None else newest.gen + (newest.state == "dying")
        self.ctx.app.blobs.keep(self.ctx.tenant.code, digest, data, gen, reserve=True)
        faults.point("files.kept")
        return Kept(sha256=digest, size=len(data))

    def put(self, kept: Kept, *, kind: str, media: str, name: str, study_id: int | None = None) -> str:
        """Name kept bytes. :return: public id of the file"""
        return self.put_row(kept, kind=kind, media=media, name=name, study_id=study_id).public_id

    def put_row(self, kept: Kept, *, kind: str, media: str, name: str, study_id: int | None = None) -> StoredFile:
        db = self.ctx.db
        blob = self._blob(kept)
        row = StoredFile(
            kind=kind, name=name[:200], media=media, blob_id=blob.id, study_id=study_id,
            created_by=self.ctx.user.id if self.ctx.user else 0, created_at=clock.now(),
        )
        db.add(row)
        db.flush()
        return row

    def _blob(self, kept: Kept) -> Blob:
        """The row of kept bytes, held against the sweeper until the commit. :raise Conflict: the sweeper was faster"""
        db = self.ctx.db
        gens = sa.select(sa.func.max(Blob.gen)).where(Blob.sha256 == kept.sha256)
        gen = db.scalar(gens)
        before = None if gen is None else db.scalars(
            sa.select(Blob).where(Blob.sha256 == kept.sha256, Blob.gen == gen).with_for_update(key_share=True)
        ).one_or_none()
        if before is not None and before.state == "live":
            before.orphan_since = None
            return before
        gen = 0 if gen is None else gen + 1
        if not self.ctx.app.disk.exists(storage_key(self.ctx.tenant.code, kept.sha256, gen)):
            raise Conflict
        insert_missing(db, Blob, sha256=kept.sha256, gen=gen, size=kept.size, created_at=clock.now())
        return db.scalars(sa.select(Blob).where(Blob.sha256 == kept.sha256, Blob.gen == gen)).one()

    def read(self, public_id: str) -> bytes:
        """:raise NotFound: no such file of this tenant"""
        row = self.ctx.db.execute(
            sa.select(Blob.sha256, Blob.gen)
            .join(StoredFile, StoredFile.blob_id == Blob.id)
            .where(StoredFile.public_id == public_id)
        ).one_or_none()
        if row is None:
            raise NotFound
        return self.ctx.app.blobs.read(storage_key(self.ctx.tenant.code, row.sha256, row.gen))


def _newest(db: Session, sha256: str) -> Blob | None:
    return db.scalars(sa.select(Blob).where(Blob.sha256 == sha256).order_by(Blob.gen.desc()).limit(1)).one_or_none()
