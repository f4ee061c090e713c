"""Files that are no DICOM objects, as a ctx sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.store.blobs import sha256_of, storage_key
from core.store.models import Blob, StoredFile
from plugin_sdk.errors import NotFound

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class FileService:
    """Implements :class:`plugin_sdk.types.Files`."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def put(self, *, kind: str, data: bytes, media: str, name: str, study_id: int | None = None) -> str:
        """Keep bytes and name them. :return: public id of the file"""
        return self.put_row(kind=kind, data=data, media=media, name=name, study_id=study_id).public_id

    def put_row(self, *, kind: str, data: bytes, media: str, name: str, study_id: int | None = None) -> StoredFile:
        digest = sha256_of(data)
        self.ctx.app.blobs.keep(self.ctx.tenant.code, digest, data)
        blob = self.ctx.db.scalars(sa.select(Blob).where(Blob.sha256 == digest, Blob.gen == 0)).one_or_none()
        if blob is None:
            blob = Blob(sha256=digest, size=len(data), created_at=clock.now())
            self.ctx.db.add(blob)
            self.ctx.db.flush()
        row = StoredFile(
            kind=kind, name=name[:200], media=media, blob_id=blob.id, study_id=study_id,
            created_by=self.ctx.user.id if self.ctx.user else 0, created_at=clock.now(),
        )
        self.ctx.db.add(row)
        self.ctx.db.flush()
        return row

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
