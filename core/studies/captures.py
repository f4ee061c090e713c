"""Key images: pictures that a person took in the viewer. Each side sees a study's captures; a group through its grant."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from PIL import Image, UnidentifiedImageError

from core import clock
from core.access import grants
from core.store.blobs import storage_key
from core.store.files import FileService
from core.store.models import Blob, StoredFile
from core.studies.models import Capture
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound, TooLarge, Unsupported
from plugin_sdk.types import CaptureView

if TYPE_CHECKING:
    from core.host.context import TenantCtx

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg"}


def add(
    ctx: TenantCtx, study_id: int, *, data: bytes, sop: str, frame: int, caption: str
) -> CaptureView:
    """Keep a key image in the owner's store. The picture is encoded again, so nothing but pixels survives.

    Right, encoding and disk come before the transaction that names the picture.

    :raise TooLarge: over 8 MB or 40 million pixels; :raise Unsupported: no PNG or JPEG
    :raise NotFound: the ctx may not see the study
    """
    with ctx.reading() as seen:
        grants.need(seen, study_id, "captures")
        clean, media = re_encode(data)
        kept = FileService(_owner(seen, study_id)).keep(clean)
    owner = _owner(ctx, study_id)
    row = FileService(owner).put_row(kept, kind="capture", media=media, name="capture", study_id=study_id)
    capture = Capture(
        study_id=study_id, file_id=row.id, sha256=kept.sha256, sop_uid=sop[:64], frame=frame,
        caption=caption[:100], origin=ctx.side, created_by=ctx.user.id if ctx.user else 0, created_at=clock.now(),
    )
    owner.db.add(capture)
    owner.db.flush()
    return _view(capture, row)


def re_encode(data: bytes) -> tuple[bytes, str]:
    if len(data) > MOST_BYTES:
        raise TooLarge
    try:
        image = Image.open(io.BytesIO(data))
        if image.format not in MEDIA:
            raise Unsupported
        if image.width * image.height > MOST_PIXELS:
            raise TooLarge
        out = io.BytesIO()
        kind = image.format
        image.convert("RGB").save(out, kind, **({"quality": 92} if kind == "JPEG" else {"optimize": False}))
    except Image.DecompressionBombError as error:
        raise TooLarge from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Unsupported from error
    return out.getvalue(), MEDIA[kind]


def views(ctx: TenantCtx, study_id: int, ids: Sequence[str] | None = None) -> Sequence[CaptureView]:
    """The study's captures in the order they were taken, or those named, in that order.

    :raise NotFound: one of ``ids`` is no capture of this study
    """
    grants.need(ctx, study_id, "captures")
    with all_tenants() as db:
        stmt = sa.select(Capture, StoredFile).join(StoredFile, StoredFile.id == Capture.file_id)
        rows = [_view(c, f) for c, f in db.execute(stmt.where(Capture.study_id == study_id).order_by(Capture.id))]
    if ids is None:
        return rows
    by_id = {v.id: v for v in rows}
    if any(i not in by_id for i in ids):
        raise NotFound
    return [by_id[i] for i in ids]


def read(ctx: TenantCtx, study_id: int, capture_id: str) -> tuple[bytes, str]:
    """Bytes and media type of a capture the ctx may see. :raise NotFound:"""
    grants.need(ctx, study_id, "captures")
    with all_tenants() as db:
        found = db.execute(
            sa.select(Blob.sha256, Blob.gen, StoredFile.media, Tenant.code)
            .select_from(Capture)
            .join(StoredFile, StoredFile.id == Capture.file_id)
            .join(Blob, Blob.id == StoredFile.blob_id)
            .join(Tenant, Tenant.id == Blob.tenant_id)
            .where(Capture.study_id == study_id, Capture.public_id == capture_id)
        ).one_or_none()
    if found is None:
        raise NotFound
    return ctx.app.blobs.read(storage_key(found.code, found.sha256, found.gen)), found.media


def _owner(ctx: TenantCtx, study_id: int) -> TenantCtx:
    """The ctx that owns the study: this one, or the hospital's over the live connection."""
    owner = grants.owner_of(ctx, study_id)
    if owner == ctx.tenant.id:
        return ctx
    link = next((v for v in ctx.links.active() if v.hospital.id == owner), None)
    if link is None:
        raise NotFound
    return ctx.at(link.id)


def _view(row: Capture, file: StoredFile) -> CaptureView:
    return CaptureView(
        id=row.public_id, file_id=file.public_id, sha256=row.sha256, sop=row.sop_uid, frame=row.frame,
        caption=row.caption, media=file.media, at=row.created_at,
    )

